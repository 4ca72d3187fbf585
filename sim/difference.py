"""Two traces at their first difference: the place where a run stopped being the same run.

A trace is text, a line an event: ``time host kind field=value ...``. The prefix digests of two runs (one after each so
many lines, each covering everything before it) say in a few comparisons between which lines to look.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from .kernel import PREFIX_EVENTS

CONTEXT_LINES = 5
LINE_LENGTH_MAX = 240  # of a line as it is shown


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two traces part.

    number: of the line, from 1; one, other: from that line on, empty where a trace is over.
    """

    number: int
    before: tuple[str, ...]
    one: tuple[str, ...]
    other: tuple[str, ...]

    @property
    def place(self) -> str:
        """Host and virtual time of the event at which they part."""
        line = (self.one or self.other)[0]
        time, host, *_ = [*line.split(" ", 2), "", ""]
        return f"host {host}, virtual time {time} s" if host not in ("", "-") else f"virtual time {time} s"


def first_difference(one: Iterable[str], other: Iterable[str], context: int = CONTEXT_LINES) -> Difference | None:
    """Where the two part, with *context* lines before and after; None if they are equal. Reads no further than that."""
    before: deque[str] = deque(maxlen=context)
    lines_of_one, lines_of_other = iter(one), iter(other)
    for number, (line, its) in enumerate(zip_longest(lines_of_one, lines_of_other), start=1):
        if line != its:
            return Difference(
                number, tuple(before), _rest(line, lines_of_one, context), _rest(its, lines_of_other, context)
            )
        assert line is not None
        before.append(line)
    return None


def _rest(line: str | None, lines: Iterator[str], context: int) -> tuple[str, ...]:
    return () if line is None else (line, *islice(lines, context))


def lines_in_common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two runs have in common at least, as their prefix digests say it."""
    both = range(min(len(one), len(other)))
    return bisect_left(both, True, key=lambda index: one[index] != other[index]) * PREFIX_EVENTS


def describe(difference: Difference, one: str, other: str) -> str:
    """For people: *one* and *other* name the two traces."""
    said = [f"The traces part at line {difference.number} ({difference.place}).", "", "Both:"]
    said += [f"    {_shown(line)}" for line in difference.before] or ["    (nothing: the first lines differ)"]
    for name, lines in ((one, difference.one), (other, difference.other)):
        said += ["", f"{name}:"]
        said += [f"  {'>' if index == 0 else ' '} {_shown(line)}" for index, line in enumerate(lines)]
        if not lines:
            said += ["  > (over)"]
    if difference.one and difference.other:
        said += ["", _first_column(difference.one[0], difference.other[0])]
    return "\n".join(said)


def _shown(line: str) -> str:
    return line if len(line) <= LINE_LENGTH_MAX else line[:LINE_LENGTH_MAX] + " ..."


def _first_column(one: str, other: str) -> str:
    """The words at which two lines begin to differ: a line may be long and its difference far to the right."""
    for word, its in zip_longest(one.split(" "), other.split(" "), fillvalue="(nothing)"):
        if word != its:
            return f"First different word: {_shown(word)}  against  {_shown(its)}"
    return "They differ in white space only."
