"""Nothing is left open: after everything was drained a node has what it had when it was started, no more.

Fewer sockets are wrong too: it no longer listens where it did, or lacks the spare descriptor it says no with. A node
whose listeners somebody changed at its console is judged where it has taken its own files again since then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..evidence import Evidence, Violation
from ..scenario import FaultKind
from .custody import strikes

NAME = "no_leak"
WANTED = "sockets"  # what must not become fewer

_CONCERNS = re.compile(r"(?i)\breload|(?:\bset|\bunset)\b.*(?:listen|enable|concurrency|ec_logger)")


def no_leak(evidence: Evidence) -> Iterator[Violation]:
    """One for each thing of each node that is there too often. Nothing is known of what was not drained."""
    if evidence.drained_after_seconds is None:
        return
    for host, leftover in evidence.leftover.items():
        told = strikes(evidence, [FaultKind.CONSOLE], host)
        if evidence.restored.get(host) != "" and any(_CONCERNS.search(struck.fault.text) for struck in told):
            continue
        baseline = evidence.baseline.get(host, {})
        for thing in dict.fromkeys((*baseline, *leftover)):
            before, after = baseline.get(thing, 0), leftover.get(thing, 0)
            if after > before or (after < before and thing == WANTED):
                yield Violation(NAME, f"{host} had {before} of {thing} when it was started, and has {after}", host=host)
