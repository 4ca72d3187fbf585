"""A console command that is refused leaves the configuration as it was: all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from ..evidence import Evidence, Violation
from .asked import differ

NAME = "failed_set_changes_nothing"


def failed_set_changes_nothing(evidence: Evidence) -> Iterator[Violation]:
    """One for each refused command around which the configuration shows itself differently."""
    for struck, before, after in evidence.refused_commands:
        if differ(evidence, struck.fault.targets[0], before, after):
            lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="(nothing)")
            old, new = next((pair for pair in lines if pair[0] != pair[1]), ("", ""))
            text = f"'{struck.fault.text}' was refused and changed '{old.strip()}' to '{new.strip()}'"
            yield Violation(NAME, text, struck.began, host=struck.fault.targets[0])
