"""Whether the host lives, and whether it is ready for work: what those who watch over it ask."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from momentum_trio.console.facade import ListenState
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import OPEN, USER, Operation, Route
from momentum_trio.protocol.http.response import Response, of_json, of_text

_ALIVE = of_text("ok\n")


class Readiness(msgspec.Struct, frozen=True):
    """Whether mail should be sent here, and what speaks against it."""

    ready: bool
    reasons: tuple[str, ...]


async def healthz(exchange: Exchange) -> Response:
    """It answers, so it lives."""
    return _ALIVE


async def readyz(exchange: Exchange) -> Response:
    """Whether the spool writes, the Listens are open, and nothing drains; 503 if not."""
    reasons = tuple(_unready(exchange))
    return of_json(Readiness(not reasons, reasons), 503 if reasons else 200)


def _unready(exchange: Exchange) -> Iterator[str]:
    services = exchange.services
    if exchange.connection.draining.is_set():
        yield "the host drains"
    if services.door is not None and not services.door.spool.is_well:
        yield "the spool cannot write"
    if services.administration is not None:
        for listen in services.administration.listeners():
            if listen.state is ListenState.FAILED:
                yield f"{listen.listener} {listen.endpoint} is not open"


HEALTHZ = Route("GET", "/healthz", healthz, OPEN, Operation("Whether the host lives", gives={200: None}))
READYZ = Route(
    "GET",
    "/readyz",
    readyz,
    USER,
    Operation("Whether mail should be sent to the host", gives={200: Readiness, 503: Readiness}),
)
