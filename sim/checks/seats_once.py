"""A seat of a limit that all nodes share is granted to one node at a time: what they hold together is within the limit.

Whatever breaks, and also on the two sides of a partition: what a node was granted is nobody else's until its lease has
run out, be the node dead or alive. Sessions that go on then are not meant; they count against what is granted later.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation

NAME = "seats_once"


def seats_once(evidence: Evidence) -> Iterator[Violation]:
    """At most one for each limit: the first time when too many were held."""
    told: dict[tuple[str, ...], None] = {}
    for look in evidence.seats:
        if look.key not in told and sum(look.held.values()) > look.limit:
            told[look.key] = None
            each = ", ".join(f"{life} has {seats}" for life, seats in look.held.items())
            text = f"of {look.limit} seats of {' '.join(look.key)} {sum(look.held.values())} are granted: {each}"
            yield Violation(NAME, text, look.at, host=next(iter(look.held)).split()[0])
