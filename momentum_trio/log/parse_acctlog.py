"""The acctlog, read: the inverse of ``acctlog``'s forms (spec/logs.md section 6)."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from momentum_trio.log.escaping import fields
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, unreadable

_TYPE, _AUTHENTICATION_FIELDS, _AUTHORIZATION_FIELDS = 1, 6, 7
_AUTHENTICATIONS = ("N", "T", "?")
_RESULTS = {"1": 1, "0": 0, "-1": -1}


class Authentication(NamedTuple):
    """``N``; ``T`` where the proof took too long; ``?``. result: 1 proved, 0 not."""

    at: int
    type: str
    endpoint: str
    peer: str
    user: str
    result: int


class Authorization(NamedTuple):
    """``Z``. result: 1 allowed, 0 refused, -1 an error. role: which allowed it, or empty."""

    at: int
    endpoint: str
    peer: str
    user: str
    result: int
    command: str
    role: str


AcctlogEntry: TypeAlias = Authentication | Authorization


def acctlog_entry(line: str) -> AcctlogEntry | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        return _entry(fields(line))
    except NotOurs as fault:
        return unreadable(fault, line)


def _entry(parts: list[str]) -> AcctlogEntry:
    letter = parts[_TYPE] if len(parts) > _TYPE else ""
    if letter in _AUTHENTICATIONS and len(parts) == _AUTHENTICATION_FIELDS:
        return Authentication(integer(parts[0], "the time"), letter, parts[2], parts[3], parts[4], _result(parts[5]))
    if letter == "Z" and 0 <= len(parts) - _AUTHORIZATION_FIELDS <= 1:
        role = parts[_AUTHORIZATION_FIELDS] if len(parts) > _AUTHORIZATION_FIELDS else ""
        return Authorization(
            integer(parts[0], "the time"), parts[2], parts[3], parts[4], _result(parts[5]), parts[6], role
        )
    raise NotOurs(f"no record of the acctlog: type {letter[:8]!r}, {len(parts)} fields")


def _result(text: str) -> int:
    if text not in _RESULTS:
        raise NotOurs(f"no result: {text[:8]!r}")
    return _RESULTS[text]
