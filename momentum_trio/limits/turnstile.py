"""A rate that makes wait: whoever comes too soon stands in its line, first come, first served."""

from __future__ import annotations

from collections.abc import Callable

import trio

from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.limits.rate import Rate

LOOK_SECONDS = 5.0
"""Whoever is first in a line asks again after so long: the configuration may have changed meanwhile."""


class Turnstile:
    """The lines before all rates. limits: where they are counted. A line is there while somebody stands in it."""

    def __init__(self, limits: SharedState) -> None:
        self._limits = limits
        self._lines: dict[Key, trio.Lock] = {}

    async def pass_through(self, rate: Callable[[], Rate | None]) -> None:
        """Return when one event more is counted, or is not to be. rate: as it holds now.

        Cancellation: nothing is counted.
        """
        asked = rate()
        if asked is None:
            return
        line = self._lines.get(asked.key)
        if line is None:
            if self._seconds(asked) <= 0.0:
                return
            line = self._lines[asked.key] = trio.Lock()
        try:
            async with line:
                while True:
                    held = rate()
                    seconds = 0.0 if held is None else self._seconds(held)
                    if seconds <= 0.0:
                        return
                    await trio.sleep(min(seconds, LOOK_SECONDS))
        finally:
            if not line.locked():
                self._lines.pop(asked.key, None)

    def _seconds(self, rate: Rate) -> float:
        """0: it is counted. Else until it may be."""
        admission = self._limits.throttle(rate.key, rate.events_per_second, rate.burst)
        return 0.0 if admission.admitted else max(admission.after_seconds, 0.001)
