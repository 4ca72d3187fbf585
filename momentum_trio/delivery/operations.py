"""What operators do to mail that waits: make it ready at once, give it up, have it go another way.

Messages that are being tried are left alone. Each step leaves every message in one place, so an operation that is
cancelled, or that the spool refuses, has been done to some messages and not to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import trio

from momentum_trio.delivery.custody import Custody
from momentum_trio.delivery.holdings import Hand, Holdings, Unread
from momentum_trio.delivery.lane import Lane, LaneKey
from momentum_trio.delivery.outcome import Bounced
from momentum_trio.delivery.roster import Standing
from momentum_trio.delivery.settlement import Settlement

STRIDE = 1000
"""Lanes looked at, or messages made ready, between two checkpoints."""

AT_ONCE = 250
"""Messages that are given up or moved together."""


class Chosen(Protocol):
    """Chooses lanes; may change its mind meanwhile."""

    def holds(self, key: LaneKey) -> bool:
        """Whether the lane of *key* is one."""
        ...


@dataclass(frozen=True, slots=True)
class Which:
    """Lanes: of a routing domain, of a binding; None: of any."""

    domain: str | None = None
    binding: str | None = None
    binding_group: str | None = None

    def holds(self, key: LaneKey) -> bool:
        """Whether the lane of *key* is one."""
        wanted = (self.binding_group, self.binding, self.domain)
        return all(want is None or want == has for want, has in zip(wanted, key, strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why messages are given up. logged, told: the reason in the log and in the report. quiet: there is none."""

    logged: str
    told: str
    quiet: bool


class Drawn(NamedTuple):
    """A message in hand. due: when it would have been ready, of trio's milliseconds; None: it was."""

    ticket: int
    due: int | None


class Turns(Protocol):
    """What gives lanes their turn: the queue."""

    def wake(self, lane: Lane) -> None:
        """*lane* has something ready."""
        ...

    def quiet(self, lane: Lane) -> None:
        """Nothing of *lane* may be ready any more."""
        ...


class Strides:
    """Lets others have their turn now and then."""

    def __init__(self) -> None:
        self._count = 0

    async def step(self) -> None:
        """One more was done."""
        self._count += 1
        if self._count % STRIDE == 0:
            await trio.lowlevel.checkpoint()


