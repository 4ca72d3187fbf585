"""``version``: what runs here."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _version(request: Request) -> Answer:
    product, version = request.administration.product, request.administration.version
    return Answer(f"{product} version: {version}", {"product": product, "version": version})


VERSION = Command(("version",), "Show the product and its version.", _version)
