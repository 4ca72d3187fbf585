"""Connections that wait for a seat of a limit over all nodes: it has been asked for, and is not granted yet.

A node that has just begun, or finds more clients than it holds seats for, asks those who grant (``limits``). Who comes
meanwhile is not refused for what nobody knows yet: he waits for the first octet from us, as he would at a busy server.
"""

from __future__ import annotations

import trio

from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.protocol.cluster.holding import LATE_SECONDS

SEAT_SECONDS = LATE_SECONDS + 4.0
"""How long somebody waits: until a cluster that begins grants seats, and has found together before."""
WAITING_MAX = 1_000
"""Of one limit; nor more than the limit itself. Who comes then is refused at once."""
LOOK_SECONDS = 0.1
"""How often it is looked whether a seat may still come: that there is none is told to nobody."""


class SeatLines:
    """The lines before all limits, first come, first served. A line is there while somebody stands in it."""

    def __init__(self, everywhere: SharedState) -> None:
        self._everywhere = everywhere
        self._lines: dict[Key, trio.Lock] = {}
        self._awaited: dict[Key, trio.Event] = {}

    def take(self, key: Key, limit: int) -> bool:
        """Take a seat of *key*, if one is to be had at once and nobody stands in line for it."""
        return key not in self._lines and self._everywhere.seat(key, limit)

    def may_wait(self, key: Key, limit: int) -> bool:
        """Whether one more may stand in the line before *key*, of which no seat could be taken."""
        line = self._lines.get(key)
        standing = 0 if line is None else line.statistics().tasks_waiting + line.locked()
        return self._everywhere.is_asking(key) and standing < min(limit, WAITING_MAX)

    async def wait(self, key: Key, limit: int) -> bool:
        """Wait for a seat of *key* and take it, within SEAT_SECONDS. False: there is none, for now.

        Cancellation: none is taken.
        """
        until = trio.current_time() + SEAT_SECONDS
        line = self._lines.setdefault(key, trio.Lock())
        try:
            async with line:
                while not self._everywhere.seat(key, limit):
                    if trio.current_time() >= until or not self._everywhere.is_asking(key):
                        return False
                    with trio.move_on_after(LOOK_SECONDS):
                        await self._free(key).wait()
                return True
        finally:
            if not line.locked():
                self._lines.pop(key, None)

    def _free(self, key: Key) -> trio.Event:
        """Set when a seat of *key* may be had again."""
        if key not in self._awaited:
            self._awaited[key] = trio.Event()
            self._everywhere.when_free(key, lambda: self._awaited.pop(key).set())
        return self._awaited[key]
