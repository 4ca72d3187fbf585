"""Nothing is left open: after everything was drained a node has what it had when it was started, no more.

Less is wrong too where it is what the node is there for: a socket it listens at.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation

NAME = "no_leak"
WANTED = "listen"  # in the names of things that must not become fewer


def no_leak(evidence: Evidence) -> Iterator[Violation]:
    """One for each thing of each node that is there too often. Nothing is known of what was not drained."""
    if evidence.drained_after_seconds is None:
        return
    for host, leftover in evidence.leftover.items():
        baseline = evidence.baseline.get(host, {})
        for thing in dict.fromkeys((*baseline, *leftover)):
            before, after = baseline.get(thing, 0), leftover.get(thing, 0)
            if after > before or (after < before and WANTED in thing):
                yield Violation(NAME, f"{host} had {before} of {thing} when it was started, and has {after}", host=host)
