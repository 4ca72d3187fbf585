"""``GET /api/v1/sessions``: the inbound connections that are open."""

from __future__ import annotations

from momentum_trio.listener.web.asking import ask
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.page import Page, Row, Window, page
from momentum_trio.listener.web.route import Command, Operation, Route
from momentum_trio.protocol.http.response import Response, of_json

LINE = "show inbound"


async def get(exchange: Exchange) -> Response:
    """As the console's ``show inbound``, in the order of descriptors."""
    window = queried(exchange, Window)
    answer = await ask(exchange, LINE)
    if isinstance(answer, Response):
        return answer
    assert isinstance(answer.data, list)
    rows: list[Row] = sorted(answer.data, key=_key)
    return of_json(page(rows, window, _key))


def _key(row: Row) -> str:
    return f"{row['descriptor']:09d}"


SESSIONS = Route(
    "GET",
    "/api/v1/sessions",
    get,
    Command(LINE),
    Operation(
        "Inbound connections",
        "Who, over which service, in which phase, for how many seconds.",
        gives={200: Page},
        query=Window,
    ),
)
