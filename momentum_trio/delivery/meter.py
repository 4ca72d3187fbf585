"""What a throttle allows, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from momentum_trio.config.kind import Throttle
from momentum_trio.limits.contract import Key

BURST_SECONDS = 0.1
"""A throttle spreads its events evenly, but for so much of its rate that may come at once."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A throttle and whose it is. key: the path of the scope that sets it, then the option. rate: events a second.

    is_everywhere: all nodes count it together. beside: another that holds too.
    """

    key: Key
    rate: float
    burst: float
    is_everywhere: bool = False
    beside: Meter | None = None

    @staticmethod
    def of(key: Key, throttle: Throttle, *, is_everywhere: bool = False) -> Meter:
        """What *throttle* allows."""
        rate = throttle.count / throttle.seconds
        return Meter(key, rate, max(1.0, float(int(rate * BURST_SECONDS))), is_everywhere)

    def with_beside(self, other: Meter | None) -> Meter:
        """A meter at which whoever waits has to be granted by both."""
        return self if other is None else replace(self, beside=other)

    @property
    def line(self) -> Key:
        """What those who wait for it have in common."""
        return self.key if self.beside is None else (*self.key, *self.beside.key)

    @property
    def at_once(self) -> int:
        """Events that may come at once."""
        return int(self.burst if self.beside is None else min(self.burst, self.beside.burst))
