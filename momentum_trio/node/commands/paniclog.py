"""``paniclog``: what went wrong last."""

from __future__ import annotations

from datetime import UTC, datetime

from momentum_trio.console.command import Answer, Command, Data, Request
from momentum_trio.log.escaping import rest
from momentum_trio.mail.record import Panic
from momentum_trio.node.recent_panics import KEPT_PER_LEVEL


async def _paniclog(request: Request) -> Answer:
    panics = request.administration.instruments.panics()
    return Answer("\n".join(map(_lines, panics)), list(map(_fields, panics)))


def _lines(panic: Panic) -> str:
    text = "\n    ".join(rest(line) for line in panic.text.split("\n"))
    return f"[{datetime.fromtimestamp(int(panic.at), UTC):%a %d %b %Y %H:%M:%S}] [{panic.level.value.lower()}] {text}"


def _fields(panic: Panic) -> Data:
    return {"at": panic.at, "level": panic.level.value, "text": panic.text}


PANICLOG = Command(
    ("paniclog",),
    "Show what was last said to the paniclog.",
    _paniclog,
    help=f"The last {KEPT_PER_LEVEL} of each level, whatever the loggers write; times in UTC.",
)
