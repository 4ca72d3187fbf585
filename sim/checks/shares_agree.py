"""What nodes of a cluster share they come to agree about, in time: each one's counts as it counts them, and the sum."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation
from ..shared import differences

NAME = "shares_agree"
SHOWN_MAX = 3


def shares_agree(evidence: Evidence) -> Iterator[Violation]:
    """At most one, and one where something is counted that has ended."""
    wrong = differences(evidence.shared)
    if wrong:
        yield Violation(NAME, f"after {evidence.shared_within_seconds:g} s: {'; '.join(wrong[:SHOWN_MAX])}")
        return
    for name, by_host in evidence.shared.items():
        for host, known in by_host.items():
            if evidence.drained_after_seconds is not None and known.totals:
                text = f"{host} counts {dict(known.totals)} in {name}, and no connection is left"
                yield Violation(NAME, text, host=host)
                return
