"""An agreed order of messages and views, without a bus: the world of parts of the cluster module, step by step.

``Agreed`` has a seat for each node; a seat is the ``Assembly`` that parts are made with, and gives them what happens.
Nothing moves by itself: ``order`` gives what a node has said its place in the order, ``hear`` lets a node hear the next
thing of its own; ``settle`` does all of both. ``regroup`` is a change of the bus: partitions, merges; ``cut``, ``mend``
and ``crash`` are what befalls one node.

It is as unkind as extended virtual synchrony allows. What is ordered and not yet heard by any node of a component may
be lost to it (*lost*); who said it and is there says it again in the next view. The transitional view may come before
the last messages (*late*). Messages to one member stand in their sender's order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from momentum_trio.cluster.part import Part
from momentum_trio.net.group import Apart, GroupEvent, GroupView, Service, Told, ViewId
from momentum_trio.protocol.cluster.envelope import pack, unpack

GROUP = "ec_cluster"
BACKLOG_MAX = 5_000


@dataclass(frozen=True)
class Said:
    """Something on its way. to: the member it is for alone, or empty."""

    sender: str
    to: str
    octets: bytes
    service: Service


@dataclass(eq=False)
class Seat:
    """One node in the group: an ``Assembly``. said: what is not ordered yet. heard: what its parts were given.

    ordered: what is, and what it has not heard; None where that is for somebody else. listener: told all, like a
    member of the bus, where there are no parts.
    """

    name: str
    connected: bool = False
    backlog_max: int = BACKLOG_MAX
    said: deque[Said] = field(default_factory=deque)
    ordered: deque[GroupEvent | Said | None] = field(default_factory=deque)
    heard: list[GroupEvent] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    listener: Callable[[GroupEvent], None] | None = None
    view: GroupView | None = None

    @property
    def member(self) -> str:
        return self.name if self.connected else ""

    def add(self, part: Part) -> None:
        """Give *part* what happens from now on, and the view that holds."""
        assert part.topic not in self.parts
        self.parts[part.topic] = part
        if self.view is not None:
            part.view(self.view)

    def publish(self, topic: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        return self._say("", topic, octets, service)

    def tell(self, member: str, topic: str, octets: bytes) -> bool:
        return self._say(member, topic, octets, Service.FIFO)

    def _say(self, to: str, topic: str, octets: bytes, service: Service) -> bool:
        if not self.connected or len(self.said) >= self.backlog_max:
            return False
        self.said.append(Said(self.name, to, pack(topic, octets), service))
        return True

    def give(self, event: GroupEvent) -> None:
        """Let the parts have *event*."""
        self.heard.append(event)
        if self.listener is not None:
            self.listener(event)
        match event:
            case Told():
                envelope = unpack(event.octets)
                if (part := self.parts.get(envelope.topic)) is not None:
                    part.told(event.sender, envelope.octets)
            case GroupView():
                self.view = event
                for part in self.parts.values():
                    part.view(event)
            case Apart():
                self.view = None
                for part in self.parts.values():
                    part.apart()


@dataclass(eq=False)
class _View:
    """One view of the servers, and who is in the group in it, the oldest first. number: of changes since."""

    id: ViewId
    nodes: list[str]
    number: int = 0


class Agreed:
    """The order. nodes: who is in it from the start, in one view; later ones ``start``."""

    def __init__(self, *nodes: str, group: str = GROUP) -> None:
        self.group = group
        self.seats: dict[str, Seat] = {}
        self._lives = 0
        self._epoch = 0
        self._oldest: dict[str, None] = {}  # connected nodes
        self._views: list[_View] = []
        for node in nodes:
            self._new_life(node)
        if nodes:
            self.regroup(nodes)

    def __getitem__(self, node: str) -> Seat:
        return self.seats[node]

    @property
    def is_whole(self) -> bool:
        """Whether all connected nodes are in one view."""
        return len(self._views) <= 1

    # Steps

    def order(self, node: str) -> bool:
        """Give the next thing that *node* has said its place; False when there is nothing."""
        seat = self.seats[node]
        if not seat.connected or not seat.said:
            return False
        said = seat.said.popleft()
        for other in self._view_of(node).nodes:
            theirs = self.seats[other]
            theirs.ordered.append(said if said.to in ("", theirs.name) else None)
        return True

    def hear(self, node: str) -> bool:
        """Let *node* hear the next thing; False when there is nothing."""
        seat = self.seats[node]
        while seat.ordered and seat.ordered[0] is None:
            seat.ordered.popleft()
        if not seat.ordered:
            return False
        event = seat.ordered.popleft()
        if isinstance(event, Said):
            assert seat.view is not None
            event = Told("" if event.to else self.group, event.sender, event.octets, event.service, seat.view.id)
        assert event is not None
        seat.give(event)
        return True

    def settle(self, steps_max: int = 100_000) -> None:
        """Order and let hear all there is, and what comes of it."""
        for _ in range(steps_max):
            moved = [self.order(node) or self.hear(node) for node in list(self.seats)]
            if not any(moved):
                return
        raise AssertionError("nodes go on talking")

    # Changes of the servers

    def regroup(self, *components: Iterable[str], lost: int = 0, late: int = 0) -> None:
        """From here on those of each of *components* hear one another; a connected node in none of them is alone."""
        wanted = [[node for node in self._oldest if node in set(component)] for component in components]
        wanted += [[node] for node in self._oldest if not any(node in component for component in wanted)]
        wanted = [component for component in wanted if component]
        left = {node: next((view for view in self._views if node in view.nodes), None) for node in self._oldest}
        self._views = [self._install(component, left, lost, late) for component in wanted]

    def _install(self, component: list[str], left: dict[str, _View | None], lost: int, late: int) -> _View:
        self._epoch += 1
        view = _View(ViewId(self._epoch, component[0]), component)
        primary = 2 * len(component) > len(self._oldest)
        for node in component:
            came_from = left[node]
            together = [other for other in component if left[other] is came_from and came_from] or [node]
            if came_from is not None and node == together[0]:
                self._leave(came_from, together, lost, late)
            self._show(node, view, self._names(together), primary=primary)
        return view

    def _leave(self, view: _View, together: list[str], lost: int, late: int) -> None:
        """The end of *view* for those who go on together: what is lost to them, and the transitional view."""
        seats = [self.seats[node] for node in together]
        unheard = min(_messages_last(seat.ordered) for seat in seats)
        lost = min(lost, unheard)
        names = self._names(together)
        for seat in seats:
            gone = [seat.ordered.pop() for _ in range(lost)]
            seat.said.extendleft(said for said in gone if isinstance(said, Said) and said.sender == seat.name)
            place = len(seat.ordered) - min(late, unheard - lost)
            transitional = GroupView(self.group, view.id, view.number + 1, names, True, False, names)
            seat.ordered.insert(place, transitional)

    # Changes of one node's connection: ordered like messages

    def cut(self, node: str) -> None:
        """*node* loses its connection to the bus, and what it has said."""
        seat = self.seats[node]
        seat.connected = False
        seat.said.clear()
        seat.ordered.clear()
        seat.ordered.append(Apart("cut"))
        self._without(node)

    def mend(self, node: str, beside: str = "") -> None:
        """*node* has its connection again and joins *beside*, or whoever is the oldest."""
        self._join(node, beside)

    def crash(self, node: str) -> None:
        """*node* is no more."""
        del self.seats[node]
        self._without(node)

    def start(self, node: str, beside: str = "") -> Seat:
        """A new life of *node*, or a new one, joins *beside*, or whoever is the oldest. It has no parts yet."""
        assert node not in self.seats
        self._new_life(node)
        self._join(node, beside)
        return self.seats[node]

    def _new_life(self, node: str) -> None:
        self._lives += 1
        self.seats[node] = Seat(f"#ec1-{self._lives}#{node}")
        self.seats[node].connected = True
        self._oldest[node] = None

    def _join(self, node: str, beside: str) -> None:
        self.seats[node].connected = True
        self._oldest.pop(node, None)
        beside = beside or next(iter(self._oldest), "")
        self._oldest[node] = None
        if not beside:
            self.regroup([node])
            return
        view = self._view_of(beside)
        before = list(view.nodes)
        view.nodes.append(node)
        view.number += 1
        for other in before:
            self._show(other, view, self._names(before))
        self._show(node, view, self._names([node]))

    def _without(self, node: str) -> None:
        if node not in self._oldest:
            return
        view = self._view_of(node)
        del self._oldest[node]
        view.nodes.remove(node)
        view.number += 1
        for other in view.nodes:
            self._show(other, view, self._names(view.nodes))
        self._views = [view for view in self._views if view.nodes]

    def _show(self, node: str, view: _View, together: tuple[str, ...], *, primary: bool = True) -> None:
        shown = GroupView(self.group, view.id, view.number, self._names(view.nodes), False, primary, together)
        self.seats[node].ordered.append(shown)

    def _names(self, nodes: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.seats[node].name for node in nodes)

    def _view_of(self, node: str) -> _View:
        return next(view for view in self._views if node in view.nodes)


def _messages_last(ordered: deque[GroupEvent | Said | None]) -> int:
    """How many messages stand at the end, behind the last view."""
    count = 0
    for event in reversed(ordered):
        if isinstance(event, GroupView | Apart):
            break
        count += 1
    return count
