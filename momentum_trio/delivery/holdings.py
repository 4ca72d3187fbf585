"""All messages in custody, as the queue holds them: where each stands, in which lane, and who of them is read already.

This is state and its steps; nothing here waits but the reading of envelopes. After every step each ticket is in exactly
one place: ready or delayed in its lane, or in hand. So an attempt that is cancelled anywhere leaves all of it whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import trio

from momentum_trio.delivery.custody import Custody
from momentum_trio.delivery.delays import Delays
from momentum_trio.delivery.lane import Lane, LaneKey, Lanes
from momentum_trio.delivery.roster import Roster, Standing
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.message import Batch, Held, Message, Retry


class Hand(msgspec.Struct, eq=False):
    """A message in hand, its envelope read. retry: where it stood, if it was tried before."""

    ticket: int
    lane: Lane
    batch: Batch
    message: Message
    retry: Retry | None


@dataclass(frozen=True, slots=True)
class Unread:
    """A message in hand whose envelope the spool does not give. KeyError: it is not in custody at all."""

    ticket: int
    lane: Lane
    fault: KeyError | SpoolFault


class Holdings:
    """The messages, their lanes, their times. active: ready or in hand."""

    def __init__(self, spool: Custody) -> None:
        self._spool = spool
        self.roster = Roster()
        self.lanes = Lanes()
        self.delays = Delays(self.roster)
        self.active = 0
        self.residents_max = 0
        self._residents: OrderedDict[int, Held] = OrderedDict()

    @property
    def delayed(self) -> int:
        """Messages that wait for their next attempt."""
        return self.delays.count

    @property
    def resident(self) -> int:
        """Messages whose envelope is in memory."""
        return len(self._residents)

    def residents(self) -> list[int]:
        """Their tickets."""
        return list(self._residents)

    # Coming and going

    def enter(self, ticket: int, key: LaneKey, born: float, attempts: int = 0) -> Lane:
        """Take a message that the spool has custody of; it is in hand. Returns its lane."""
        lane = self.lanes.of(key)
        self.roster.enter(ticket, lane.number, born, attempts)
        lane.in_hand += 1
        self.active += 1
        return lane

    def lay_ready(self, ticket: int, lane: Lane, born: float, attempts: int) -> None:
        """As ``enter`` and ``make_ready``."""
        self.roster.lay(ticket, Standing.READY, lane.number, lane.ready, born, attempts)
        self.active += 1
        if lane.hop is not None:
            lane.hop.ready += 1

    def lay_delayed(self, ticket: int, lane: Lane, born: float, attempts: int, until: float) -> None:
        """``enter`` and ``delay`` in one: a message that waits until *until*. born, until: by trio's time."""
        self.roster.lay(ticket, Standing.DELAYED, lane.number, lane.delayed, born, attempts)
        self.delays.put(ticket, until)

    def keep(self, ticket: int, lane: Lane, held: Held, lane_max: int) -> None:
        """Keep the envelope of a message in hand until it is tried, if it will be among the first *lane_max* of its
        lane; below 0 there is no such limit.
        """
        if 0 <= lane_max <= lane.ready.count:
            return
        self._residents[ticket] = held
        if len(self._residents) > self.residents_max:
            self._residents.popitem(last=False)

    def leave(self, ticket: int) -> Lane:
        """A message in hand is concluded: its ticket may come back as another's. Returns its lane."""
        lane = self.lane(ticket)
        self.roster.leave(ticket)
        self._residents.pop(ticket, None)
        lane.in_hand -= 1
        self.active -= 1
        return lane

    # Steps

    def lane(self, ticket: int) -> Lane:
        """The lane in which the message of *ticket* stands."""
        return self.lanes[self.roster.lane[ticket]]

    def age(self, ticket: int) -> float:
        """Seconds since it was received."""
        return trio.current_time() - self.roster.born[ticket]

    def make_ready(self, ticket: int, *, first: bool = False) -> Lane:
        """A message in hand waits for its turn, at the end or as the *first* of its lane. Returns the lane."""
        assert self.roster.standing[ticket] == Standing.IN_HAND
        lane = self.lane(ticket)
        self.roster.standing[ticket] = Standing.READY
        (self.roster.prepend if first else self.roster.append)(lane.ready, ticket)
        lane.in_hand -= 1
        if lane.hop is not None:
            lane.hop.ready += 1
        return lane

    def delay(self, ticket: int, until: float) -> Lane:
        """A message in hand waits until that time of trio's. Returns its lane."""
        assert self.roster.standing[ticket] == Standing.IN_HAND
        lane = self.lane(ticket)
        self.roster.standing[ticket] = Standing.DELAYED
        self.roster.append(lane.delayed, ticket)
        self.delays.put(ticket, until)
        self._residents.pop(ticket, None)
        lane.in_hand -= 1
        self.active -= 1
        return lane

    def draw(self, lane: Lane) -> int:
        """Take the first message of *lane* that is ready in hand."""
        ticket = lane.ready.first
        self.take_in_hand(ticket)
        return ticket

    def take_in_hand(self, ticket: int) -> None:
        """Take a message in hand that is ready or delayed."""
        lane, standing = self.lane(ticket), self.roster.standing[ticket]
        if standing == Standing.READY:
            self.roster.remove(lane.ready, ticket)
            if lane.hop is not None:
                lane.hop.ready -= 1
        else:
            assert standing == Standing.DELAYED
            self.roster.remove(lane.delayed, ticket)
            self.delays.drop()
            self.active += 1
        self.roster.standing[ticket] = Standing.IN_HAND
        lane.in_hand += 1

    def draw_due(self) -> int | None:
        """Take a delayed message in hand whose time has come; None if there is none."""
        ticket = self.delays.next_due()
        if ticket is None:
            return None
        lane = self.lane(ticket)
        self.roster.remove(lane.delayed, ticket)
        self.roster.standing[ticket] = Standing.IN_HAND
        lane.in_hand += 1
        self.active += 1
        return ticket

    def move(self, ticket: int, key: LaneKey) -> Lane:
        """A message in hand is in the lane of *key* now. Returns the lane it was in."""
        before, after = self.lane(ticket), self.lanes.of(key)
        before.in_hand -= 1
        after.in_hand += 1
        self.roster.lane[ticket] = after.number
        self._residents.pop(ticket, None)
        return before

    # Envelopes

    def at_hand(self, ticket: int) -> Hand | None:
        """A message in hand, if its envelope is in memory."""
        held = self._residents.pop(ticket, None)
        return None if held is None else Hand(ticket, self.lane(ticket), held.batch, held.message, held.retry)

    async def read(self, tickets: Sequence[int]) -> list[Hand | Unread]:
        """The envelopes of messages in hand, in their order, from memory or from the spool.

        Cancellation: those messages are ready again, each in its place.
        """
        try:
            found: dict[int, Hand | Unread] = {}
            missing = []
            for ticket in tickets:
                hand = self.at_hand(ticket)
                if hand is None:
                    missing.append(ticket)
                else:
                    found[ticket] = hand
            if len(missing) == 1:
                found[missing[0]] = await self._read(missing[0])
            elif missing:
                async with trio.open_nursery() as nursery:
                    for ticket in missing:
                        nursery.start_soon(self._read_into, found, ticket)
        except BaseException:
            for ticket in reversed(tickets):
                self.make_ready(ticket, first=True)
            raise
        return [found[ticket] for ticket in tickets]

    async def _read(self, ticket: int) -> Hand | Unread:
        lane = self.lane(ticket)
        try:
            held = await self._spool.held(ticket)
        except (KeyError, SpoolFault) as fault:
            return Unread(ticket, lane, fault)
        return Hand(ticket, lane, held.batch, held.message, held.retry)

    async def _read_into(self, found: dict[int, Hand | Unread], ticket: int) -> None:
        found[ticket] = await self._read(ticket)

    def more_of(self, hand: Hand, count_max: int) -> list[Hand]:
        """Take in hand what stands next in *hand*'s lane and belongs to its batch, at most *count_max*."""
        if len(hand.batch.messages) == 1 or count_max <= 0:
            return []
        of_batch = {message.message_id: message for message in hand.batch.messages}
        more: list[Hand] = []
        lane, spool = hand.lane, self._spool
        while lane.ready.count and len(more) < count_max:
            try:
                message = of_batch.get(spool.message_id(lane.ready.first))
            except KeyError:  # lost: it is forgotten when its own turn comes
                break
            if message is None:
                break
            ticket = self.draw(lane)
            self._residents.pop(ticket, None)
            more.append(Hand(ticket, lane, hand.batch, message, spool.retry(ticket)))
        return more
