"""When delayed messages are due: one heap of numbers, each a time in milliseconds and a ticket."""

from __future__ import annotations

import heapq
import math

import trio

from momentum_trio.delivery.roster import Roster, Standing

TICKET_BITS = 32
TICKET_MASK = (1 << TICKET_BITS) - 1
STALE_MAX = 10_000
"""Entries of messages that were made ready sooner, beyond as many as are valid: then the heap is made anew."""

STRIDE_ENTRIES = 5_000
"""Entries moved to the new heap between two checkpoints."""


class Delays:
    """The heap. An entry is valid while its message is delayed until that very time; others are passed over."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._heap: list[int] = []
        self._sooner = trio.Event()
        self.count = 0

    def put(self, ticket: int, at: float) -> None:
        """*ticket*'s message, delayed now, is due at *at*, in trio's time."""
        due = math.ceil(at * 1000)
        self._roster.due[ticket] = due
        self.count += 1
        entry = due << TICKET_BITS | ticket
        heapq.heappush(self._heap, entry)
        if self._heap[0] == entry:
            self._sooner.set()

    def drop(self) -> None:
        """A message is delayed no longer, before it was due: its entry is passed over when its time comes."""
        self.count -= 1

    async def wait(self) -> None:
        """Until the first entry is due."""
        self._sooner = trio.Event()
        at = (self._heap[0] >> TICKET_BITS) / 1000 if self._heap else math.inf
        with trio.move_on_at(at):
            await self._sooner.wait()

    def next_due(self) -> int | None:
        """A ticket whose time has come, no longer among the delayed; None if there is none."""
        now = math.floor(trio.current_time() * 1000 + 1e-6)
        while self._heap and self._heap[0] >> TICKET_BITS <= now:
            entry = heapq.heappop(self._heap)
            if self._is_valid(entry):
                self.count -= 1
                return entry & TICKET_MASK
        return None

    def _is_valid(self, entry: int) -> bool:
        ticket = entry & TICKET_MASK
        roster = self._roster
        return roster.standing[ticket] == Standing.DELAYED and roster.due[ticket] == entry >> TICKET_BITS

    async def tidy(self) -> None:
        """Make the heap anew when most of it is stale: operators flush queues again and again.

        What is due meanwhile may be late by the time this takes. Cancellation: entries not moved yet are lost, so
            only at the end of the queue's life.
        """
        if len(self._heap) <= 2 * self.count + STALE_MAX:
            return
        old, self._heap = self._heap, []
        while old:
            for entry in old[-STRIDE_ENTRIES:]:
                if self._is_valid(entry):
                    heapq.heappush(self._heap, entry)
            del old[-STRIDE_ENTRIES:]
            await trio.lowlevel.checkpoint()
