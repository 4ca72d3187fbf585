"""``GET /api/v1/summary`` and ``/api/v1/paniclog``: how the host fares."""

from __future__ import annotations

from typing import Any

import msgspec

from momentum_trio.listener.web.asking import ask, failed
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import Command, Operation, Route
from momentum_trio.protocol.http.response import Response, of_json


class Summary(msgspec.Struct, frozen=True):
    """The counts of ``summary``, by name, and its warnings."""

    results: dict[str, Any]


class Panic(msgspec.Struct, frozen=True):
    """Something that went wrong. at: Unix seconds."""

    at: float
    level: str
    text: str


class Panics(msgspec.Struct, frozen=True):
    """The last of each level, the oldest first."""

    results: list[Panic]


async def _asked(exchange: Exchange, line: str) -> Response:
    answer = await ask(exchange, line)
    if isinstance(answer, Response):
        return answer
    return failed(answer) if answer.failed else of_json({"results": answer.data})


async def summary(exchange: Exchange) -> Response:
    """As the console's ``summary``."""
    return await _asked(exchange, "summary")


async def paniclog(exchange: Exchange) -> Response:
    """As the console's ``paniclog``."""
    return await _asked(exchange, "paniclog")


SUMMARY = Route(
    "GET",
    "/api/v1/summary",
    summary,
    Command("summary"),
    Operation("Counts of the host", gives={200: Summary}),
)
PANICLOG = Route(
    "GET",
    "/api/v1/paniclog",
    paniclog,
    Command("paniclog"),
    Operation("What went wrong last", gives={200: Panics}),
)
