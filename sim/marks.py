"""What a run reached: sometimes-assertions are counted over a campaign."""

from __future__ import annotations

from collections import Counter

from .evidence import Evidence


def reached(evidence: Evidence) -> dict[str, int]:
    """How often each mark was reached; faults that were applied are ``fault.<kind>``."""
    return dict(Counter(f"fault.{struck.fault.kind.value}" for struck in evidence.struck if struck.did))
