"""``pid``: the number alone."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _pid(request: Request) -> Answer:
    pid = request.administration.pid
    return Answer(str(pid), {"pid": pid})


PID = Command(("pid",), "Show the process id of the server.", _pid)
