"""Limits that hold across nodes, by what is told in the agreed order: who may grant, and when a lease is over.

All that is said here is SAFE: if one member hears it in a regular view, every member of that view has it, and counts it
before its own next view. So what a node was granted in a regular primary view is known to all who may grant after it.

A node's lease is LEASE_SECONDS from when it said that it lives, if it hears that itself in a regular primary view. Who
leaves the view may have said so at the latest when the others saw it go: they free its seats LATE_SECONDS after that,
which allows for clocks that go apart. In a new view everybody reports what he holds before anything is granted. Seats
of a view that nobody here knows of may still be in use unless most servers came along from the last primary view (its
transitional view was primary); otherwise nothing is granted before the new view has stood for LATE_SECONDS.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from momentum_trio.net.group import GroupView, ViewId
from momentum_trio.protocol.cluster.holding import LATE_SECONDS, LEASE_SECONDS, RENEW_SECONDS, Holdings, Key, OnFailure
from momentum_trio.protocol.cluster.lease_message import (
    ITEMS_MAX,
    OCTETS_MAX,
    Asked,
    Lapsed,
    Message,
    Open,
    Renew,
    Report,
    Round,
)
from momentum_trio.protocol.cluster.pool import Pools

T = TypeVar("T")

TURN_SECONDS = 0.5
"""Who is not the oldest says what all could say so much later for each who is older."""
RENEWALS_MAX = 64
"""Of ours that are on their way."""


class Leases:
    """Those of one node. holdings: what it was granted. to_say: to be published, in this order."""

    def __init__(self, on_failure: OnFailure) -> None:
        self.holdings = Holdings(on_failure)
        self.member = ""
        self.members: tuple[str, ...] = ()
        self._pools = Pools()
        self._to_say: list[Message] = []
        self._view_id: ViewId | None = None
        self._round: Round = (0, "", 0)
        self._is_transitional = False
        self._knows = False
        self._began_at = math.inf
        self._reporting: set[str] = set()
        self._reported: set[str] = set()
        self._may_open = False
        self._late_since: dict[str, float] = {}
        self._renewals: dict[int, float] = {}
        self._leads_from = math.inf
        self._renewed_at, self._renewal = -math.inf, 0

    @property
    def is_granting(self) -> bool:
        """Whether free seats are granted to those who ask."""
        return self._pools.is_granting

    def leads(self, now: float) -> bool:
        """Whether we grant the events of throttles: the oldest does, once whoever was it before cannot any more."""
        return now >= self._leads_from and self.holdings.holds(now)

    def to_say(self) -> list[Message]:
        """What is to be published now, once."""
        said, self._to_say = self._to_say, []
        return said

    # What happens to the group

    def view(self, view: GroupView, member: str, now: float) -> None:
        """*view* holds from here on; *member* is what we are called in it."""
        self.expire(now)
        if not view.transitional and view.id != self._view_id and not self._is_transitional:
            self._knows = False  # nobody came along
        self._is_transitional = view.transitional
        if view.transitional:
            self._knows = self._knows and view.primary
        elif view.primary and member in view.members:
            self._begin(view, member, now)
        else:
            self._leave_primary()

    def apart(self, now: float) -> None:
        """We are in no view."""
        self.expire(now)
        self._leave_primary()

    def _leave_primary(self) -> None:
        self.members, self._view_id, self._knows, self._leads_from = (), None, False, math.inf
        self._to_say.clear()
        self._renewals.clear()
        self._late_since.clear()
        self._pools.clear()
        self._pools.is_granting = False
        self.holdings.unanswered()

    def _begin(self, view: GroupView, member: str, now: float) -> None:
        """A round of reports."""
        for gone in set(self.members) - set(view.members):
            if self._pools.gone(gone):
                self._late_since[gone] = now
        self.member, self.members, self._view_id = member, view.members, view.id
        self._round = (*view.id, view.number)
        self._began_at = now
        self._reporting.clear()
        self._reported.clear()
        self._may_open = self._pools.is_granting = False
        self._to_say.clear()
        self.holdings.unanswered()
        self.holdings.members = len(view.members)
        self._leads_from = math.inf if view.members[0] != member else min(self._leads_from, now + LATE_SECONDS)
        self._to_say.extend(self._reports())
        self._renew(now)

    def _reports(self) -> list[Report]:
        """What we hold, and what we know of who is gone, in as many parts as it takes."""
        parts = [Report(self._round, part, (), self._knows, False) for part in _parts(self.holdings.all_held())]
        parts += [Report(self._round, (), part, self._knows, False) for part in _parts(self._pools.late())]
        *others, last = parts or [Report(self._round, (), (), self._knows, True)]
        return [*others, msgspec.structs.replace(last, is_last=True)]

    # What is told

    def told(self, sender: str, message: Message, now: float) -> None:
        """*sender* has published *message*, one of those about leases."""
        self.expire(now)
        if sender not in self.members:
            return
        match message:
            case Report(round=self._round):
                self._take_report(sender, message, now)
            case Asked() if sender in self._reported:
                self._take_ask(sender, message, now)
            case Renew() if sender == self.member:
                self._take_renewal(message, now)
            case Lapsed(round=self._round, member=gone):
                self._late_since.pop(gone, None)
                self._tell(self._pools.lapsed(gone), now)
            case Open(round=self._round):
                self._may_open = True
                self._open(now)

    def _take_report(self, sender: str, report: Report, now: float) -> None:
        if sender in self._reported:
            return
        if sender not in self._reporting:
            self._reporting.add(sender)
            self._pools.reset(sender)
            self._late_since.pop(sender, None)
        for key, limit, seats in report.held:
            self._pools.said_held(sender, key, seats, limit)
        for gone, key, seats, limit in report.late:
            if gone not in self.members:  # who is here reports himself
                self._pools.said_late(gone, key, seats, limit)
                self._late_since.setdefault(gone, now)
        if report.is_last:
            self._reported.add(sender)
            self._may_open = self._may_open or report.knows
            self._open(now)

    def _open(self, now: float) -> None:
        """Grant, if all has been reported and nothing is unknown."""
        if not self._pools.is_granting and self._may_open and self._reported >= set(self.members):
            self._pools.is_granting = self._knows = True
            self._tell(self._pools.settle_all(), now)

    def _take_ask(self, sender: str, asked: Asked, now: float) -> None:
        ask = asked.ask
        changed = self._pools.asked(sender, ask)
        if sender == self.member and not self._is_transitional:
            share = self._pools.share(ask.key, sender)
            self.holdings.answered(ask, share, now)
            changed.discard(sender)
        self._tell([(ask.key, changed)], now)

    def _tell(self, changes: Iterable[tuple[Key, set[str]]], now: float) -> None:
        """Shares have changed: what we are granted is ours, if everybody knows of it."""
        if self._is_transitional:
            return
        for key, changed in changes:
            if self.member in changed:
                self.holdings.granted(key, self._pools.share(key, self.member), now)
            self.holdings.lack(key, self._pools.lackers(key, self.member))

    # Time

    def expire(self, now: float) -> None:
        """If our lease has run out, nothing of it is ours any more."""
        if self.holdings.lease_until <= now and self.holdings.lease_until > -math.inf:
            self.holdings.lease_until = -math.inf
            self.holdings.voided()

    def tick(self, now: float) -> None:
        """Say what is due: every RENEW_SECONDS, and whenever somebody wanted a seat in vain or gave one back."""
        self.expire(now)
        if not self.members or self._is_transitional:
            return
        if now >= self._renewed_at + RENEW_SECONDS:
            self._renew(now)
            self.holdings.sweep(now)
        self._to_say.extend(Asked.of(ask) for ask in self.holdings.asks(now))
        patience = LATE_SECONDS + TURN_SECONDS * self.members.index(self.member)
        if not self.is_granting and not self._may_open and now >= self._began_at + patience:
            self._began_at = now - LATE_SECONDS + RENEW_SECONDS  # again, if it is lost
            self._to_say.append(Open(self._round))
        for gone, since in self._late_since.items():
            if now >= since + patience:
                self._late_since[gone] = now - LATE_SECONDS + RENEW_SECONDS
                self._to_say.append(Lapsed(self._round, gone))

    def _renew(self, now: float) -> None:
        self._renewed_at = now
        self._renewal += 1
        self._renewals[self._renewal] = now
        if len(self._renewals) > RENEWALS_MAX:
            del self._renewals[next(iter(self._renewals))]
        self._to_say.append(Renew(self._renewal))

    def _take_renewal(self, renew: Renew, now: float) -> None:
        said_at = self._renewals.pop(renew.number, None)
        if said_at is not None and not self._is_transitional and said_at + LEASE_SECONDS > now:
            self.holdings.lease_until = max(self.holdings.lease_until, said_at + LEASE_SECONDS)


def _parts(items: Iterable[T]) -> Iterator[tuple[T, ...]]:
    """*items* in portions that fit into a Report."""
    part: list[T] = []
    octets = 0
    for item in items:
        size = len(repr(item).encode())
        if part and (len(part) >= ITEMS_MAX or octets + size > OCTETS_MAX):
            yield tuple(part)
            part, octets = [], 0
        part.append(item)
        octets += size
    if part:
        yield tuple(part)
