"""No fault of the product itself: whatever breaks around it, its paniclog has no traceback, its sessions no fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

from momentum_trio.mail.record import Panic, SessionEnded

from ..evidence import Evidence, Violation
from .custody import seconds_of

NAME = "paniclog_says_nothing_of_ours"
TEXT_MAX = 2000  # of a traceback, its end: there stands what went wrong

_OURS = re.compile(r"Traceback|AssertionError|fault in delivery|^delivery by \w+: |^accepting at ")


def paniclog_says_nothing_of_ours(evidence: Evidence) -> Iterator[Violation]:
    """One for each such line, and for each session that ended with a fault."""
    for life, record in evidence.world.records:
        host, seconds = life.host, seconds_of(evidence, life, record)
        if isinstance(record, Panic) and _OURS.search(record.text):
            yield Violation(NAME, f"{life}: {record.text[-TEXT_MAX:]}", seconds, host=host.name)
        elif isinstance(record, SessionEnded) and record.why == "fault":
            yield Violation(NAME, f"{life}: session {record.connection_id} ended with a fault", seconds, host=host.name)
