"""SharedState of the nodes of a cluster: seats by leases in the agreed order, events of throttles from the oldest node.

A part of the cluster module (``part.Part``), and the state that limits are counted in. It outlives the lives of the
module: ``join`` and ``part`` are called by whoever opens and closes one.
"""

from __future__ import annotations

import math

import msgspec
import trio

from momentum_trio.cluster.part import Assembly
from momentum_trio.limits.contract import Key, Told
from momentum_trio.limits.leased import GAUGE_SECONDS, Leased
from momentum_trio.machine import Machine
from momentum_trio.net.group import GroupView, Service, node_of
from momentum_trio.protocol.cluster.holding import RENEW_SECONDS, OnFailure
from momentum_trio.protocol.cluster.lease import Leases
from momentum_trio.protocol.cluster.lease_message import (
    ITEMS_MAX,
    Broadcast,
    Gauges,
    Message,
    TokensAsked,
    TokensGranted,
    pack,
    unpack,
)
from momentum_trio.protocol.cluster.token import Buckets

TOPIC = "leases"
LOOK_SECONDS = 0.25
"""How often it is looked whether something is due that nobody woke us for."""


class LeasedState(Leased):
    """``limits.contract.SharedState`` over the bus. It is so while ``run`` runs and somebody has it ``join``."""

    topic = TOPIC

    def __init__(self, machine: Machine, node: str, on_failure: OnFailure = OnFailure.CLOSED) -> None:
        self._leases = Leases(on_failure)
        super().__init__(machine, node, on_failure, self._leases.holdings, "the cluster's majority")
        self._assembly: Assembly | None = None
        self._unsaid: list[Message] = []
        self._buckets = Buckets()
        self._others: dict[str, dict[tuple[Key, str], int]] = {}
        self._is_first = True
        self._number = 0
        self._gauge_at = -math.inf
        self.misunderstood = 0

    def join(self, assembly: Assembly) -> None:
        """From here on *assembly* is where we speak; it gives us what happens."""
        self._assembly = assembly

    def part(self) -> None:
        """The assembly is no more."""
        self._assembly = None
        self.apart()

    def is_asking(self, key: Key) -> bool:
        """As ``SharedState`` has it."""
        return self._is_asking(key, grants=self._leases.is_granting, may_grant=bool(self._leases.members))

    # What happens

    def view(self, view: GroupView) -> None:
        """As ``part.Part`` has it."""
        assert self._assembly is not None
        now = trio.current_time()
        self._unsaid.clear()
        was_primary = bool(self._leases.members)
        self._leases.view(view, self._assembly.member, now)
        self._tokens.forget()
        if self._leases.members:
            self._members = tuple(sorted({node_of(member) for member in self._leases.members}))
        elif was_primary:
            self._out_since(now)
        if not view.transitional:
            self._others = {name: counts for name, counts in self._others.items() if name in view.members}
            self._is_first = True
            self._gauge_at = -math.inf
        self._look(now)

    def apart(self) -> None:
        """As ``part.Part`` has it."""
        now = trio.current_time()
        if self._leases.members:
            self._out_since(now)
        self._unsaid.clear()
        self._others.clear()
        self._leases.apart(now)
        self._tokens.forget()
        self._woken.set()

    def told(self, sender: str, octets: bytes) -> None:
        """As ``part.Part`` has it."""
        try:
            message = unpack(octets)
        except (msgspec.DecodeError, ValueError):
            self.misunderstood += 1
            return
        now = trio.current_time()
        match message:
            case TokensAsked():
                self._grant(sender, message, now)
            case TokensGranted(number, key, count, after_seconds):
                self._tokens.answered(number, key, count, after_seconds, now)
            case Gauges(counts, is_first):
                known = {} if is_first else self._others.get(sender, {})
                known.update({(key, node): count for key, node, count in counts})
                self._others[sender] = {share: count for share, count in known.items() if count}
                self._count_others()
            case Broadcast(topic, said):
                self._number += 1
                self._listeners.tell(Told(node_of(sender), self._number, topic, said))
            case _:
                self._leases.told(sender, message, now)
        self._look(now)

    def _grant(self, sender: str, asked: TokensAsked, now: float) -> None:
        """Events of a throttle, if it is for us to grant them: else whoever asked asks again."""
        if sender not in self._leases.members or not self._leases.leads(now):
            return
        count, after = self._buckets.grant(asked.key, asked.rate, asked.burst, asked.least, asked.most, now)
        self._tell_one(sender, TokensGranted(asked.number, asked.key, count, after))

    def _count_others(self) -> None:
        """What others have of our gauges."""
        sums: dict[Key, int] = {}
        us = "" if self._assembly is None else self._assembly.member
        for member, counts in self._others.items():
            if member != us:
                for (key, _), count in counts.items():
                    sums[key] = sums.get(key, 0) + count
        for key in {*sums, *self._gauges}:
            self._gauge_of(key).others = sums.get(key, 0)

    # What is due

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Say what is due, until cancelled."""
        self._begin(trio.current_time())
        task_status.started()
        while True:
            self._woken = trio.Event()
            self._look(trio.current_time())
            with trio.move_on_at(min(trio.current_time() + LOOK_SECONDS, self._tokens.next_at)):
                await self._woken.wait()

    def _look(self, now: float) -> None:
        if self._holdings.holds(now):
            self._alone_from = math.inf
            self._has_lease()
        elif not self._has_told and now >= self._holdings.alone_from - RENEW_SECONDS:
            self._expire(now)
        self._look_alone(now)
        self._leases.tick(now)
        self._unsaid.extend(self._leases.to_say())
        while self._unsaid and self._publish(self._unsaid[0], Service.SAFE):
            self._unsaid.pop(0)
        self._ask_tokens(now)
        if now >= self._gauge_at:
            self._gauge_at = now + GAUGE_SECONDS
            self._tell_gauges()
        while self._said and self._publish(Broadcast(*self._said[0]), Service.AGREED):
            self._said.pop(0)
        self._tell_freed()

    def _ask_tokens(self, now: float) -> None:
        if not self._leases.members or self._tokens.next_at > now:
            return
        for ask in self._tokens.asks(now):
            asked = TokensAsked(ask.number, ask.key, ask.rate, ask.burst, ask.least, ask.most)
            self._tell_one(self._leases.members[0], asked)

    def _tell_gauges(self) -> None:
        counts = [
            (key, node, count)
            for key, gauge in self._gauges.items()
            for node in {**gauge.ours, **gauge.said}
            if (count := gauge.ours.get(node, 0)) != gauge.said.get(node, 0) or (self._is_first and count)
        ]
        for at in range(0, len(counts), ITEMS_MAX) or (range(1) if self._is_first else ()):
            if not self._publish(
                Gauges(tuple(counts[at : at + ITEMS_MAX]), self._is_first and at == 0), Service.AGREED
            ):
                return
        self._is_first = False
        for key, gauge in list(self._gauges.items()):
            gauge.ours = {node: count for node, count in gauge.ours.items() if count}
            gauge.said = dict(gauge.ours)
            if not gauge.ours and not gauge.others:
                del self._gauges[key]

    def _publish(self, message: Message, service: Service) -> bool:
        return self._assembly is not None and self._assembly.publish(TOPIC, pack(message), service)

    def _tell_one(self, member: str, message: Message) -> None:
        if self._assembly is not None:
            self._assembly.tell(member, TOPIC, pack(message))
