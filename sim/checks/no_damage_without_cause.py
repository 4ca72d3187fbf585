"""A spool is not damaged by itself: what its recovery is certain of must have a cause, and power loss is none.

What power cuts short is a tail, or is said to be one that was perhaps not finished; only damage the product is certain
of counts, and content that is not there or not whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from momentum_trio.mail.record import Level, Panic

from ..evidence import Evidence, Violation
from ..scenario import FaultKind
from .custody import DOUBTFUL, strikes

NAME = "no_damage_without_cause"

_DAMAGE = re.compile(r"^spool: .*(?:\bis missing\b|\bare damaged\b|\bis damaged and lost\b|\bhas \d+ octets of \d+)")


def no_damage_without_cause(evidence: Evidence) -> Iterator[Violation]:
    """One for each line of a paniclog that tells of damage, on a host whose disk did nothing wrong."""
    wrong: dict[str, bool] = {}
    for life, record in evidence.world.records:
        if isinstance(record, Panic) and record.level is Level.ERROR and _DAMAGE.search(record.text):
            host = life.host.name
            if host not in wrong:
                wrong[host] = any(True for _ in strikes(evidence, DOUBTFUL | {FaultKind.BIT_ROT}, host))
            if not wrong[host]:
                yield Violation(NAME, f"{life}: {record.text}", host=host)
