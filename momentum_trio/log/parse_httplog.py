"""The httplog, read: the inverse of ``httplog``'s form (spec/logs.md section 8)."""

from __future__ import annotations

import re
from typing import NamedTuple

from momentum_trio.log.escaping import unescaped
from momentum_trio.log.httplog import NOTHING
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, unreadable

_WORD = r'(?:"(?:[^"\\]|\\.)*"|[^" ]+)'
_LINE = re.compile(rf'([0-9]+) ({_WORD}) ({_WORD}) ("(?:[^"\\]|\\.)*") ([0-9]{{3}}) ([0-9]+) ([0-9]+\.[0-9]{{3}})')


class Request(NamedTuple):
    """One request. peer: empty for a Unix peer. request: ``GET path HTTP/1.1``; ``-`` where what came was none."""

    at: int
    peer: str
    endpoint: str
    request: str
    status: int
    octets: int
    milliseconds: float


def httplog_entry(line: str) -> Request | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        found = _LINE.fullmatch(line)
        if found is None:
            raise NotOurs('not time, peer, endpoint, "request", status, octets and milliseconds')
        at, octets = integer(found[1], "the time"), integer(found[6], "the octets")
        return Request(at, _said(found[2]), _said(found[3]), _said(found[4]), int(found[5]), octets, float(found[7]))
    except NotOurs as fault:
        return unreadable(fault, line)


def _said(text: str) -> str:
    if text.startswith('"'):
        return unescaped(text[1:-1])
    return "" if text == NOTHING else text
