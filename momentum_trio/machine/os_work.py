"""Blocking work in worker threads, within a limiter of its own so that it never starves the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from momentum_trio.machine.facts import PoolFacts
from momentum_trio.machine.os_pool import OsPool

T = TypeVar("T")

WORKERS_MAX = 4


class OsWork:
    """``machine.contract.Work``."""

    __slots__ = ("_pool",)

    def __init__(self, workers_max: int = WORKERS_MAX) -> None:
        self._pool = OsPool("CPU", workers_max)

    async def run(self, function: Callable[[], T]) -> T:
        """Run *function* in a worker thread.

        Cancellation: while waiting for a worker, at once; later it waits for *function* to end.
        """
        return await self._pool.run(function)

    def facts(self) -> PoolFacts:
        """How busy its worker threads are."""
        return self._pool.facts()
