"""``version``: what runs here."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _version(request: Request) -> Answer:
    version = request.administration.version
    return Answer(f"ecelerity version: {version}", {"product": "ecelerity", "version": version})


VERSION = Command(("version",), "Show the product and its version.", _version)
