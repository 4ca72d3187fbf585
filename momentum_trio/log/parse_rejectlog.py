"""The rejectlog, read: the inverse of ``rejectlog``'s form (spec/logs.md section 5)."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from momentum_trio.log.escaping import unescaped
from momentum_trio.log.parse_mainlog import Heartbeat
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, unreadable

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_WORD = rf'(?:{_QUOTED}|([^",=\]\[ ]*+))'
_CONTEXT = r'\[((?:"(?:[^"\\]|\\.)*"|[^\]"])*)\]'
_REJECTION = re.compile(
    rf"([0-9]+): R={_QUOTED} L={_QUOTED} C={_QUOTED} PATH={_QUOTED} PATH_GRP={_QUOTED} P={_QUOTED} E=([0-9]+) "
    rf"M={_WORD} CTXCONN={_CONTEXT} CTXMESS={_CONTEXT} (.*)",
    re.DOTALL,
)
_MARKER = re.compile(r"([0-9]+): Marker 1?")
_PAIR = re.compile(rf"{_WORD}={_WORD}(,|\Z)", re.DOTALL)


class Rejection(NamedTuple):
    """A refusal or a deferral; the fields as ``mail.record.Rejected`` has them, the time in whole seconds."""

    at: int
    remote: str
    local: str
    connection_id: str
    pathway: str
    pathway_group: str
    phase: str
    code: int
    module: str
    text: str
    connection_context: tuple[tuple[str, str], ...]
    message_context: tuple[tuple[str, str], ...]


RejectlogEntry: TypeAlias = Rejection | Heartbeat


def rejectlog_entry(line: str) -> RejectlogEntry | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        return _entry(line)
    except NotOurs as fault:
        return unreadable(fault, line)


def _entry(line: str) -> RejectlogEntry:
    if marker := _MARKER.fullmatch(line):
        return Heartbeat(integer(marker[1], "the time"))
    match = _REJECTION.fullmatch(line)
    if match is None:
        raise NotOurs("no record of the rejectlog")
    at, remote, local, connection_id, pathway, group, phase, code, quoted, bare, connection, message, text = (
        match.groups()
    )
    return Rejection(
        integer(at, "the time"),
        unescaped(remote),
        unescaped(local),
        unescaped(connection_id),
        unescaped(pathway),
        unescaped(group),
        unescaped(phase),
        integer(code, "the code"),
        _word(quoted, bare),
        unescaped(text),
        _pairs(connection),
        _pairs(message),
    )


def _word(quoted: str | None, bare: str | None) -> str:
    return (bare or "") if quoted is None else unescaped(quoted)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of a context. Raises NotOurs unless they are all there is."""
    found: list[tuple[str, str]] = []
    at = 0
    more = bool(text)
    while more:
        match = _PAIR.match(text, at)
        if match is None:
            raise NotOurs("a context is no list of key=value")
        found.append((_word(match[1], match[2]), _word(match[3], match[4])))
        at, more = match.end(), match[5] == ","
    return tuple(found)
