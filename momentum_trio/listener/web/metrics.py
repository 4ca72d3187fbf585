"""What the node counts, for Prometheus (docs/metrics.md)."""

from __future__ import annotations

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import Command, Operation, Route
from momentum_trio.metrics.exposition import MEDIA_TYPE, exposition
from momentum_trio.protocol.http.response import Response


async def metrics(exchange: Exchange) -> Response:
    """All of it, as it is now."""
    measure = exchange.services.measure
    assert measure is not None
    return Response(200, exposition(await measure()).encode(), MEDIA_TYPE)


METRICS = Route(
    "GET",
    "/metrics",
    metrics,
    Command("metrics"),
    Operation("What the node counts", "In Prometheus' text format, version 0.0.4.", gives={200: None}),
)
