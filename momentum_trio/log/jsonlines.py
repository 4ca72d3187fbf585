"""The same records as JSON, one object a line: our extension, ``log_format = json``.

``time`` and ``type`` come first; the other keys are the record's own names (mail/record.py). Everything outside
printable ASCII is escaped, so that a line is a line to any reader.
"""

from __future__ import annotations

import json
from enum import Enum

from momentum_trio.mail.record import (
    Authenticated,
    Authorized,
    Delivered,
    Failed,
    Imported,
    Panic,
    Received,
    Record,
    Rejected,
    Requested,
    Transferred,
)

_TYPES: dict[type[Record], str] = {
    Received: "R",
    Delivered: "D",
    Transferred: "X",
    Rejected: "reject",
    Panic: "panic",
    Authenticated: "N",
    Authorized: "Z",
    Imported: "I",
    Requested: "request",
}
_KINDS: tuple[type[Record], ...] = (*_TYPES, Failed)
_NAMES = {
    kind: tuple(
        name for name in kind.__struct_fields__ if name not in ("at", "permanent", "expired", "is_for_paniclog")
    )
    for kind in _KINDS
}


def json_line(record: Record, letter: str = "", **more: object) -> str:
    """*record* as one line of JSON. letter: its type, where another log calls it something else; more: further keys."""
    kind = type(record)
    if not letter:
        letter = _letter(record)
    pairs: dict[str, object] = {"time": record.at, "type": letter, **more}
    for name in _NAMES[kind]:
        value = getattr(record, name)
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, tuple):
            value = dict(value)
        pairs[name] = value
    return json.dumps(pairs, separators=(",", ":")).replace("\x7f", "\\u007f")


def _letter(record: Record) -> str:
    match record:
        case Failed():
            return "P" if record.permanent else "T"
        case Authenticated(expired=True):
            return "T"
    return _TYPES[type(record)]


def heartbeat(now: float) -> str:
    """The node lives."""
    return json.dumps({"time": now, "type": "M1"}, separators=(",", ":"))
