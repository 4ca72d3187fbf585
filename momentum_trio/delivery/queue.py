"""Mail on its way out: what is ready, what waits for a retry, and who delivers it.

A lane holds the ready messages of one routing domain in one binding. Lanes take turns, at a method (``side``) or at
the connections to a place (``carriage``), so that no domain waits for another's backlog. Deferred messages wait for
their time. Of a message at rest there is a ticket and a row of numbers (``roster``); its envelope stays in the spool.
Nothing here is durable: the spool is, and after a crash ``owed`` says what is still to be delivered.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from momentum_trio.delivery.alarm import Alarms
from momentum_trio.delivery.carriage import Carriage, Generation, Generations
from momentum_trio.delivery.census import Census
from momentum_trio.delivery.custody import Custody
from momentum_trio.delivery.delivery_options import ServerOptions
from momentum_trio.delivery.holdings import Holdings
from momentum_trio.delivery.lane import Lane, LaneKey
from momentum_trio.delivery.method import Carrier, Method
from momentum_trio.delivery.operations import Operations
from momentum_trio.delivery.pace import Pace
from momentum_trio.delivery.recovery import lay, take_owed
from momentum_trio.delivery.report_contract import Reporter
from momentum_trio.delivery.route import Route, Routes
from momentum_trio.delivery.settlement import Settlement
from momentum_trio.delivery.side import Side
from momentum_trio.limits.contract import SharedState
from momentum_trio.machine import Machine
from momentum_trio.mail import record
from momentum_trio.mail.path import domain_of
from momentum_trio.mail.schedule import SCHEDULE_SECONDS_MAX
from momentum_trio.spool.message import Batch, Held, Message, Owed, Receipt

__all__ = ["STRIDE_MESSAGES", "Generation", "Generations", "Queue"]

STRIDE_MESSAGES = 1000
"""Messages taken or made ready again between two checkpoints: some milliseconds."""

STRIDE_LANES = 100

CONNECTIONS_MAX = 20_000
UNLIMITED = 1 << 62


class Queue:
    """Takes what the spool has custody of, and sees every message delivered, failed or kept.

    limits: where throttles are counted. reporter: writes notifications; None: nothing is reported. connections_max:
    what descriptors allow. everywhere: where limits over all nodes are; None: there is only this one.
    Whatever is cancelled at whatever checkpoint, each message is ready or delayed afterwards, or concluded: in the
    spool, too.

    away: bindings, with their groups, whose mail stays untried: another host sends it (``reconfigured`` heeds it).
    """

    def __init__(
        self,
        machine: Machine,
        spool: Custody,
        generations: Generations,
        methods: Sequence[Method | Carrier],
        limits: SharedState,
        *,
        reporter: Reporter | None = None,
        connections_max: int = CONNECTIONS_MAX,
        everywhere: SharedState | None = None,
    ) -> None:
        self._machine, self._spool, self._generations = machine, spool, generations
        self._routes = Routes(methods)
        self._alarms = Alarms()
        self.holdings = Holdings(spool)
        self.settlement = Settlement(machine, spool, self.holdings, self.route, reporter, self.take)
        everywhere = everywhere or limits
        pace = Pace(limits, everywhere, self._alarms)
        self.carriage = Carriage(
            generations,
            self.holdings,
            self.settlement,
            pace,
            self._alarms,
            connections_max,
            self.offer,
            self._faulted,
            everywhere,
        )
        self._sides = {
            method.word: Side(method, self.holdings, self.settlement, pace, self.offer, self._generation, self._faulted)
            for method in self._routes.methods
        }
        self.operations = Operations(spool, self.holdings, self.settlement, self)
        self.census = Census(self.holdings, self.carriage, self.operations)
        self.away: frozenset[tuple[str, str]] = frozenset()
        self._suspended: dict[LaneKey, Lane] = {}
        self._nursery: trio.Nursery | None = None
        self._look_at_limits()

    @property
    def active(self) -> int:
        """Messages that are ready or being tried."""
        return self.holdings.active

    @property
    def delayed(self) -> int:
        """Messages that wait for their next attempt."""
        return self.holdings.delayed

    @property
    def delivered(self) -> int:
        """Messages delivered since the start."""
        return self.settlement.delivered

    @property
    def failed(self) -> int:
        """Messages given up since the start."""
        return self.settlement.failed

    def take(self, receipt: Receipt) -> None:
        """Take over the batch of *receipt*, which the spool holds durably. Never blocks, never raises."""
        self.take_all((receipt,))

    def take_all(self, receipts: Sequence[Receipt]) -> None:
        """The same of several, in their order."""
        now, unix_now = trio.current_time(), self._machine.clock.now()
        for receipt in receipts:
            batch = receipt.batch
            ahead = batch.begins_at - unix_now
            born = now + min(ahead, SCHEDULE_SECONDS_MAX if batch.not_before else 0.0)
            if len(batch.messages) > STRIDE_MESSAGES and self._nursery is not None:
                self._nursery.start_soon(self._take_slowly, receipt, born)
                continue
            for ticket, message in zip(receipt.tickets, batch.messages, strict=True):
                self._take_one(batch, message, ticket, born)

    async def _take_slowly(self, receipt: Receipt, born: float) -> None:
        """A batch of very many messages: others get their turn meanwhile."""
        batch = receipt.batch
        for count, (ticket, message) in enumerate(zip(receipt.tickets, batch.messages, strict=True), 1):
            self._take_one(batch, message, ticket, born)
            if count % STRIDE_MESSAGES == 0:
                await trio.lowlevel.checkpoint()

    def _take_one(self, batch: Batch, message: Message, ticket: int, born: float) -> None:
        self.settlement.tallies[batch.binding_group, batch.binding].received += 1
        domain = message.routing_domain or domain_of(message.forward_path)
        holdings = self.holdings
        lane = holdings.lanes.of((batch.binding_group, batch.binding, domain))
        if batch.not_before and born > trio.current_time():
            holdings.lay_delayed(ticket, lane, born, 0, born)
            holdings.lanes.rest(lane)
            return
        holdings.keep(ticket, lane, Held(batch, message, None), self.route(lane).resident_max)
        holdings.lay_ready(ticket, lane, born, 0)
        self.wake(lane)

    def take_found(self, owed: Owed) -> None:
        """Take a message that came into custody otherwise than by reception, where it stood. Never blocks."""
        lay([owed], self.holdings, self.route, self._machine.clock)
        lane = self.holdings.lane(owed.ticket)
        if lane.ready.count:
            self.wake(lane)

    def _look_at_limits(self) -> None:
        residents_max = ServerOptions.resolve(self._generations.current.tree.chain_outbound("", "", "")).residents_max
        self.holdings.residents_max = residents_max or UNLIMITED

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver until cancelled.

        started: when all the spool recovered has been taken.
        Cancellation: attempts under way are abandoned; what was not concluded is owed again at the next start. Call
            ``drain`` before it.
        """
        async with trio.open_nursery() as nursery:
            self._begin(nursery)
            try:
                nursery.start_soon(self._alarms.run)
                await self._take_owed()
                task_status.started()
                await self._sweep()
            finally:
                self._begin(None)  # mail may still come while attempts end: it stays in the spool

    def _begin(self, nursery: trio.Nursery | None) -> None:
        self._nursery = nursery
        self.carriage.begin(nursery)
        for side in self._sides.values():
            side.begin(nursery)

    async def drain(self) -> None:
        """Begin no new attempt and wait for those under way. What is left stays in the spool.

        May wait for as long as a method does: the caller sets the limit.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.carriage.drain)
            for side in self._sides.values():
                nursery.start_soon(side.drain)

    def reconfigured(self) -> None:
        """A new generation holds: suspended lanes are looked at again; others learn of it at their next turn."""
        self._look_at_limits()
        suspended, self._suspended = self._suspended, {}
        for lane in suspended.values():
            lane.waiting = False
            self.offer(lane)
        self.carriage.reconfigured()

    # Lanes

    def _generation(self) -> int:
        return self._generations.current.number

    def route(self, lane: Lane) -> Route:
        """Which way mail of *lane* goes now."""
        generation = self._generations.current
        if lane.route is None or lane.generation != generation.number:
            lane.route = self._routes.choose(generation.tree, *lane.key)
            lane.generation = generation.number
        return lane.route

    def make_ready(self, ticket: int) -> None:
        """A message in hand has its turn as soon as may be."""
        self.wake(self.holdings.make_ready(ticket))

    def wake(self, lane: Lane) -> None:
        """*lane* has something ready: it has a turn."""
        if not lane.waiting:
            self.offer(lane)
        elif lane.hop is not None:
            self.carriage.serve(lane.hop)

    def offer(self, lane: Lane) -> None:
        """Give *lane*, which has none, a turn, or lay it aside while its scope is suspended or away."""
        route = self.route(lane)
        if route.options.suspended or lane.key[:2] in self.away:
            lane.waiting = True
            self._suspended[lane.key] = lane
        elif route.carrier is not None:
            self.carriage.attach(lane, route, route.carrier)
        else:
            assert route.method is not None
            self._sides[route.method.word].attach(lane)

    def quiet(self, lane: Lane) -> None:
        """Nothing of *lane* may be ready any more: then it has no turn."""
        if lane.ready.count:
            return
        if lane.hop is not None:
            self.carriage.serve(lane.hop)
        elif self._suspended.get(lane.key) is lane:
            del self._suspended[lane.key]
            lane.waiting = False
        self.holdings.lanes.rest(lane)

    # Time

    async def _take_owed(self) -> None:
        """Take what the spool recovered where an earlier life left it."""
        await take_owed(self._spool.owed(), self.holdings, self.route, self._machine.clock)
        for count, lane in enumerate(self.holdings.lanes.all(), 1):
            if lane.ready.count:
                self.wake(lane)
            else:
                self.holdings.lanes.rest(lane)
            if count % STRIDE_LANES == 0:
                await trio.lowlevel.checkpoint()

    async def _sweep(self) -> None:
        """Make delayed messages ready when they are due."""
        delays = self.holdings.delays
        while True:
            await delays.wait()
            for _ in range(STRIDE_MESSAGES):
                ticket = self.holdings.draw_due()
                if ticket is None:
                    break
                self.make_ready(ticket)
            await delays.tidy()

    def _faulted(self, word: str, fault: Exception) -> None:
        text = f"delivery by {word}: {type(fault).__name__}: {fault}"
        self._machine.events.publish(record.Panic(self._machine.clock.now(), record.Level.ERROR, text))
