"""``quit``: ends the session; the client does it, and the server only lists it."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _quit(request: Request) -> Answer:
    return Answer("", None)


QUIT = Command(("quit",), "End this session.", _quit, help="The client closes the connection; nothing else ends.")
