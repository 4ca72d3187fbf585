"""Going from one view into the next: what those who come from the same view agree to have been told in it.

All whom the proposer asks say how they stand; from what all said everybody sees, for each of the views they come from:

* who goes on together, *cut*: the last place of the order that any of them has delivered, and *top*: the last that any
  of them has. All deliver up to *cut* in the old view, and the rest up to *top* in the transitional one;
* of each server of the old view: the last of its sendings that any of them knows. Those without a place follow, by
  origin, in the transitional view;
* who sends what to whom: a place of the order comes from the lowest of those who have it all, sendings without a place
  from the lowest of those who know them all, the groups from the lowest of those who go on together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.groups import SEATS_MAX, Groups
from momentum_trio.protocol.msgc.message import (
    BATCH_MAX,
    SERVERS_MAX,
    Entry,
    Life,
    Plan,
    Propose,
    Ready,
    Recovered,
    Standing,
    Unordered,
    ViewKey,
)
from momentum_trio.protocol.msgc.message import Groups as GroupsSaid
from momentum_trio.protocol.msgc.neighbour import Neighbour
from momentum_trio.protocol.msgc.order import WINDOW_OCTETS, Order, Placed, batches
from momentum_trio.protocol.msgc.view import View, majority

INBOX_OCTETS_MAX = 2 * WINDOW_OCTETS * SERVERS_MAX
"""What waits for a plan, or for what comes before it."""
ENTRIES_MAX = SEATS_MAX * SERVERS_MAX
"""Entries of groups, from one component."""

Transfer = Recovered | Unordered
Said = tuple[str, Transfer | GroupsSaid | Ready]
"""To whom, and what."""


@dataclass(frozen=True, slots=True)
class Component:
    """Those who come from one view. names: in order; the others as above, by places of the old view."""

    view: ViewKey
    names: tuple[str, ...]
    cut: int
    top: int
    source: str
    ordered: tuple[int, ...]
    known: tuple[int, ...]
    sources: tuple[str, ...]
    primary: bool

    @property
    def spokesman(self) -> str:
        """Who tells the others of the groups."""
        return self.names[0]


def components(plan: Plan) -> tuple[Component, ...]:
    """Of *plan*, the largest first, then the one with the lowest name: in this order their groups are put together."""
    together: dict[ViewKey, list[Standing]] = {}
    for standing in sorted(plan.standings, key=lambda standing: standing.name):
        together.setdefault(standing.view, []).append(standing)
    return tuple(sorted(map(_component, together.values()), key=lambda one: (-len(one.names), one.names)))


def _component(standings: Sequence[Standing]) -> Component:
    top = max(standing.received for standing in standings)
    source = next(standing for standing in standings if standing.received == top)
    known = tuple(map(max, zip(*(standing.known for standing in standings), strict=True)))
    return Component(
        standings[0].view,
        tuple(standing.name for standing in standings),
        max(standing.delivered for standing in standings),
        top,
        source.name,
        source.ordered,
        known,
        tuple(
            next(standing.name for standing in standings if standing.known[origin] == last)
            for origin, last in enumerate(known)
        ),
        primary(standings),
    )


def primary(standings: Sequence[Standing]) -> bool:
    """Whether they are most of the peers that each of them is configured with."""
    names = tuple(standing.name for standing in standings)
    return all(majority(names, standing.configured) for standing in standings)


def in_pieces(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    """*entries* in pieces that fit a message; one at least."""
    for first in range(0, max(1, len(entries)), BATCH_MAX):
        yield tuple(entries[first : first + BATCH_MAX])


def check_standing(standing: Standing) -> None:
    """Raises RemoteProtocolError."""
    if standing.delivered > standing.received or len(standing.ordered) != len(standing.known):
        raise RemoteProtocolError("a standing that cannot be")
    if any(ordered > known for ordered, known in zip(standing.ordered, standing.known, strict=True)):
        raise RemoteProtocolError("a standing with more ordered than known")


def check_plan(plan: Plan, members: Sequence[Life], own: Standing) -> None:
    """Raises RemoteProtocolError unless *plan* is of *members*, with our *own* standing as we said it."""
    if tuple(standing.name for standing in plan.standings) != tuple(life.name for life in members):
        raise RemoteProtocolError("a plan without all members")
    if own not in plan.standings:
        raise RemoteProtocolError("a plan that has our standing wrong")
    sizes: dict[ViewKey, int] = {}
    for standing in plan.standings:
        check_standing(standing)
        if standing.epoch != plan.epoch or sizes.setdefault(standing.view, len(standing.known)) != len(standing.known):
            raise RemoteProtocolError("a plan of several epochs, or of unequal views")


class Entering:
    """A view that we have promised to go into, until it is installed or another is promised.

    neighbours: its other members, connected as they were then.
    """

    def __init__(
        self,
        propose: Propose,
        me: Life,
        old: View,
        order: Order,
        groups: Groups,
        peers: tuple[str, ...],
        neighbours: Mapping[str, Neighbour],
    ) -> None:
        self.key = propose.view
        self.members = propose.members
        self.standing = Standing(
            propose.view.epoch,
            me.name,
            old.key,
            order.received,
            order.delivered,
            tuple(order.ordered),
            tuple(map(order.known, range(len(old.members)))),
            peers,
        )
        self.components: tuple[Component, ...] = ()
        self.ready = False
        self.primary = False
        self.neighbours = neighbours
        self._me = me.name
        self._old = old
        self._order = order
        self._groups = groups
        self._inbox: list[tuple[str, Transfer]] = []
        self._inbox_octets = 0
        self._entries: dict[str, list[Entry]] = {}
        self._whole: set[str] = set()  # of them, that have come to their last
        self._spoken = False

    @property
    def names(self) -> tuple[str, ...]:
        """The members'."""
        return tuple(life.name for life in self.members)

    @property
    def own(self) -> Component:
        """Ours, of the components: the plan is known."""
        return next(one for one in self.components if self._me in one.names)

    def plan(self, plan: Plan) -> Iterator[Said]:
        """All have promised. Raises RemoteProtocolError. Gives what is to be sent."""
        if self.components:
            raise RemoteProtocolError("a second plan")
        check_plan(plan, self.members, self.standing)
        self.components = components(plan)
        self.primary = primary(plan.standings)
        for standing in plan.standings:
            if standing.name in self.own.names and standing.name != self._me:
                yield from self._owed(standing)
        yield from self._go_on()

    def receive(self, peer: str, message: Transfer | GroupsSaid) -> Iterator[Said]:
        """What others have for us. Raises RemoteProtocolError. Gives what is to be sent."""
        if peer not in self.names:
            raise RemoteProtocolError("not of the view that is entered")
        if isinstance(message, GroupsSaid):
            self._hear(peer, message)
        else:
            if isinstance(message, Recovered):
                self._order.check(message.origins, message.sendings)
            self._inbox.append((peer, message))
            self._inbox_octets += sum(sending.size for sending in message.sendings)
            if self._inbox_octets > INBOX_OCTETS_MAX:
                raise RemoteProtocolError("more than there can be to recover")
        if self.components:
            yield from self._go_on()

    def groups_of(self, component: Component) -> Sequence[Entry]:
        """Of another component, in the new view."""
        return [entry for entry in self._entries[component.spokesman] if entry.server in component.names]

    def _owed(self, standing: Standing) -> Iterator[Said]:
        """What it falls to us to send to one of our component."""
        own = self.own
        if own.source == self._me and standing.received < own.top:
            first = standing.received + 1
            for origins, sendings in batches(self._order.recall(first)):
                yield standing.name, Recovered(self.key.epoch, first, origins, sendings)
                first += len(sendings)
        for origin, source in enumerate(own.sources):
            first = max(standing.known[origin], own.ordered[origin]) + 1
            if source == self._me and first <= own.known[origin]:
                placed: list[Placed] = [(origin, one) for one in self._order.recall_unordered(origin, first)]
                for _, sendings in batches(placed):
                    yield standing.name, Unordered(self.key.epoch, origin, first, sendings)
                    first += len(sendings)

    def _hear(self, peer: str, said: GroupsSaid) -> None:
        entries = self._entries.setdefault(peer, [])
        if peer in self._whole or len(entries) + len(said.entries) > ENTRIES_MAX:
            raise RemoteProtocolError("more groups than there can be")
        entries += said.entries
        if said.last:
            self._whole.add(peer)

    def _go_on(self) -> Iterator[Said]:
        self._absorb()
        if not self._recovered:
            return
        if self._me == self.own.spokesman and not self._spoken:
            self._spoken = True
            yield from self._speak()
        if not self.ready and all(one is self.own or one.spokesman in self._whole for one in self.components):
            self.ready = True
            yield self.key.proposer, Ready(self.key.epoch)

    @property
    def _recovered(self) -> bool:
        own, order = self.own, self._order
        return order.received == own.top and all(order.known(origin) >= last for origin, last in enumerate(own.known))

    def _absorb(self) -> None:
        """Take from the inbox what is next; what is nobody's to send, or comes twice, stays there."""
        waiting = self._inbox
        while waiting:
            left = [(peer, transfer) for peer, transfer in waiting if not self._take(peer, transfer)]
            if len(left) == len(waiting):
                break
            waiting = left
        self._inbox = waiting

    def _take(self, peer: str, transfer: Transfer) -> bool:
        own, order = self.own, self._order
        last = transfer.first + len(transfer.sendings) - 1
        if isinstance(transfer, Recovered):
            if peer != own.source or transfer.first != order.received + 1 or last > own.top:
                return False
            order.recover(transfer.origins, transfer.sendings)
            return True
        origin = transfer.origin
        if order.received < own.top or origin >= len(own.known) or peer != own.sources[origin]:
            return False
        if transfer.first != order.known(origin) + 1 or last > own.known[origin]:
            return False
        order.unordered[origin].extend(transfer.sendings)
        return True

    def _speak(self) -> Iterator[Said]:
        """Tell those who come from elsewhere of the groups, as they will be when all is delivered."""
        strangers = [name for name in self.names if name not in self.own.names]
        if not strangers:
            return
        groups = self._foreseen()
        pieces = [*in_pieces(groups.entries())]
        for name in strangers:
            for number, entries in enumerate(pieces, 1):
                yield name, GroupsSaid(self.key.epoch, number == len(pieces), entries)

    def _foreseen(self) -> Groups:
        groups, names, own = self._groups.copy(), self._old.names, self.own
        for origin, sending in self._order.between(self._order.delivered + 1, own.cut):
            groups.apply(sending, names[origin])
        groups.keep(own.names)
        for origin, sending in self._order.rest(own.cut + 1):
            if names[origin] in own.names:
                groups.apply(sending, names[origin], fresh=True)
        return groups
