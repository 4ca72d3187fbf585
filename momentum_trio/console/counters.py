"""Counters that operators and their scripts keep on the console, in memory alone (spec/console.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

COUNTERS_MAX = 1000
NAME_MAX = 255
VALUE_MAX = 2**63 - 1


class CounterRefused(Exception):
    """Why it was not counted."""


@dataclass(slots=True)
class OperatorCounter:
    """One of them. reset_at: Unix seconds since when it counts."""

    value: int
    reset_at: float


class OperatorCounters:
    """Those of one node. now: Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, OperatorCounter] = {}

    def __iter__(self) -> Iterator[tuple[str, OperatorCounter]]:
        """Names and counters, by name."""
        return iter(sorted(self._known.items()))

    def add(self, name: str, delta: int) -> int:
        """Add *delta* to a counter, which is made if there is none; its value then. Raises CounterRefused."""
        counter = self._known.get(name)
        value = delta + (counter.value if counter is not None else 0)
        if abs(value) > VALUE_MAX:
            raise CounterRefused(f"Counter {name} would leave the range of 64 bits")
        if counter is None:
            counter = self._made(name)
        counter.value = value
        return value

    def reset(self, name: str) -> None:
        """Let it count from zero again. Raises CounterRefused."""
        counter = self._there(name)
        counter.value, counter.reset_at = 0, self._now()

    def unlink(self, name: str) -> None:
        """Let it be gone. Raises CounterRefused."""
        self._there(name)
        del self._known[name]

    def _made(self, name: str) -> OperatorCounter:
        if len(self._known) >= COUNTERS_MAX:
            raise CounterRefused(f"There are {COUNTERS_MAX} counters already: unlink one first")
        if len(name) > NAME_MAX or not name.isprintable():
            raise CounterRefused(f"The name of a counter is printable and has at most {NAME_MAX} characters")
        counter = self._known[name] = OperatorCounter(0, self._now())
        return counter

    def _there(self, name: str) -> OperatorCounter:
        if (counter := self._known.get(name)) is None:
            raise CounterRefused(f"There is no counter {name}")
        return counter
