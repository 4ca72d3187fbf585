"""DNS as a table, for rules that ask through their caller."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TypeVar

from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Question, Records, Unanswered, is_name

T = TypeVar("T")

Zone = Mapping[tuple[str, str], Sequence[str]]
"""Records by name and type; a name that is nowhere in it is not there at all."""


class Dns:
    """Answers from *zone*. silent: names that nobody answers about. asked: what was asked."""

    def __init__(self, zone: Zone, silent: Sequence[str] = ()) -> None:
        self._zone, self._silent = zone, silent
        self._names = {name for name, _ in zone}
        self.asked: list[Question] = []

    def run(self, asking: Generator[Question, DnsAnswer, T]) -> T:
        """What it comes to."""
        try:
            question = next(asking)
            while True:
                question = asking.send(self.answer(question))
        except StopIteration as end:
            result: T = end.value
            return result

    def answer(self, question: Question) -> DnsAnswer:
        """From the table."""
        assert is_name(question.name), question
        self.asked.append(question)
        name = question.name.lower()
        if name in self._silent:
            return Unanswered("SERVFAIL")
        records = self._zone.get((name, question.kind.value))
        return Records(tuple(records)) if records else NoRecords(name in self._names)
