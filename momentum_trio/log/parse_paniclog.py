"""The paniclog, read: the inverse of ``paniclog``'s form (spec/logs.md section 7)."""

from __future__ import annotations

import re
from typing import NamedTuple

from momentum_trio.log.escaping import unescaped
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, unreadable

_LINE = re.compile(r"([0-9]+):(.*)", re.DOTALL)


class Fault(NamedTuple):
    """``time:text``: what went wrong; its level does not stand in the line."""

    at: int
    text: str


def paniclog_entry(line: str) -> Fault | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        match = _LINE.fullmatch(line)
        if match is None:
            raise NotOurs("no time before a colon")
        return Fault(integer(match[1], "the time"), unescaped(match[2]))
    except NotOurs as fault:
        return unreadable(fault, line)
