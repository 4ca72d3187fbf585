"""``GET /api/v1/queues``: how much mail waits for which domain, and how long already; ``.../{domain}``: which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from momentum_trio.listener.web.asking import ask, failed
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.page import ROWS, ROWS_MAX, Page, Row, Window, page
from momentum_trio.listener.web.route import USER, Command, Operation, Route
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response, of_json

LINE = "domain all"
DOMAIN = r"^[A-Za-z0-9._:\[\]-]+$"
OFFSET_MAX = 100_000


class Queues(msgspec.Struct, frozen=True):
    """Domains by name, with connections, and messages that are active, delayed, sent and failed.

    oldest_seconds: age of the oldest that waits, of those that stand first. total: of all domains.
    """

    results: Sequence[Row]
    next: str | None
    total: dict[str, Any]


class Offset(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which part of a queue is wanted. cursor: ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = ROWS
    cursor: Annotated[int, Meta(ge=0, le=OFFSET_MAX)] = 0


async def get(exchange: Exchange) -> Response:
    """As the console's ``domain all``."""
    window = queried(exchange, Window)
    answer = await ask(exchange, LINE)
    if isinstance(answer, Response):
        return answer
    assert isinstance(answer.data, dict)
    shown = page(answer.data["domains"], window, lambda row: str(row["domain"]))
    return of_json(Queues(shown.results, shown.next, answer.data["total"]))


async def of_domain(exchange: Exchange) -> Response:
    """As the console's ``showqueue``, in all bindings. While mail comes and goes a page may miss or repeat some."""
    window = queried(exchange, Offset)
    begin, domain = window.cursor, exchange.parameters["domain"]
    if re.fullmatch(DOMAIN, domain) is None:
        return refusal(404, "Not found", "That is no domain.")
    answer = await ask(exchange, f"showqueue binding all {domain} {window.limit},{begin}")
    if isinstance(answer, Response):
        return answer
    if answer.failed:
        return failed(answer)
    assert isinstance(answer.data, list)
    end = begin + window.limit
    is_last = len(answer.data) < window.limit or end > OFFSET_MAX
    return of_json(Page(answer.data, None if is_last else str(end)))


QUEUES = Route(
    "GET",
    "/api/v1/queues",
    get,
    Command(LINE),
    Operation(
        "Mail that waits, by domain",
        "As the console's 'domain all'.",
        gives={200: Queues},
        query=Window,
    ),
)
QUEUE = Route(
    "GET",
    "/api/v1/queues/{domain}",
    of_domain,
    USER,
    Operation(
        "Messages that wait for a domain",
        "As the console's 'showqueue binding all DOMAIN'.",
        gives={200: Page},
        query=Offset,
        path={"domain": DOMAIN},
    ),
)
