"""Whether the host lives, and whether it is ready for work: what those who watch over it ask."""

from __future__ import annotations

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import OPEN, Operation, Route
from momentum_trio.protocol.http.response import Response, of_text

_ALIVE = of_text("ok\n")


async def healthz(exchange: Exchange) -> Response:
    """It answers, so it lives."""
    return _ALIVE


HEALTHZ = Route("GET", "/healthz", healthz, OPEN, Operation("Whether the host lives", gives={200: None}))
