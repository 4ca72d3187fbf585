"""What must hold at the end of a run: functions of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..evidence import Evidence, Told, Violation
from ..letter import name_in

Check = tuple[str, Callable[[Evidence], Iterable[Violation]]]


def no_accepted_lost(evidence: Evidence) -> Iterator[Violation]:
    """Every forward-path answered 250 holds its mail, durably; but for mail that rotted."""
    there = {(name_in(arrived.octets), arrived.forward_path) for arrived in evidence.arrived}
    rotten = {name for struck in evidence.struck for name in struck.mails}
    for attempt in evidence.attempts:
        if attempt.told is not Told.ACCEPTED or attempt.mail.name in rotten:
            continue
        for path in attempt.forward_paths:
            if (attempt.mail.name, path) not in there:
                yield Violation(
                    "no_accepted_lost",
                    f"{attempt.mail.name} for {path} was accepted and is nowhere",
                    attempt.ended,
                    attempt.mail.name,
                    attempt.target_host,
                )


ALL: tuple[Check, ...] = (("no_accepted_lost", no_accepted_lost),)
