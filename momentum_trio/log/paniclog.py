"""The paniclog: what went wrong, ``time:text`` (spec/logs.md section 7)."""

from __future__ import annotations

from momentum_trio.log.escaping import rest
from momentum_trio.mail.record import Level, Panic

WEIGHT = {level: weight for weight, level in enumerate(Level)}


def panic(record: Panic) -> str:
    """One line, whatever the text holds."""
    return f"{int(record.at)}:{rest(record.text)}"


def readable(record: Panic) -> str:
    """For people at a terminal: line ends stay line ends, everything else that is not printable is escaped."""
    return f"{record.level.value}: " + "\n    ".join(rest(line) for line in record.text.split("\n"))
