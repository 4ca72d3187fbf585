"""The rejectlog: one line for each refusal and deferral said to a client (spec/logs.md section 5)."""

from __future__ import annotations

from momentum_trio.log.escaping import quoted, rest, word
from momentum_trio.mail.record import Rejected


def rejected(record: Rejected) -> str:
    """``time: R="..." L="..." C="..." PATH="..." ... CTXMESS=[...] text``."""
    return (
        f"{int(record.at)}: R={quoted(record.remote)} L={quoted(record.local)} C={quoted(record.connection_id)}"
        f" PATH={quoted(record.pathway)} PATH_GRP={quoted(record.pathway_group)} P={quoted(record.phase)}"
        f" E={record.code} M={word(record.module)} CTXCONN=[{_context(record.connection_context)}]"
        f" CTXMESS=[{_context(record.message_context)}] {rest(record.text)}"
    )


def heartbeat(now: float) -> str:
    """The node lives."""
    return f"{int(now)}: Marker 1"


def _context(pairs: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f"{word(key)}={word(value)}" for key, value in pairs)
