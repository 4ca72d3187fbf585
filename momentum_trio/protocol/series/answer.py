"""Answers to questions: which files they need, and lines made of the journals in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series.journal import FileName, Journal
from momentum_trio.protocol.series.moment import DAY_SECONDS, day_text, moment_text
from momentum_trio.protocol.series.question import Aggregate, Count

ROWS_MAX = 1_000_000
"""Networks, or days, of one answer."""


class SeriesAnswer(NamedTuple):
    """lines: what was asked for. complaints: what was wrong with the question, or with files."""

    lines: Sequence[str]
    complaints: Sequence[str]


class TooLarge(Exception):
    """An answer would have more than ROWS_MAX rows."""


def available(names: Iterable[FileName]) -> list[str]:
    """``NAME : START => END`` of each series: the moments that its first and its last file are named by."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for name in names:
        begin = name.begin if name.is_day else name.end
        first[name.series] = min(begin, first.get(name.series, begin))
        last[name.series] = max(name.end, last.get(name.series, 0))
    return [f"{series} : {moment_text(first[series])} => {moment_text(last[series])}" for series in sorted(first)]


def wanted(names: Iterable[FileName], question: Count) -> list[FileName]:
    """The files of *names* that *question* is about, those of whole days first."""
    some = (each for each in names if each.series in question.series)
    return sorted(
        (each for each in some if each.end > question.begin and each.begin < question.end),
        key=lambda name: (not name.is_day, name),
    )


Row: TypeAlias = tuple[int, int]
"""What is counted together: the number of a network and its prefix length; or a day, and 0."""


class Counting:
    """The answer to *question*, while journals are read. An interval counts once, in however many files it is."""

    def __init__(self, question: Count) -> None:
        self._question = question
        self._width = 1 if question.is_union else len(question.series)
        self._counts: dict[Row, list[int]] = {}
        self._seen: set[tuple[str, int]] = set()
        bits = question.block.bits
        low, high = question.sizes or (bits, bits)
        self._sizes = [(prefix, bits - prefix) for prefix in range(low, high + 1)]

    def take(self, journal: Journal) -> None:
        """Count what *journal* says, if it is asked for. Raises TooLarge."""
        question = self._question
        interval = (journal.series, journal.end)
        is_asked = journal.series in question.series and question.begin < journal.end <= question.end
        if not is_asked or interval in self._seen:
            return
        self._seen.add(interval)
        places = [0] if question.is_union else [n for n, each in enumerate(question.series) if each == journal.series]
        block, hidden = question.block, question.block.bits - question.block.prefix
        network, one = block.network >> hidden, self._one_row(journal)
        for (version, number), count in journal.counts.items():
            if version == block.version and number >> hidden == network:
                if one is not None:
                    self._add(one, places, count)
                else:
                    for prefix, host_bits in self._sizes:
                        self._add((number >> host_bits << host_bits, prefix), places, count)

    def _one_row(self, journal: Journal) -> Row | None:
        """Where all of *journal* is counted; None: each network apart."""
        match self._question.aggregate:
            case Aggregate.ALL:
                return self._question.block.network, self._question.block.prefix
            case Aggregate.DAILY:
                return (journal.end - 1) // DAY_SECONDS * DAY_SECONDS, 0
        return None

    def _add(self, row: Row, places: list[int], count: int) -> None:
        counts = self._counts.get(row)
        if counts is None:
            if len(self._counts) >= ROWS_MAX:
                raise TooLarge(f"there are more than {ROWS_MAX} of them: ask for larger networks (cidrsize)")
            counts = self._counts[row] = [0] * self._width
        for place in places:
            counts[place] += count

    def lines(self) -> Iterator[str]:
        """What came of it."""
        question = self._question
        found = [(row, counts) for row, counts in self._counts.items() if max(counts) >= question.threshold]
        found.sort(key=lambda each: ([-count for count in each[1]] if question.is_by_count else [], each[0]))
        for row, counts in found[: question.limit]:
            label = f"{self._label(row):<19}:"
            yield f"{label}{counts[0]:>10}" if self._width == 1 else f"{label} {','.join(map(str, counts))}"

    def _label(self, row: Row) -> str:
        question = self._question
        return (
            day_text(row[0]) if question.aggregate is Aggregate.DAILY else str(Netblock(question.block.version, *row))
        )
