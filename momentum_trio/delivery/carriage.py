"""Mail over connections: how many each hop gets, which lane they serve next, and hops that cannot be reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import trio

from momentum_trio.delivery.alarm import Alarms
from momentum_trio.delivery.delivery_options import ClusterLimitOptions, ConnectionOptions
from momentum_trio.delivery.feeding import LaneFeed
from momentum_trio.delivery.holdings import Hand, Holdings, Unread
from momentum_trio.delivery.hop import Hop, HopKey
from momentum_trio.delivery.lane import Lane, LaneKey
from momentum_trio.delivery.method import Attempt, Carrier, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.delivery.pace import Pace, Paced
from momentum_trio.delivery.route import OutboundTree, Route, both_meters
from momentum_trio.delivery.seats import Seats
from momentum_trio.delivery.settlement import FAULT, Settlement
from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.mail.stage import Stage

SWEEP_MESSAGES = 250
"""Messages of an unreachable domain that are delayed at once, and recorded in one group."""

FAILING_MAX = 10_000
"""Hops without mail that are remembered because they are failing."""


class Generation(Protocol):
    """A generation of the configuration, as far as delivery looks at it."""

    @property
    def number(self) -> int: ...
    @property
    def tree(self) -> OutboundTree: ...


class Generations(Protocol):
    """Where the current generation is found."""

    @property
    def current(self) -> Generation: ...


class Carriage:
    """The hops of one node and the connections to them.

    offer_lane: gives a lane its turn anew, wherever that is now. faulted: told of what only a fault of ours explains.
    everywhere: what all nodes count together. draining: no connection takes a parcel any more.
    """

    def __init__(
        self,
        generations: Generations,
        holdings: Holdings,
        settlement: Settlement,
        pace: Pace,
        alarms: Alarms,
        connections_max: int,
        offer_lane: Callable[[Lane], None],
        faulted: Callable[[str, Exception], None],
        everywhere: SharedState,
    ) -> None:
        self._generations, self._holdings, self._settlement = generations, holdings, settlement
        self._pace, self.alarms = pace, alarms
        self._offer_lane, self._faulted = offer_lane, faulted
        self.seats = Seats(connections_max, self.serve, everywhere)
        self._hops: dict[HopKey, Hop] = {}
        self._failing: dict[HopKey, None] = {}
        self._nursery: trio.Nursery | None = None
        self._empty = trio.Event()
        self.draining = False
        self.connections = 0

    @property
    def generation(self) -> int:
        """Number of the current one."""
        return self._generations.current.number

    @property
    def tree(self) -> OutboundTree:
        """The outbound scopes of the generation that holds now."""
        return self._generations.current.tree

    def begin(self, nursery: trio.Nursery | None) -> None:
        """Connections are tasks of *nursery* from now on; None: no connection begins any more."""
        self._nursery = nursery

    async def drain(self) -> None:
        """Let every connection close after its parcel, and wait for that."""
        self.draining = True
        self._wake_all()
        while self.connections:
            self._empty = trio.Event()
            await self._empty.wait()

    def reconfigured(self) -> None:
        """A new generation: connections close after their parcel, for they were made by the old one."""
        self._wake_all()
        for hop in self.seats.all_in_line():
            self.serve(hop)

    def _wake_all(self) -> None:
        for sitter in list(self.seats.idle):
            sitter.wake()

    def connections_by_lane(self) -> Iterator[tuple[LaneKey, int]]:
        """Binding group, binding and routing domain of each hop that has connections, and how many these are."""
        return ((hop.key[1:4], hop.connections) for hop in self._hops.values() if hop.connections)

    def failures(self, domain: str) -> int:
        """How often no connection to *domain* came about since one did, in the binding where that is most."""
        return max((hop.failures for hop in self._hops.values() if hop.domain == domain), default=0)

    # Lanes and hops

    def attach(self, lane: Lane, route: Route, carrier: Carrier) -> None:
        """Give *lane*, which has its turn nowhere, one with the hop of *route*."""
        hop = self._hop_of(lane, route, carrier)
        lane.waiting, lane.hop = True, hop
        hop.ready += lane.ready.count
        hop.turn.append(lane)
        self.serve(hop, lane.ready.count)

    def _hop_of(self, lane: Lane, route: Route, carrier: Carrier) -> Hop:
        binding_group, binding, _ = lane.key
        key = (carrier.word, binding_group, binding, route.domain, str(route.gateway or ""))
        hop = self._hops.get(key)
        if hop is None:
            hop = self._hops[key] = Hop(key, carrier, route.domain, route.gateway)
            hop.messages, hop.starts = Paced(partial(self.serve, hop)), Paced(partial(self.serve, hop))
        if hop.generation != self.generation:
            hop.generation, hop.chain = self.generation, route.chain
            hop.options = ConnectionOptions.resolve(route.chain)
            hop.meter = route.meter
            hop.start_meter = both_meters(
                self.tree,
                route.chain,
                ConnectionOptions.connections_throttle,
                ClusterLimitOptions.connections_throttle,
            )
        return hop

    def _next_lane(self, hop: Hop) -> Lane | None:
        """The lane whose turn it is at *hop*, out of the turn now."""
        while hop.turn:
            lane = hop.turn.popleft()
            if lane.ready.count and lane.generation == self.generation:
                return lane
            self._detach(lane)
            if lane.ready.count:
                self._offer_lane(lane)
            else:
                self._holdings.lanes.rest(lane)
        return None

    def _detach(self, lane: Lane) -> None:
        assert lane.hop is not None
        lane.hop.ready -= lane.ready.count
        lane.waiting, lane.hop = False, None

    def _again(self, lane: Lane, hop: Hop) -> None:
        """*lane* had its turn: it gets another while it has messages."""
        if lane.ready.count:
            hop.turn.append(lane)
        else:
            self._detach(lane)

    def _renew(self, hop: Hop) -> None:
        """The configuration is another: the lanes of *hop* have their turn where it says now."""
        lanes = list(hop.turn)
        hop.turn.clear()
        for lane in lanes:
            self._detach(lane)
            self._offer_lane(lane)

    def _forget(self, hop: Hop) -> None:
        """Unless there is something about *hop*, which has nothing ready. The failures of FAILING_MAX hops are
        remembered.
        """
        while hop.turn:  # emptied since they got their turn
            lane = hop.turn.popleft()
            self._detach(lane)
            self._holdings.lanes.rest(lane)
        if not hop.idle:
            return
        if hop.failures:
            self._failing[hop.key] = None
            if len(self._failing) <= FAILING_MAX:
                return
            hop = self._hops[next(iter(self._failing))]
            del self._failing[hop.key]
        if hop.idle:
            self._hops.pop(hop.key, None)

    # Connections

    def serve(self, hop: Hop, messages: int = 1) -> bool:
        """See that somebody comes for *messages* that are ready for *hop*. Returns whether a connection begins."""
        if hop.generation != self.generation:
            self._renew(hop)
            return False
        for _ in range(min(messages, hop.ready, len(hop.parked))):
            feed, _ = hop.parked.popitem()
            feed.wake()
        begun = False
        while hop.wants_more() and self._open(hop):
            begun = True
        if not hop.ready:
            self._forget(hop)
        return begun

    def _open(self, hop: Hop) -> bool:
        """Begin a connection if nothing is against it; what is against it will have ``serve`` called."""
        if self.draining or self._nursery is None or hop.in_line or hop.pausing or hop.sweeping:
            return False
        if hop.meter is not None:
            self._pace.reserve(hop.meter, hop.messages, hop.ready)
            if hop.messages.granted <= hop.coming:
                return False
        if hop.start_meter is not None and not self._pace.reserve(hop.start_meter, hop.starts, 1):
            return False
        seat = self.seats.take(hop, self.tree)
        if seat is None:
            return False
        if hop.start_meter is not None:
            self._pace.take(hop.start_meter, hop.starts, 1)
        hop.connections += 1
        hop.coming += 1
        self.connections += 1
        self._nursery.start_soon(self._carry, hop, seat)
        return True

    async def _carry(self, hop: Hop, seat: tuple[Key, ...]) -> None:
        """One connection, from its seat to its end."""
        feed = LaneFeed(self, hop, seat)
        try:
            await hop.carrier.carry(feed)
            await trio.lowlevel.checkpoint()  # not every carrier has one
        except Exception as fault:  # noqa: BLE001  ours: the one place that keeps a faulty carrier from ending the node
            self._faulted(hop.carrier.word, fault)
            feed.ended = False
        finally:
            await self._close(feed, hop, seat)

    async def _close(self, feed: LaneFeed, hop: Hop, seat: tuple[Key, ...]) -> None:
        """What a connection leaves behind: parcels it did not report are deferred, as our fault."""
        try:
            for _, hands in feed.in_hand.values():
                hop.in_hand -= len(hands)
                await self._recover(hands)
        finally:
            hop.connections -= 1
            hop.greeted -= feed.greeted
            hop.coming -= feed.coming
            self.connections -= 1
            if hop.refused_by is not None and not feed.greeted:
                self.seats.wait_for_host(hop)
            elif not (feed.ended or feed.useful):  # a server may close after as many messages as it likes
                hop.failed()
                self._pause(hop)
            self.seats.vacate(seat)
            self.serve(hop)
            self._empty.set()

    async def _recover(self, hands: Sequence[Hand]) -> None:
        """Messages that nobody reported about: deferred, as our fault; if we were cancelled they are ready again."""
        if trio.current_effective_deadline() > -math.inf:
            await self.settle(hands, [Deferred(FAULT, Stage.UNKNOWN)] * len(hands))
            return
        for hand in reversed(hands):
            self._holdings.make_ready(hand.ticket, first=True)

    def reached(self, hop: Hop) -> None:
        """A server greeted one of the connections: others may begin."""
        hop.reached()
        hop.greeted += 1
        self._failing.pop(hop.key, None)
        self.serve(hop)

    def unreachable(self, hop: Hop, failure: Deferred | Bounced) -> None:
        """No connection came about. While others work that says little; else it is counted, and once it has been too
        often, or too long, the mail of the hop waits for its retries. A failure for good fails all of it.
        """
        if hop.greeted and isinstance(failure, Deferred):
            self._pause(hop)
            return
        hop.failed()
        if (isinstance(failure, Bounced) or hop.given_up) and not hop.sweeping and self._nursery is not None:
            hop.sweeping = True
            self._nursery.start_soon(self._sweep, hop, failure)
        if isinstance(failure, Deferred):
            self._pause(hop)

    def _pause(self, hop: Hop) -> None:
        if not hop.pausing:
            hop.pausing = True
            self.alarms.set(trio.current_time() + hop.pause_seconds, partial(self._resume, hop))

    def _resume(self, hop: Hop) -> None:
        hop.pausing = False
        self.serve(hop)

    async def _sweep(self, hop: Hop, failure: Deferred | Bounced) -> None:
        """All that is ready for *hop* ends like this. Others get their turn between strides."""
        left = hop.ready
        try:
            while left > 0 and (lane := self._next_lane(hop)) is not None:
                count = min(SWEEP_MESSAGES, lane.ready.count, left)
                tickets = [self._holdings.draw(lane) for _ in range(count)]
                self._again(lane, hop)
                left -= count
                hands = await self._read(lane, tickets)
                spread = hop.options.sweep_spread
                await self.settle(hands, [failure] * len(hands), spread_seconds=spread)
                await trio.lowlevel.checkpoint()
        finally:
            hop.sweeping = False
            self.serve(hop)

    # Parcels

    async def next_parcel(self, hop: Hop, room: int) -> list[Hand]:
        """The next messages for one transaction, in hand; empty when there are none, or none may go now."""
        while (lane := self._next_lane(hop)) is not None:
            count = min(room, lane.ready.count)
            if hop.meter is not None and not (count := self._pace.take(hop.meter, hop.messages, count)):
                hop.turn.appendleft(lane)
                break
            first = self._holdings.draw(lane)
            self._again(lane, hop)
            hands: list[Hand] = []
            try:
                hand = self._holdings.at_hand(first)
                hands = await self._settlement.living(await self._read(lane, [first]) if hand is None else [hand])
                hands += self._holdings.more_of(hands[0], count - 1) if hands else []
            finally:
                if hop.meter is not None:
                    self._pace.give_back(hop.messages, count - len(hands))
            if hands:
                return hands
        return []

    async def _read(self, lane: Lane, tickets: Sequence[int]) -> list[Hand]:
        """Those of *tickets* whose envelope can be read; the others wait. Cancellation: all are ready again."""
        try:
            found = await self._holdings.read(tickets)
        except BaseException:
            if not lane.waiting:
                self._offer_lane(lane)
            raise
        unread = [each for each in found if isinstance(each, Unread)]
        if unread:
            self._settlement.keep_unread(unread)
            self._holdings.lanes.rest(lane)
        return [each for each in found if isinstance(each, Hand)]

    def parcel_of(self, hop: Hop, hands: Sequence[Hand]) -> Parcel:
        """What the carrier gets."""
        retries = self._holdings.roster.attempts
        return Parcel(
            [
                Attempt(hand.batch, hand.message, hop.domain, retries[hand.ticket], hop.chain, hop.gateway)
                for hand in hands
            ]
        )

    def wait_seconds(self, hop: Hop) -> float:
        """How long the throttle of *hop* will make it wait, about."""
        return 0.0 if hop.meter is None else self._pace.wait_seconds(hop.meter)

    async def settle(
        self,
        hands: Sequence[Hand],
        outcomes: Sequence[Outcome],
        *,
        attempted: bool = True,
        spread_seconds: int = 0,
    ) -> None:
        """As ``Settlement.settle``; lanes without mail rest afterwards."""
        await self._settlement.settle(hands, outcomes, attempted=attempted, spread_seconds=spread_seconds)
        for hand in hands:
            self._holdings.lanes.rest(hand.lane)
