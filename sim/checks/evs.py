"""The bus keeps the laws of extended virtual synchrony (sim/evs.py), in every component, whatever breaks."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation
from ..evs import breaches

NAME = "evs"


def evs(evidence: Evidence) -> Iterator[Violation]:
    """One for each law that was broken: the first that showed it."""
    told: dict[str, None] = {}
    for breach in breaches(evidence.bus.entries):
        if breach.law not in told:
            told[breach.law] = None
            yield Violation(NAME, f"{breach.law}: {breach.text}", breach.at, host=breach.host)
