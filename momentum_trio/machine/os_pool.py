"""Worker threads of one kind: how many may work at once, and what they did so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import trio

from momentum_trio.machine.facts import PoolFacts

T = TypeVar("T")


class OsPool:
    """A limiter of its own, so that one kind of work never starves another."""

    __slots__ = ("_began", "_busy_seconds", "_crowd", "_invocations", "_limiter", "_name")

    def __init__(self, name: str, workers_max: int) -> None:
        self._name, self._limiter = name, trio.CapacityLimiter(workers_max)
        self._began = time.monotonic()
        self._invocations = self._crowd = 0  # jobs begun; those at work then, itself included, summed over all jobs
        self._busy_seconds = 0.0

    async def run(self, function: Callable[[], T]) -> T:
        """Run *function* in a worker thread.

        Cancellation: while waiting for a worker, at once; later it waits for *function* to end.
        """
        return await trio.to_thread.run_sync(self._measured, function, limiter=self._limiter)

    def _measured(self, function: Callable[[], T]) -> T:
        """In the worker. The counts are for people: two that end at once may be counted as one."""
        began = time.monotonic()
        self._invocations += 1
        self._crowd += self._limiter.borrowed_tokens
        try:
            return function()
        finally:
            self._busy_seconds += time.monotonic() - began

    def facts(self) -> PoolFacts:
        """What it did so far, and does now."""
        statistics = self._limiter.statistics()
        return PoolFacts(
            self._name,
            int(statistics.total_tokens),
            statistics.borrowed_tokens,
            statistics.tasks_waiting,
            self._invocations,
            self._crowd,
            self._busy_seconds,
            time.monotonic() - self._began,
        )
