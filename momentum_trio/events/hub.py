"""The event stream of one life of a node: a ring of records, and those who follow it, each at his own pace.

A record costs a number and a place in the ring, whoever listens; it is rendered when somebody who wants it reads, once
for all. A follower has no queue of his own: what waits for him is the ring from where he stands, so that slowness costs
no memory and nobody else's time. Whoever is overtaken by the ring is told to go (Overtaken). Who waits for something he
wants has no task: for all who want the same one look is enough (``run``).

Where events are missing between the cursor somebody comes with and the first that follows, a Gap says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice

import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Record
from momentum_trio.protocol.events.cursor import LIFE_OCTETS, Cursor
from momentum_trio.protocol.events.event import Gap
from momentum_trio.protocol.events.filter import Filter, Sieve
from momentum_trio.protocol.events.render import SHORTENED, encoded, event_of

BATCH_EVENTS_MAX = 500
"""Told at once."""
LOOK_MAX = 5_000
"""Records looked at in one step; then others have their turn."""
GATHER_SECONDS, GATHER_SECONDS_EACH = 0.02, 0.0003
"""After those who wait were called others are waited for, so that a thousand a second are fifty messages; the longer,
the more were called: ten thousand have theirs every three seconds."""
CALLS_MAX = 100
"""At once; then others have their turn, and they are told."""


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
        self._wake_at = math.inf  # the number of an event that somebody waits for
        self._news = trio.Event()
        self._followers = 0
        self._watches: dict[Filter, Watch] = {}

    def take(self, record: Record) -> None:
        """The next event is of *record*; a subscriber of the machine's events."""
        if (shorten := SHORTENED.get(record.__class__)) is not None:
            if (short := shorten(record)) is None:
                return
            record = short
        self._number = number = self._number + 1
        self._ring[number % self._kept] = record
        if number >= self._wake_at:
            self._wake_at = math.inf
            self._wake()

    def _wake(self) -> None:
        """Let those who wait for something look again."""
        self._news.set()
        self._news = trio.Event()

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

        How many there may be is for the callers to say.
        """
        self._followers += 1
        same = self._watches.get(sieve.filter)
        return Follower(self, after or self.cursor, sieve if same is None else same.sieve)

    def leave(self) -> None:
        """One follower is gone."""
        self._followers -= 1
        assert self._followers >= 0

    def watch(self, sieve: Sieve, number: int) -> Watch:
        """Where those who want what *sieve* lets through wait; begun behind event *number* if nobody does."""
        if (watch := self._watches.get(sieve.filter)) is None:
            self._watches[sieve.filter] = watch = Watch(self, sieve, number)
            self._wake()
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Nobody else is to wait there."""
        if self._watches.get(watch.sieve.filter) is watch:
            del self._watches[watch.sieve.filter]

    async def run(self) -> None:
        """Call those who wait once something they want has happened, until cancelled: without it nobody is called."""
        while True:
            while all(watch.number == self._number for watch in self._watches.values()):
                if self._watches:
                    self._wake_at = min(self._wake_at, self._number + 1)
                await self._news.wait()
            watches = tuple(self._watches.values())
            called = [await self._look(watch) for watch in watches]
            with trio.move_on_after(GATHER_SECONDS + GATHER_SECONDS_EACH * max(sum(called), len(watches))):
                await self.wait_behind(self._number + self._kept // 2)  # by then events would soon be forgotten unseen

    async def _look(self, watch: Watch) -> int:
        """Call those who wait there if it is time to; how many there were."""
        called = 0
        if watch.has_news():
            self.unwatch(watch)
            while count := watch.call_some():
                called += count
                await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        return called

    async def wait_behind(self, number: int) -> None:
        """Wait until there are events behind event *number*."""
        while self._number <= number:
            self._wake_at = min(self._wake_at, number + 1)
            await self._news.wait()

    def is_wanted(self, number: int, sieve: Sieve) -> bool:
        """Whether event *number*, which is remembered, is."""
        return sieve.wants(self._record(number))

    def _record(self, number: int) -> Record:
        assert self.oldest <= number <= self._number
        record = self._ring[number % self._kept]
        assert record is not None
        return record

    def wanted(self, number: int, sieve: Sieve) -> bytes | None:
        """Event *number*, which is remembered, as JSON; None where it is not wanted."""
        record = self._record(number)
        if not sieve.wants(record):
            return None
        place = number % self._kept
        if (rendered := self._rendered[place]) is None or rendered[0] != number:
            self._rendered[place] = rendered = number, encoded(event_of(record, str(Cursor(self.life, number))))
        return rendered[1]

    def gap(self, reason: str, number: int, missing: int | None) -> bytes:
        """That events are missing up to *number*, as JSON."""
        now = self._machine.clock.now()
        return encoded(Gap(cursor=str(Cursor(self.life, number)), time=now, reason=reason, missing=missing))


class Watch:
    """Those who want the same, and were told all of it. number: up to there nothing of it has happened since."""

    __slots__ = ("_calls", "_hub", "number", "sieve")

    def __init__(self, hub: Hub, sieve: Sieve, number: int) -> None:
        self._hub, self.sieve, self.number = hub, sieve, number
        self._calls: dict[Follower, Callable[[], None]] = {}

    def join(self, follower: Follower, call: Callable[[], None]) -> None:
        """*follower*, who was told all up to *number* at least, waits until *call*."""
        self._calls[follower] = call

    def leave(self, follower: Follower) -> None:
        """He waits no more."""
        del self._calls[follower]
        if not self._calls:
            self._hub.unwatch(self)

    def has_news(self) -> bool:
        """Whether something has happened that they want, or that nobody knows any more."""
        hub = self._hub
        while self.number < hub.number:
            if self.number < hub.oldest - 1 or hub.is_wanted(self.number + 1, self.sieve):
                return True
            self.number += 1
        return False

    def call_some(self) -> int:
        """Call the first who wait; how many they were."""
        some = tuple(islice(self._calls.items(), CALLS_MAX))
        for follower, call in some:
            follower.wake()
            call()
        return len(some)


class Follower:
    """One who follows the stream. cursor: all up to there that he wants was given to him."""

    def __init__(self, hub: Hub, after: Cursor, sieve: Sieve) -> None:
        self._hub, self._sieve = hub, sieve
        self._number = after.number
        self._gap = self._gap_behind(after)
        self._watch: Watch | None = None  # where he waits
        self._closed = False

    @property
    def cursor(self) -> Cursor:
        """Where he stands."""
        watch = self._watch
        return Cursor(self._hub.life, self._number if watch is None else max(self._number, watch.number))

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

    def call(self, call: Callable[[], None]) -> None:
        """*call* once, when there is something to tell him: from ``Hub.run``, or now, where he knows less than that."""
        assert self._watch is None
        watch = self._hub.watch(self._sieve, self._number) if self._gap is None else None
        if watch is None or watch.number > self._number:
            call()
        else:
            self._watch = watch
            watch.join(self, call)

    def wake(self) -> None:
        """He waits no more, if he did."""
        if self._watch is not None:
            self._number = self.cursor.number
            self._watch.leave(self)
            self._watch = None

    async def wait(self) -> None:
        """Wait until he is behind. Cancellation: nothing is lost."""
        if self._gap is None:
            await self._hub.wait_behind(self._number)

    async def next(self) -> list[bytes]:
        """Wanted events as JSON, the next ones, BATCH_EVENTS_MAX at most; none at all where none was wanted lately.

        Waits until something has happened, whether it is wanted or not. Raises Overtaken.
        Cancellation: nothing is lost.
        """
        await self.wait()
        await trio.lowlevel.checkpoint()
        return self.look()

    def look(self) -> list[bytes]:
        """As ``next``, without waiting."""
        if self._gap is not None:
            gap, self._gap = self._gap, None
            return [gap]
        if self._number < self._hub.oldest - 1:
            raise Overtaken(f"events up to {self._hub.oldest - 1} are gone, you stand at {self._number}")
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
            self.wake()
            self._hub.leave()
