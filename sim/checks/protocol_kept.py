"""Over ECStream a server says nothing that the protocol does not allow; and all credit comes back."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation

NAME = "protocol_kept"


def protocol_kept(evidence: Evidence) -> Iterator[Violation]:
    """One for each breach that a client has seen."""
    for breach in evidence.breaches:
        yield Violation(NAME, f"{breach.host}: {breach.text}", breach.at, breach.mail, breach.host)
