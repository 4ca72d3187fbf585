"""A commit that nobody confirms is rolled back by itself."""

from __future__ import annotations

from collections.abc import Iterator

from ..admin import unconfirmed_seconds
from ..evidence import Evidence, Violation
from .asked import differ

NAME = "unconfirmed_is_undone"


def unconfirmed_is_undone(evidence: Evidence) -> Iterator[Violation]:
    """One for each that still held when its time had been over for long enough."""
    for struck, said in evidence.conversations:
        seconds = unconfirmed_seconds(said.lines)
        if seconds is not None and differ(evidence, struck.fault.targets[0], said.after, said.before):
            text = f"a commit was not confirmed within {seconds:g} s, and still holds"
            yield Violation(NAME, text, struck.began, host=struck.fault.targets[0])
