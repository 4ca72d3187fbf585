"""A spool is not damaged by itself: what it is certain of must have a cause, and power loss is none.

What power cuts short is a tail, or is said to be one that was perhaps not finished; only damage the product is certain
of counts, and content that is not there or not whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from momentum_trio.mail.record import Level, Panic

from ..evidence import Evidence, Violation
from ..scenario import FaultKind
from .custody import DISK_FAULTS, DOUBTFUL, strikes

NAME = "no_damage_without_cause"

_PAUSES = re.compile(r"^spool: compaction pauses")
_DAMAGE = re.compile(r"^spool: .*(?:\bis missing\b|\bare damaged\b|\bis damaged and lost\b|\bhas \d+ octets of \d+)")


_CAUSES = (
    (_DAMAGE, DOUBTFUL | {FaultKind.BIT_ROT}),
    (_PAUSES, DISK_FAULTS | {FaultKind.BIT_ROT, FaultKind.DESCRIPTORS}),
)


def no_damage_without_cause(evidence: Evidence) -> Iterator[Violation]:
    """One for each line of a paniclog that tells of damage, on a host whose disk did nothing wrong."""
    for life, record in evidence.world.records:
        if isinstance(record, Panic) and record.level is Level.ERROR:
            host = life.host.name
            for words, causes in _CAUSES:
                if words.search(record.text) and not any(strikes(evidence, causes, host)):
                    yield Violation(NAME, f"{life}: {record.text}", host=host)
