"""What a connection is fed from: ``method.Feed`` over the lanes of one hop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import outcome
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.holdings import Hand
from momentum_trio.delivery.hop import Hop
from momentum_trio.delivery.method import Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.limits.contract import Key
from momentum_trio.net.next_hop import NextHop

if TYPE_CHECKING:
    from momentum_trio.delivery.carriage import Carriage

TURN_PARCELS = 16
"""Parcels that the only connection of a domain takes while another domain waits for its seat."""


class LaneFeed:
    """See ``method.Feed``.

    ended: it gave None, or said why no connection came about. coming: it has not taken yet. useful: mail has come to
    its end over it.
    """

    def __init__(self, carriage: Carriage, hop: Hop, seat: tuple[Key, ...]) -> None:
        self._carriage, self._hop, self.seat = carriage, hop, seat
        self.chain: Chain = hop.chain
        self.generation = hop.generation
        self.in_hand: dict[int, tuple[Parcel, list[Hand]]] = {}
        self.ended = self.greeted = self.useful = False
        self.coming = True
        self._parked: trio.lowlevel.Task | None = None
        self._idle_until = math.inf  # while it is parked
        self._is_watched = False  # it is looked at again, for whether it has been parked for too long
        self._taken = self._delivered = self._held = 0  # parcels; messages, delivered and in hand

    @property
    def domain(self) -> str:
        return self._hop.domain

    @property
    def binding_group(self) -> str:
        return self._hop.binding_group

    @property
    def binding(self) -> str:
        return self._hop.binding

    @property
    def gateway(self) -> NextHop | None:
        return self._hop.gateway

    async def take(self, recipients_max: int, idle_seconds: float) -> Parcel | None:
        """See ``method.Feed``."""
        assert recipients_max > 0
        hop, carriage = self._hop, self._carriage
        idle_until = trio.current_time() + idle_seconds
        while not self._over():
            if (parcel := await self._next(recipients_max)) is not None:
                return parcel
            if hop.messages.waiting:
                if carriage.wait_seconds(hop) > idle_seconds:
                    break  # the seat is of more use to others
                idle_until = trio.current_time() + idle_seconds
            if not await self._park(idle_until):
                break
        self.ended = True
        return None

    async def more(self, recipients_max: int) -> Parcel | None:
        """See ``method.Feed``."""
        return None if self._over() else await self._next(recipients_max)

    async def _next(self, recipients_max: int) -> Parcel | None:
        hands = await self._carriage.next_parcel(self._hop, self._room(recipients_max))
        self._has_come()
        return self._hand_out(hands) if hands else None

    def _has_come(self) -> None:
        if self.coming:
            self.coming = False
            self._hop.coming -= 1
            self._carriage.serve(self._hop, 0)

    def _over(self) -> bool:
        """Whether this connection is to be closed."""
        carriage, hop = self._carriage, self._hop
        if carriage.draining or self.generation != carriage.generation:
            return True
        limit, most = hop.options.deliveries_max, hop.options.connections_max
        if (limit and self._delivered + self._held >= limit) or 0 <= most < hop.connections:
            return True
        return self._to_be_given_up()

    def _to_be_given_up(self) -> bool:
        """Whether another hop is to have the seat: one with fewer connections, or any if this one has nothing to do."""
        hop = self._hop
        other = self._carriage.seats.claimant(self.seat, hop) if self.greeted else None
        if other is None:
            return False
        in_turn = not other.connections and self._taken >= TURN_PARCELS
        return not hop.ready or in_turn or hop.connections > other.connections + 1

    def _room(self, recipients_max: int) -> int:
        limit = self._hop.options.deliveries_max
        return min(recipients_max, limit - self._delivered - self._held) if limit else recipients_max

    def _hand_out(self, hands: list[Hand]) -> Parcel:
        parcel = self._carriage.parcel_of(self._hop, hands)
        self.in_hand[id(parcel)] = parcel, hands
        self._hop.in_hand += len(hands)
        self._held += len(hands)
        self._taken += 1
        return parcel

    async def _park(self, until: float) -> bool:
        """Wait for mail; False when none came in time. Whoever waited last is woken first, so that others may close."""
        hop, idle = self._hop, self._carriage.seats.idle
        hop.parked[self] = idle[self] = None
        self._parked, self._idle_until = trio.lowlevel.current_task(), until
        if not self._is_watched:
            self._watch()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            return bool(await trio.lowlevel.wait_task_rescheduled(abort))
        finally:
            hop.parked.pop(self, None)
            del idle[self]

    def _watch(self) -> None:
        self._is_watched = True
        self._carriage.alarms.set(self._idle_until, self._look)

    def _look(self) -> None:
        """One look for all the times that it was parked meanwhile."""
        self._is_watched = False
        if self._parked is None:
            return
        if self._idle_until <= trio.current_time():
            self._unpark(woken=False)
        else:
            self._watch()

    def _unpark(self, *, woken: bool) -> None:
        if self._parked is not None:
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task, outcome.Value(woken))

    def wake(self) -> None:
        """There is mail, or something else to be looked at."""
        self._unpark(woken=True)

    async def report(self, parcel: Parcel, outcomes: Sequence[Outcome]) -> None:
        """See ``method.Feed``."""
        known, hands = self.in_hand.pop(id(parcel))
        assert known is parcel
        assert len(outcomes) == len(hands)  # one for each, none invented
        self._hop.in_hand -= len(hands)
        self._held -= len(hands)
        self._delivered += sum(isinstance(outcome, Delivered) for outcome in outcomes)
        self.useful = self.useful or not all(isinstance(outcome, Deferred) for outcome in outcomes)
        await self._carriage.settle(hands, outcomes)

    def admit_host(self, host: str) -> AbstractContextManager[bool]:
        """See ``method.Feed``."""
        return self._carriage.seats.at_host(self._hop, host, self._carriage.tree)

    def reached(self) -> None:
        """See ``method.Feed``."""
        if not self.greeted:
            self.greeted = True
            self._carriage.reached(self._hop)

    def unreachable(self, failure: Deferred | Bounced) -> None:
        """See ``method.Feed``."""
        self.ended = True
        self._carriage.unreachable(self._hop, failure)