class Operations:
    """On the messages of one queue."""

    def __init__(self, spool: Custody, holdings: Holdings, settlement: Settlement, turns: Turns) -> None:
        self._spool, self._holdings, self._settlement, self._turns = spool, holdings, settlement, turns

    async def lanes(self, which: Chosen) -> list[Lane]:
        """Those lanes, as they are now or were a moment ago."""
        found, strides = [], Strides()
        for lane in self._holdings.lanes.all():
            if which.holds(lane.key):
                found.append(lane)
            await strides.step()
        return found

    # Ready

    async def flush(self, which: Which) -> int:
        """Make what is delayed ready now; how many messages that was. Cancellation: the others stay delayed."""
        count, strides = 0, Strides()
        for lane in await self.lanes(which):
            for _ in range(lane.delayed.count):
                if not lane.delayed.count:
                    break
                self._make_ready(lane.delayed.first)
                count += 1
                await strides.step()
            await strides.step()
        return count

    def standing(self, message_id: str) -> tuple[int, Standing]:
        """The ticket of a message in custody, and where it stands. Raises KeyError when there is none."""
        ticket = self._spool.find(message_id)
        if ticket is None:
            raise KeyError(message_id)
        standings = self._holdings.roster.standing
        return ticket, Standing(standings[ticket]) if ticket < len(standings) else Standing.ABSENT

    def retry(self, ticket: int) -> None:
        """Make one that is delayed ready now."""
        assert self._holdings.roster.standing[ticket] == Standing.DELAYED
        self._make_ready(ticket)

    def _make_ready(self, ticket: int) -> None:
        self._holdings.take_in_hand(ticket)
        self._turns.wake(self._holdings.make_ready(ticket))

    # Given up

    async def fail(self, which: Which, verdict: Verdict) -> int:
        """Give messages up; how many. One whose report cannot be kept stays, to be tried again.

        Cancellation: those that are not given up yet are ready or delayed.
        """
        failed = 0
        for lane in await self.lanes(which):
            left = lane.ready.count + lane.delayed.count
            while left > 0 and (drawn := self.draw(lane, min(left, AT_ONCE))):
                left -= len(drawn)
                given_up = await self._fail(lane, drawn, verdict)
                failed += given_up
                await trio.lowlevel.checkpoint()
        return failed

    async def fail_one(self, ticket: int, verdict: Verdict) -> bool:
        """Give one up that is ready or delayed. Whether it is."""
        return await self._fail(self._holdings.lane(ticket), [self._take(ticket)], verdict) > 0

    async def _fail(self, lane: Lane, drawn: Sequence[Drawn], verdict: Verdict) -> int:
        try:
            found = await self._holdings.read([each.ticket for each in drawn])
        except BaseException:
            self._turns.wake(lane)
            raise
        self._settlement.keep_unread([each for each in found if isinstance(each, Unread)])
        hands = [each for each in found if isinstance(each, Hand)]
        outcomes = [Bounced(verdict.logged)] * len(hands)
        failed = await self._settlement.settle(
            hands, outcomes, attempted=False, quiet=verdict.quiet, told_reason=verdict.told
        )
        self._turns.quiet(lane)
        return failed

    # Another way

    async def reroute(self, domain: str, to: str) -> int:
        """Have the mail of a routing domain go to another; how many messages. Durable when it returns.

        Raises: SpoolFull, SpoolSick: the others go where they went. Cancellation: likewise.
        """
        assert domain != to
        lanes = await self.lanes(Which(domain))
        return sum([await self._move_all(lane, [(lane.key[0], lane.key[1], to)]) for lane in lanes])

    async def rebind(self, which: Which, bindings: Sequence[tuple[str, str]]) -> int:
        """Have mail that is in none of *bindings* go out by these, in turn; how many messages. As ``reroute``."""
        lanes = [lane for lane in await self.lanes(which) if lane.key[:2] not in bindings]
        return sum([await self._move_all(lane, [(*each, lane.key[2]) for each in bindings]) for lane in lanes])

    async def _move_all(self, lane: Lane, ways: Sequence[LaneKey]) -> int:
        moved, left = 0, lane.ready.count + lane.delayed.count
        while left > 0 and (drawn := self.draw(lane, min(left, AT_ONCE))):
            left -= len(drawn)
            await self._move(lane, drawn, ways)
            moved += len(drawn)
        return moved

    async def _move(self, lane: Lane, drawn: Sequence[Drawn], ways: Sequence[LaneKey]) -> None:
        """Messages in hand go these ways, in turn, and wait there as they did."""
        left = list(drawn)
        try:
            for number, way in enumerate(ways):
                part = drawn[number :: len(ways)]
                if part:
                    await self._record(lane.key, part, way)
                    left = [each for each in left if each not in part]
                    for each in part:
                        self._holdings.move(each.ticket, way)
                    self.put_back(part)
        finally:
            self.put_back(left)
            self._turns.quiet(lane)

    async def _record(self, before: LaneKey, drawn: Sequence[Drawn], way: LaneKey) -> None:
        binding_group, binding, domain = way
        tickets = [each.ticket for each in drawn]
        if domain != before[2]:
            await self._spool.move(tickets, routing_domain=domain)
        else:
            await self._spool.move(tickets, binding_group=binding_group, binding=binding)

    # In hand and back

    def draw(self, lane: Lane, count: int) -> list[Drawn]:
        """The first *count* messages of *lane*, the ready ones before the delayed ones."""
        drawn: list[Drawn] = []
        for strand in (lane.ready, lane.delayed):
            while strand.count and len(drawn) < count:
                drawn.append(self._take(strand.first))
        return drawn

    def _take(self, ticket: int) -> Drawn:
        roster = self._holdings.roster
        due = roster.due[ticket] if roster.standing[ticket] == Standing.DELAYED else None
        self._holdings.take_in_hand(ticket)
        return Drawn(ticket, due)

    def put_back(self, drawn: Sequence[Drawn]) -> None:
        """Messages in hand wait as they did, in the lanes they are in now."""
        for ticket, due in drawn:
            if due is None:
                self._turns.wake(self._holdings.make_ready(ticket))
            else:
                self._holdings.delay(ticket, due / 1000)
