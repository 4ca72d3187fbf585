"""``shutdown``: the drain a SIGTERM begins."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _shutdown(request: Request) -> Answer:
    request.administration.request_shutdown()
    return Answer("Shutting down.", {"shutdown": True})


SHUTDOWN = Command(
    ("shutdown",),
    "Stop accepting at once, finish what is being received, and end.",
    _shutdown,
    help="Open mail transactions are finished, then their sessions are told 421. It is what SIGTERM does.",
)
