"""What may be asked of journals (spec/cluster.md section 10): ``show count for 0.0.0.0/0 in spam since 20080423``.

Words count in any case; so do not the names of series. What stands behind the series may come in any order, each once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, TypeAlias

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series.journal import is_series
from momentum_trio.protocol.series.moment import DAY_SECONDS, is_day, second_of

LINE_OCTETS_MAX: Final = 4096
SERIES_MAX: Final = 16
NUMBER_LENGTH_MAX: Final = 18
EVER: Final = 2**40

_TOKEN = re.compile(r"[(),]|[^\s(),]+")


class Aggregate(Enum):
    """What is added up into one number: nothing, all of the block, or that of each day apart."""

    NOTHING = ""
    ALL = "aggregate"
    DAILY = "aggregate daily"


@dataclass(frozen=True, slots=True)
class Available:
    """``show available``: which series there are, and of which time."""


@dataclass(frozen=True, slots=True)
class CacheDetails:
    """``cache details``: which files are kept in memory."""


@dataclass(frozen=True, slots=True)
class Count:
    """``show count``: how often something happened of addresses in *block*, in intervals that end after *begin* and not
    after *end*.

    is_union: of all *series* together. sizes: prefix lengths of the networks that are counted, from and to; None:
    addresses. limit: so many lines at most; None: any number. threshold: only what happened so often, of one of them.
    """

    block: Netblock
    series: tuple[str, ...]
    is_union: bool = False
    begin: int = -1
    end: int = EVER
    sizes: tuple[int, int] | None = None
    is_by_count: bool = False
    aggregate: Aggregate = Aggregate.NOTHING
    limit: int | None = None
    threshold: int = 0


Question: TypeAlias = Available | CacheDetails | Count


def parse(line: str) -> Question:
    """The question *line*. Raises ValueError, which says what was expected."""
    if len(line) > LINE_OCTETS_MAX:
        raise ValueError(f"a question has at most {LINE_OCTETS_MAX} characters")
    words = _Words(_TOKEN.findall(line))
    if words.take("cache"):
        words.expect("details")
        return words.ended(CacheDetails())
    words.expect("show")
    if words.take("available"):
        return words.ended(Available())
    words.expect("count")
    words.expect("for")
    block = Netblock.parse(words.next("a block of addresses such as 10.0.0.0/8"))
    words.expect("in")
    series, is_union = _series(words)
    question = Count(block, series, is_union)
    while not words.are_over:
        question = _clause(words, question)
    return question


@dataclass(slots=True)
class _Words:
    """Those of a question, taken one after the other. clauses: those that were said."""

    words: list[str]
    at: int = 0
    clauses: set[str] = field(default_factory=set)

    @property
    def are_over(self) -> bool:
        return self.at == len(self.words)

    def take(self, word: str) -> bool:
        """Whether the next one is *word*; then it is taken."""
        taken = not self.are_over and self.words[self.at].lower() == word
        self.at += taken
        return taken

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise ValueError(f"expected '{word}' {self._where}")

    def next(self, expected: str) -> str:
        if self.are_over:
            raise ValueError(f"expected {expected} at the end")
        self.at += 1
        return self.words[self.at - 1]

    def number(self) -> int:
        word = self.next("a number")
        if not (word.isascii() and word.isdigit() and len(word) <= NUMBER_LENGTH_MAX):
            raise ValueError(f"expected a number, not '{word[:40]}'")
        return int(word)

    def ended(self, question: Question) -> Question:
        """*question*, of which nothing may be left."""
        if not self.are_over:
            raise ValueError(f"expected nothing more {self._where}")
        return question

    @property
    def _where(self) -> str:
        return "at the end" if self.are_over else f"instead of '{self.words[self.at][:40]}'"


def _series(words: _Words) -> tuple[tuple[str, ...], bool]:
    name = _name(words)
    is_union = name.lower() == "union" and words.take("(")
    names = [_name(words) if is_union else name]
    while words.take(","):
        names.append(_name(words))
    if is_union:
        words.expect(")")
    if len(names) > SERIES_MAX:
        raise ValueError(f"at most {SERIES_MAX} series at once")
    return tuple(names), is_union


def _name(words: _Words) -> str:
    name = words.next("the name of a series")
    if not is_series(name):
        raise ValueError(f"'{name[:40]}' is no name of a series")
    return name


def _clause(words: _Words, question: Count) -> Count:
    word = words.next("a clause").lower()
    if word not in CLAUSES:
        raise ValueError(f"'{word[:40]}' is none of: {', '.join(CLAUSES)}")
    kind = "date" if word in ("from", "on", "since") else word
    if kind in words.clauses:
        raise ValueError(f"a second {kind}")
    words.clauses.add(kind)
    return CLAUSES[word](words, question)


def _date(words: _Words) -> str:
    return words.next("a date: YYYYMMDD or YYYYMMDDThhmmss")


def _from(words: _Words, question: Count) -> Count:
    begin = second_of(_date(words))
    words.expect("to")
    last = _date(words)
    end = second_of(last) + DAY_SECONDS * is_day(last)
    if end <= begin:
        raise ValueError("it ends before it begins")
    return replace(question, begin=begin, end=end)


def _on(words: _Words, question: Count) -> Count:
    begin = second_of(_date(words))
    return replace(question, begin=begin, end=begin + DAY_SECONDS)


def _since(words: _Words, question: Count) -> Count:
    return replace(question, begin=second_of(_date(words)))


def _cidrsize(words: _Words, question: Count) -> Count:
    low = words.number()
    high = words.number() if words.take("to") else low
    if not low <= high <= question.block.bits:
        raise ValueError(f"there are no blocks of {low} to {high} bits")
    return replace(question, sizes=(low, high))


def _order(words: _Words, question: Count) -> Count:
    words.expect("by")
    is_by_count = words.take("count")
    if not is_by_count:
        words.expect("cidr")
    return replace(question, is_by_count=is_by_count)


def _aggregate(words: _Words, question: Count) -> Count:
    return replace(question, aggregate=Aggregate.DAILY if words.take("daily") else Aggregate.ALL)


def _limit(words: _Words, question: Count) -> Count:
    return replace(question, limit=words.number())


def _threshold(words: _Words, question: Count) -> Count:
    return replace(question, threshold=words.number())


CLAUSES: Final[dict[str, Callable[[_Words, Count], Count]]] = {
    "from": _from,
    "on": _on,
    "since": _since,
    "cidrsize": _cidrsize,
    "order": _order,
    "aggregate": _aggregate,
    "limit": _limit,
    "threshold": _threshold,
}
