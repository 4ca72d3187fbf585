"""The event stream of one life of a node: a ring of records, and those who follow it, each at his own pace.

A record costs a number and a place in the ring, whoever listens; it is rendered when somebody who wants it reads, once
for all. A follower has no queue of his own: what waits for him is the ring from where he stands, so that slowness costs
no memory and nobody else's time. Whoever is overtaken by the ring is told to go (Overtaken).

Where events are missing between the cursor somebody comes with and the first that follows, a Gap says so.
"""

from __future__ import annotations

import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Record
from momentum_trio.protocol.events.cursor import LIFE_OCTETS, Cursor
from momentum_trio.protocol.events.event import Gap
from momentum_trio.protocol.events.filter import Sieve
from momentum_trio.protocol.events.render import SHORTENED, encoded, event_of

BATCH_EVENTS_MAX = 500
"""Told at once."""
LOOK_MAX = 5_000
"""Records looked at in one step; then others have their turn."""


class Overtaken(Exception):
    """The follower was so slow that events are gone that he has not seen."""


class Hub:
    """The stream. kept: how many records are remembered."""

    def __init__(self, machine: Machine, kept: int) -> None:
        assert kept >= 1
        self._machine = machine
        self._life = ""
        self._kept = kept
        self._ring: list[Record | None] = [None] * kept  # event n is at n % kept
        self._rendered: list[tuple[int, bytes] | None] = [None] * kept
        self._number = 0
        self._waiting = False
        self._news = trio.Event()
        self._followers = 0

    def take(self, record: Record) -> None:
        """The next event is of *record*; a subscriber of the machine's events."""
        if (shorten := SHORTENED.get(record.__class__)) is not None:
            if (short := shorten(record)) is None:
                return
            record = short
        self._number = number = self._number + 1
        self._ring[number % self._kept] = record
        if self._waiting:
            self._waiting = False
            self._news.set()

    @property
    def life(self) -> str:
        """The name of this life, for cursors."""
        if not self._life:
            self._life = self._machine.entropy.octets(LIFE_OCTETS).hex()
        return self._life

    @property
    def number(self) -> int:
        """Of the last event."""
        return self._number

    @property
    def cursor(self) -> Cursor:
        """Behind the last event."""
        return Cursor(self.life, self._number)

    @property
    def oldest(self) -> int:
        """The number of the first event that is remembered; if there is none, of the next."""
        return max(1, self._number - self._kept + 1)

    @property
    def followers(self) -> int:
        """How many follow the stream."""
        return self._followers

    def follow(self, after: Cursor | None, sieve: Sieve) -> Follower:
        """Somebody who wants what *sieve* lets through, from *after* on; from now on without one. To be closed.

        How many there may be is for the callers to say: each wakes for every event.
        """
        self._followers += 1
        return Follower(self, after or self.cursor, sieve)

    def leave(self) -> None:
        """One follower is gone."""
        self._followers -= 1
        assert self._followers >= 0

    async def wait_behind(self, number: int) -> None:
        """Wait until there are events behind event *number*."""
        while number == self._number:
            if not self._waiting:
                self._waiting, self._news = True, trio.Event()
            await self._news.wait()

    def wanted(self, number: int, sieve: Sieve) -> bytes | None:
        """Event *number*, which is remembered, as JSON; None where it is not wanted."""
        assert self.oldest <= number <= self._number
        place = number % self._kept
        record = self._ring[place]
        assert record is not None
        if not sieve.wants(record):
            return None
        if (rendered := self._rendered[place]) is None or rendered[0] != number:
            self._rendered[place] = rendered = number, encoded(event_of(record, str(Cursor(self.life, number))))
        return rendered[1]

    def gap(self, reason: str, number: int, missing: int | None) -> bytes:
        """That events are missing up to *number*, as JSON."""
        now = self._machine.clock.now()
        return encoded(Gap(cursor=str(Cursor(self.life, number)), time=now, reason=reason, missing=missing))


class Follower:
    """One who follows the stream. cursor: all up to there that he wants was given to him."""

    def __init__(self, hub: Hub, after: Cursor, sieve: Sieve) -> None:
        self._hub, self._sieve = hub, sieve
        self._number = after.number
        self._gap = self._gap_behind(after)
        self._closed = False

    @property
    def cursor(self) -> Cursor:
        """Where he stands."""
        return Cursor(self._hub.life, self._number)

    @property
    def is_behind(self) -> bool:
        """Whether something has happened that he was not told of, wanted or not."""
        return self._gap is not None or self._number != self._hub.number

    def sift(self, sieve: Sieve) -> None:
        """He wants what *sieve* lets through from now on."""
        self._sieve = sieve

    def catch_up(self) -> None:
        """He was overtaken, and goes on behind the gap."""
        self._gap = self._gap_behind(self.cursor)

    async def wait(self) -> None:
        """Wait until he is behind. Cancellation: nothing is lost."""
        if self._gap is None:
            await self._hub.wait_behind(self._number)

    async def next(self) -> list[bytes]:
        """Wanted events as JSON, the next ones, BATCH_EVENTS_MAX at most; none at all where none was wanted lately.

        Waits until something has happened, whether it is wanted or not. Raises Overtaken.
        Cancellation: nothing is lost.
        """
        if self._gap is not None:
            gap, self._gap = self._gap, None
            return [gap]
        await self.wait()
        await trio.lowlevel.checkpoint()
        if self._number < self._hub.oldest - 1:
            raise Overtaken(f"events up to {self._hub.oldest - 1} are gone, you stand at {self._number}")
        return self._look()

    def _look(self) -> list[bytes]:
        found: list[bytes] = []
        last = min(self._hub.number, self._number + LOOK_MAX)
        while self._number < last and len(found) < BATCH_EVENTS_MAX:
            self._number += 1
            if (event := self._hub.wanted(self._number, self._sieve)) is not None:
                found.append(event)
        return found

    def _gap_behind(self, after: Cursor) -> bytes | None:
        """What is missing behind *after*; he goes on with the oldest event then."""
        hub, before = self._hub, self._hub.oldest - 1
        if after.life == hub.life and before <= after.number <= hub.number:
            return None
        self._number = before
        if after.life == hub.life and after.number < before:
            return hub.gap("expired", before, before - after.number)
        return hub.gap("other_life", before, None)

    def close(self) -> None:
        """He follows no more; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._hub.leave()
