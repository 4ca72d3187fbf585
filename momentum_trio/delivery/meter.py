"""What a throttle allows, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.config.kind import Throttle
from momentum_trio.limits.contract import Key

BURST_SECONDS = 0.1
"""A throttle spreads its events evenly, but for so much of its rate that may come at once."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A throttle and whose it is. key: the path of the scope that sets it, then the option. rate: events a second."""

    key: Key
    rate: float
    burst: float

    @staticmethod
    def of(key: Key, throttle: Throttle) -> Meter:
        """What *throttle* allows."""
        rate = throttle.count / throttle.seconds
        return Meter(key, rate, max(1.0, float(int(rate * BURST_SECONDS))))
