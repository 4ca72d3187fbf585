"""Throttles: so many messages or connections in a time, counted by the scope that set them.

Whoever is over the rate waits in the line of that throttle and is called when it has been counted for him: nobody asks
again and again, and nothing is counted twice. First come, first served.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio

from momentum_trio.delivery.alarm import Alarms
from momentum_trio.delivery.meter import Meter
from momentum_trio.limits.contract import Admission, Key, SharedState


class Paced:
    """Somebody who goes by a meter. granted: events counted for him and not used yet. waiting: he stands in a line.

    wake: called when something was granted.
    """

    __slots__ = ("granted", "waiting", "wake")

    def __init__(self, wake: Callable[[], object]) -> None:
        self.wake = wake
        self.granted = 0
        self.waiting = False


@dataclass(slots=True)
class _Line:
    meter: Meter
    waiting: deque[tuple[Paced, int]]
    free_at: float


class Pace:
    """The lines before all throttles. limits: where this node's are counted; everywhere: those of all nodes."""

    def __init__(self, limits: SharedState, everywhere: SharedState, alarms: Alarms) -> None:
        self._limits, self._everywhere, self._alarms = limits, everywhere, alarms
        self._lines: dict[Key, _Line] = {}

    def take(self, meter: Meter, paced: Paced, wanted: int) -> int:
        """How many of *wanted* events *paced* may have now, each counted once; with 0 it will be woken."""
        if not self.reserve(meter, paced, wanted):
            return 0
        taken = min(paced.granted, wanted)
        paced.granted -= taken
        return taken

    def reserve(self, meter: Meter, paced: Paced, wanted: int) -> bool:
        """Whether *paced* has an event granted, now if need be; else it will be woken."""
        if not paced.granted and not paced.waiting:
            paced.granted = self._admit(meter, paced, wanted)
        return paced.granted > 0

    def give_back(self, paced: Paced, count: int) -> None:
        """Events that were taken and did not happen: *paced* may use them next."""
        paced.granted += count

    def wait_seconds(self, meter: Meter) -> float:
        """How long somebody at the end of the line will wait, about."""
        line = self._lines.get(meter.line)
        if line is None:
            return 0.0
        return max(line.free_at - trio.current_time(), 0.0) + (len(line.waiting) - 1) / meter.rate

    def _admit(self, meter: Meter, paced: Paced, wanted: int) -> int:
        line, count = self._lines.get(meter.line), min(wanted, meter.at_once)
        if line is None:
            admission = self._ask(meter, count)
            if admission.admitted:
                return count
            line = self._lines[meter.line] = _Line(meter, deque(), trio.current_time() + admission.after_seconds)
            self._alarms.set(line.free_at, lambda: self._serve(line))
        line.waiting.append((paced, count))
        paced.waiting = True
        return 0

    def _ask(self, meter: Meter, count: int) -> Admission:
        """Whether *count* events are within *meter*, and what is beside it; counted in all of them if so."""
        state = self._everywhere if meter.is_everywhere else self._limits
        admission = state.throttle(meter.key, meter.rate, meter.burst, count)
        if admission.admitted and meter.beside is not None:
            admission = self._ask(meter.beside, count)
            if not admission.admitted:
                state.give_back(meter.key, meter.rate, count)
        return admission

    def _serve(self, line: _Line) -> None:
        """Count for those who waited longest what fits now, and wake them."""
        meter = line.meter
        while line.waiting:
            paced, count = line.waiting[0]
            admission = self._ask(meter, count)
            if not admission.admitted:
                line.free_at = trio.current_time() + admission.after_seconds
                self._alarms.set(line.free_at, lambda: self._serve(line))
                return
            line.waiting.popleft()
            paced.waiting = False
            paced.granted += count
            paced.wake()
        del self._lines[meter.line]
