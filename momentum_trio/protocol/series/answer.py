"""Answers to questions: which files they need, and lines made of the journals in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series.journal import FileName, Journal
from momentum_trio.protocol.series.moment import DAY_SECONDS, day_text, moment_text
from momentum_trio.protocol.series.question import Aggregate, Count

ROWS_MAX = 1_000_000
"""Networks, or days, of one answer."""


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


class Row(NamedTuple):
    """Of what is counted together: (version, network, prefix), or a day."""

    version: int
    network: int
    prefix: int


class Counting:
    """The answer to *question*, while journals are read. An interval counts once, in however many files it is."""

    def __init__(self, question: Count) -> None:
        self._question = question
        self._width = 1 if question.is_union else len(question.series)
        self._counts: dict[Row, list[int]] = {}
        self._seen: set[tuple[str, int]] = set()

    def take(self, journal: Journal) -> None:
        """Count what *journal* says, if it is asked for. Raises TooLarge."""
        question = self._question
        interval = (journal.series, journal.end)
        is_asked = journal.series in question.series and question.begin < journal.end <= question.end
        if not is_asked or interval in self._seen:
            return
        self._seen.add(interval)
        places = [0] if question.is_union else [n for n, each in enumerate(question.series) if each == journal.series]
        block, hidden = question.block, _bits(question.block.version) - question.block.prefix
        for (version, number), count in journal.counts.items():
            if version == block.version and number >> hidden == block.network >> hidden:
                for row in self._rows(journal, number):
                    self._add(row, places, count)

    def _rows(self, journal: Journal, number: int) -> Iterator[Row]:
        question = self._question
        version = question.block.version
        match question.aggregate:
            case Aggregate.ALL:
                yield Row(version, question.block.network, question.block.prefix)
            case Aggregate.DAILY:
                yield Row(0, (journal.end - 1) // DAY_SECONDS * DAY_SECONDS, 0)
            case _:
                low, high = question.sizes or (_bits(version), _bits(version))
                for prefix in range(low, high + 1):
                    host_bits = _bits(version) - prefix
                    yield Row(version, number >> host_bits << host_bits, prefix)

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
            label = f"{_label(row):<19}:"
            yield f"{label}{counts[0]:>10}" if self._width == 1 else f"{label} {','.join(map(str, counts))}"


def _bits(version: int) -> int:
    return 32 if version == 4 else 128


def _label(row: Row) -> str:
    return str(Netblock(*row)) if row.version else day_text(row.network)
