"""What is broken is mended early, at round times; and the end comes soon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..scenario import Fault, Scenario
from .letters import changed_mail
from .search import Search

ROUND_DIGITS = (0, 1, 2)  # decimals tried for a time
TAIL_SECONDS = 1.0  # that a scenario goes on after its last event, where it may be shortened


def shorter_times(search: Search) -> None:
    """Mend early, at round times; end soon after the last event."""
    for index in range(len(search.best.faults)):
        search.first_of(_changed_fault(search.best, index, _sooner(search.best.faults[index].seconds), "seconds"))
        search.first_of(
            _changed_fault(search.best, index, _rounder(search.best.faults[index].at_seconds), "at_seconds")
        )
        search.first_of(_changed_fault(search.best, index, _rounder(search.best.faults[index].amount), "amount"))
    for index in range(len(search.best.mails)):
        times = [0.0, *_rounder(search.best.mails[index].at_seconds)]
        search.first_of(changed_mail(search.best, index, [("at_seconds", time) for time in times]))
    last = max(
        [fault.at_seconds + fault.seconds for fault in search.best.faults]
        + [mail.at_seconds for mail in search.best.mails],
        default=0.0,
    )
    duration = round(last + TAIL_SECONDS)
    if duration < search.best.duration_seconds:
        search.try_(replace(search.best, duration_seconds=float(duration)), f"ends after {duration} s")


def _sooner(seconds: float) -> list[float]:
    """Shorter or rounder durations, the shortest first; none for a kind without duration."""
    tried = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0]
    return [each for each in tried if each < seconds] + _rounder(seconds) if seconds else []


def _rounder(number: float) -> list[float]:
    """Numbers close to *number* with fewer digits, the fewest first. Not 0, which would mean something else."""
    rounded = [round(number, digits) for digits in ROUND_DIGITS]
    short = [each for each in dict.fromkeys(rounded) if each != 0 and len(f"{each:g}") < len(repr(number))]
    return [each for each in short if each != number]


def _changed_fault(
    scenario: Scenario, index: int, values: Iterable[float], name: str
) -> Iterator[tuple[Scenario, str]]:
    faults = scenario.faults
    for value in values:
        changed: Fault = replace(faults[index], **{name: value})  # type: ignore[arg-type]
        yield (
            replace(scenario, faults=(*faults[:index], changed, *faults[index + 1 :])),
            f"{changed.kind.value}: {name} {value:g}",
        )
