"""The importlog, read: the inverse of ``importlog``'s form (spec/logs.md section 10)."""

from __future__ import annotations

from typing import NamedTuple

from momentum_trio.log.escaping import fields
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, unreadable
from momentum_trio.mail.record import ImportResult

_TYPE, _FIELDS = 2, 6
_RESULTS = {result.value for result in ImportResult}


class Import(NamedTuple):
    """``I``: the fields as ``mail.record.Imported`` has them, the time in whole seconds."""

    at: int
    old_id: str
    new_id: str
    result: ImportResult
    directory: str


def importlog_entry(line: str) -> Import | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        return _entry(fields(line, _FIELDS))
    except NotOurs as fault:
        return unreadable(fault, line)


def _entry(parts: list[str]) -> Import:
    if len(parts) != _FIELDS or parts[_TYPE] != "I":
        raise NotOurs("no record of the importlog")
    result = integer(parts[4], "the result")
    if result not in _RESULTS:
        raise NotOurs(f"no result: {result}")
    return Import(integer(parts[0], "the time"), parts[1], parts[3], ImportResult(result), parts[5])
