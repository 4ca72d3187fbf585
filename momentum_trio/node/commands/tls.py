"""``tls show cache`` and ``tls flush cache``: the TLS contexts that are kept (spec/console.md section 5)."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _show(request: Request) -> Answer:
    return await request.administration.ask_mail("tls show cache")


async def _flush(request: Request) -> Answer:
    return await request.administration.ask_mail("tls flush cache")


SHOW = Command(
    ("tls", "show", "cache"),
    "Show the TLS contexts that are kept.",
    _show,
    help="A context holds certificates, keys and terms for the connections that have the same ones.",
)
FLUSH = Command(
    ("tls", "flush", "cache"),
    "Let the TLS contexts be made anew.",
    _flush,
    help="Connections go on with those they have.",
)
