"""Calls to be made at a time: one task and one heap for all of them, whatever their number."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import trio

STRIDE_CALLS = 200
"""Calls made between two checkpoints."""


class Alarms:
    """What is due when, on trio's clock."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._sooner = trio.Event()

    def set(self, at: float, call: Callable[[], None]) -> None:
        """Have *call* made at *at*, or soon after. It neither blocks nor raises."""
        self._count += 1
        heapq.heappush(self._due, (at, self._count, call))
        if self._due[0][1] == self._count:
            self._sooner.set()

    async def run(self) -> None:
        """Make the calls until cancelled; those that were not due then are not made."""
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(self._due[0][0] if self._due else float("inf")):
                await self._sooner.wait()
            for _ in range(STRIDE_CALLS):
                if not self._due or self._due[0][0] > trio.current_time():
                    break
                heapq.heappop(self._due)[2]()
