"""What both forms of SharedState that lease have in common: taking from what the node holds, and doing by itself."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import trio

from momentum_trio.limits.contract import BROADCAST_OCTETS_MAX, Admission, Key, Told
from momentum_trio.limits.listeners import Listeners
from momentum_trio.limits.local import LocalState
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.cluster.holding import LATE_SECONDS, RENEW_SECONDS, Holdings, OnFailure
from momentum_trio.protocol.cluster.token import Tokens

GAUGE_SECONDS = 1.0
"""How long what a node counts may be unknown to others."""
GAUGE_ASKED_SECONDS = 10.0
REACH_SECONDS = 10.0
"""Who begins to share has found those who grant by then, if they are there."""
SAID_MAX = 1_000
"""Broadcasts on their way; beyond it what is said is lost."""


@dataclass(slots=True)
class Gauge:
    """One. ours: shares by node, as they are; said: as others know them. others: what others have. asked_at: when
    somebody last wanted to know.
    """

    ours: dict[str, int] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    others: int = 0
    asked_at: float = -math.inf


class Leased:
    """The node's half of a SharedState that leases. whom: who grants, in words, for the paniclog."""

    def __init__(self, machine: Machine, node: str, on_failure: OnFailure, holdings: Holdings, whom: str) -> None:
        self._machine, self._node, self._on_failure, self._whom = machine, node, on_failure, whom
        self._holdings = holdings
        self._tokens = Tokens()
        self._alone = LocalState(node)
        self._listeners = Listeners()
        self._waiting: dict[Key, list[Callable[[], None]]] = {}
        self._gauges: dict[Key, Gauge] = {}
        self._said: list[tuple[str, bytes]] = []
        self._members: tuple[str, ...] = (node,)
        self._woken = trio.Event()
        self._has_told = False
        self._alone_from = math.inf
        self._reached_by = -math.inf

    @property
    def node(self) -> str:
        """This member's name."""
        return self._node

    @property
    def is_up(self) -> bool:
        """Whether there is somebody who grants: our lease is valid."""
        return self._holdings.holds(trio.current_time())

    def held(self) -> list[tuple[Key, int, int]]:
        """Of each limit the seats that are ours now, whether they are taken or not: its key, the limit, seats."""
        return self._holdings.all_held() if self.is_up else []

    def seat(self, key: Key, limit: int) -> bool:
        """Take one of *limit* seats, if we hold one that is free."""
        taken = self._holdings.take(key, limit, trio.current_time())
        self._wake()
        return taken

    def leave(self, key: Key) -> None:
        """One seat that was taken is free again."""
        self._holdings.leave(key, trio.current_time())
        self._tell_freed()
        self._wake()

    def _is_asking(self, key: Key, *, grants: bool, may_grant: bool) -> bool:
        """grants: who grants does so by now. may_grant: he is there, and will in LATE_SECONDS."""
        now = trio.current_time()
        if grants and self._holdings.holds(now):
            return self._holdings.is_asking(key, now)
        return may_grant or now < self._reached_by

    def when_free(self, key: Key, call: Callable[[], None]) -> None:
        """Call *call* once, when we hold a free seat of *key*."""
        self._waiting.setdefault(key, []).append(call)

    def throttle(self, key: Key, rate: float, burst: float, cost: float = 1.0) -> Admission:
        """Whether we hold *cost* events that were granted of *rate* a second with at most *burst* at once."""
        if not self.is_up:
            return self._throttle_alone(key, rate, burst, cost)
        after = self._tokens.take(key, rate, burst, cost, trio.current_time())
        self._wake()
        return Admission(after <= 0.0, after)

    def _throttle_alone(self, key: Key, rate: float, burst: float, cost: float) -> Admission:
        match self._on_failure:
            case OnFailure.CLOSED:
                return Admission(False, RENEW_SECONDS)
            case OnFailure.LOCAL_SHARE:
                rate, burst = rate / len(self._members), max(burst / len(self._members), 1.0)
        return self._alone.throttle(key, rate, max(burst, cost), cost)

    def give_back(self, key: Key, rate: float, cost: float = 1.0) -> None:
        """Undo a ``throttle`` that admitted *cost* events at *rate*."""
        self._tokens.give_back(key, cost, trio.current_time())

    def gauge_add(self, key: Key, node: str, delta: int) -> int:
        """Add *delta* to *node*'s share; returns the sum, as last known of other members."""
        gauge = self._gauge_of(key)
        gauge.ours[node] = gauge.ours.get(node, 0) + delta
        assert gauge.ours[node] >= 0, f"gauge {key} of {node} below zero"
        return sum(gauge.ours.values()) + gauge.others

    def gauge(self, key: Key) -> int:
        """The sum over all members, as last known."""
        gauge = self._gauge_of(key)
        gauge.asked_at = trio.current_time()
        return sum(gauge.ours.values()) + gauge.others

    def _gauge_of(self, key: Key) -> Gauge:
        return self._gauges.setdefault(key, Gauge())

    def broadcast(self, topic: str, octets: bytes) -> None:
        """Tell every member. What is said while nobody can be told, or too much at once, may be lost."""
        assert topic
        assert len(octets) <= BROADCAST_OCTETS_MAX
        if len(self._said) < SAID_MAX:
            self._said.append((topic, octets))
            self._wake()

    def listen(self, topic: str) -> AbstractContextManager[AsyncIterator[Told]]:
        """What is told about *topic* from now on, within the block."""
        return self._listeners.listen(topic)

    def members(self) -> Sequence[str]:
        """The nodes that live, as last known."""
        return self._members

    def _wake(self) -> None:
        if self._holdings.are_due or self._tokens.next_at < math.inf or self._said:
            self._woken.set()

    def _tell_freed(self) -> None:
        for key in self._holdings.freed():
            for call in self._waiting.pop(key, ()):
                call()

    # Being alone

    def _begin(self, now: float) -> None:
        """From *now* on we look for those who grant."""
        self._reached_by = now + REACH_SECONDS
        self._out_since(now)

    def _out_since(self, now: float) -> None:
        """From *now* on nobody grants: when what others hold has run out, each does by itself."""
        self._alone_from = self._holdings.alone_from = now + LATE_SECONDS

    def _look_alone(self, now: float) -> None:
        """If it is time to do by ourselves, seats may be had by that rule."""
        if self._alone_from <= now:
            self._alone_from = math.inf
            waiting, self._waiting = self._waiting, {}
            for calls in waiting.values():
                for call in calls:
                    call()

    def _expire(self, now: float, why: str = "") -> None:
        """If our lease has run out, nothing that we hold is ours any more; that is said once."""
        if self._holdings.holds(now) or self._has_told:
            return
        self._holdings.voided()
        self._has_told = True
        because = f" ({why})" if why else ""
        self._tell(Level.ERROR, f"{self._whom} does not answer{because}; On_Failure {self._on_failure.value} holds")

    def _has_lease(self) -> None:
        """Somebody grants; that is said if it was not so."""
        if self._has_told:
            self._has_told = False
            self._tell(Level.WARNING, f"{self._whom} answers again")

    def _tell(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, f"limits of all nodes: {text}"))
