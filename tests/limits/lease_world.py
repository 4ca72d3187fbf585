"""Nodes that share limits over an agreed order that is as unkind as SAFE delivery and views allow; no bus, no time.

Servers move messages; what a server delivers waits for its node until that looks (a paused node: for long). A message
is delivered in a regular view once every server of that view has it. Who leaves takes what he has with him: the rest of
it is delivered in the transitional view.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from momentum_trio.net.group import GroupView, ViewId
from momentum_trio.protocol.cluster.holding import Key, OnFailure
from momentum_trio.protocol.cluster.lease import Leases
from momentum_trio.protocol.cluster.lease_message import Message, pack, unpack

KEY: Key = ("cluster", "sessions")


@dataclass(eq=False)
class View:
    """One view of the servers. have, given: messages that each server has, and has given its node."""

    id: ViewId
    members: list[Node]
    log: list[tuple[Node, Message]] = field(default_factory=list)
    have: dict[Node, int] = field(default_factory=dict)
    given: dict[Node, int] = field(default_factory=dict)

    @property
    def stable(self) -> int:
        return min(self.have.values())


@dataclass(eq=False)
class Node:
    """One node and its server. rate: of its clock. said: on its way to its server. inbox: what that has given."""

    name: str
    rate: float
    leases: Leases
    view: View
    said: deque[Message] = field(default_factory=deque)
    inbox: deque[GroupView | tuple[str, Message]] = field(default_factory=deque)


class LeaseWorld:
    """The nodes that live, by number; *count* are configured."""

    def __init__(self, rates: tuple[float, ...], limit: int) -> None:
        self.limit, self.rates = limit, rates
        self.now = 1000.0
        self.nodes: dict[int, Node] = {}
        self._epoch = self._lives = 0
        for number in range(len(rates)):
            self._start(number)
        self.regroup(list(range(len(rates))))

    def _start(self, number: int) -> None:
        self._lives += 1
        node = Node(f"#ec1-{self._lives}#n{number}", self.rates[number], Leases(OnFailure.CLOSED), None)  # type: ignore[arg-type]
        node.view = View(ViewId(0, node.name), [node], [], {node: 0}, {node: 0})
        self.nodes[number] = node

    def clock(self, node: Node) -> float:
        return self.now * node.rate

    # what servers do

    def regroup(self, *groups: list[int], border: int = 0) -> None:
        """Each of *groups* forms a view; who is in none stays where he is, and does not know yet."""
        for group in groups:
            members = [self.nodes[number] for number in group if number in self.nodes]
            if not members:
                continue
            self._epoch += 1
            view = View(ViewId(self._epoch, members[0].name), members)
            for old in {id(node.view): node.view for node in members}.values():
                self._leave(old, [node for node in members if node.view is old], border)
            primary = 2 * len(members) > len(self.rates)
            for node in members:
                together = tuple(other.name for other in members if other.view is node.view)
                names = tuple(member.name for member in members)
                node.inbox.append(GroupView("g", view.id, 0, names, False, primary, together))
                view.have[node] = view.given[node] = 0
            for node in members:
                node.view = view

    def _leave(self, view: View, together: list[Node], border: int) -> None:
        last = max(view.have[node] for node in together)
        first = max(view.given[node] for node in together)
        between = min(max(first, border), min(view.stable, last))
        between = max(between, first)
        names = tuple(node.name for node in together)
        for node in together:
            self._give(view, node, between)
            primary = 2 * len(together) > len(self.rates)
            node.inbox.append(GroupView("g", view.id, 0, names, True, primary, names))
            self._give(view, node, last)

    def _give(self, view: View, node: Node, until: int) -> None:
        for sender, message in view.log[view.given[node] : until]:
            node.inbox.append((sender.name, message))
        view.given[node] = max(view.given[node], until)

    def order(self, node: Node, count: int = 1) -> None:
        """The first things that *node* has said get their places."""
        for _ in range(min(count, len(node.said))):
            node.view.log.append((node, node.said.popleft()))

    def receive(self, node: Node, count: int = 1) -> None:
        """The server of *node* gets messages, and gives what is safe to its node."""
        view = node.view
        view.have[node] = min(view.have[node] + count, len(view.log))
        self._give(view, node, max(view.stable, view.given[node]))

    def tick(self, node: Node) -> None:
        node.leases.tick(self.clock(node))
        self._speak(node)

    def hear(self, node: Node, count: int = 1) -> None:
        """*node* looks at what has come."""
        for _ in range(min(count, len(node.inbox))):
            event = node.inbox.popleft()
            if isinstance(event, GroupView):
                node.leases.view(event, node.name, self.clock(node))
            else:
                node.leases.told(event[0], unpack(pack(event[1])), self.clock(node))
        self._speak(node)

    def _speak(self, node: Node) -> None:
        node.said.extend(node.leases.to_say())

    def crash(self, number: int) -> None:
        """The node and its server are no more; the others of its view do not know it."""
        del self.nodes[number]

    def start(self, number: int) -> None:
        """It starts again, alone."""
        self._start(number)

    def run(self, rounds: int = 1, only: list[int] | None = None) -> None:
        """Everybody does everything."""
        for _ in range(rounds):
            nodes = [node for number, node in self.nodes.items() if only is None or number in only]
            for node in nodes:
                self.tick(node)
                self.order(node, 1000)
            for _ in range(2):
                for node in nodes:
                    self.receive(node, 1000)
            for node in nodes:
                self.receive(node, 0)
                self.hear(node, 1000)

    # what sessions do

    def take(self, node: Node) -> bool:
        return node.leases.holdings.take(KEY, self.limit, self.clock(node))

    def leave(self, node: Node) -> None:
        node.leases.holdings.leave(KEY, self.clock(node))

    def taken(self, node: Node) -> int:
        return node.leases.holdings.taken(KEY)

    def held(self, node: Node) -> int:
        """Seats that *node* may use now."""
        holdings = node.leases.holdings
        if not holdings.holds(self.clock(node)):
            return 0
        return sum(seats for _, _, seats in holdings.all_held())

    def all_held(self) -> int:
        return sum(self.held(node) for node in self.nodes.values())

    def all_taken(self) -> int:
        return sum(self.taken(node) for node in self.nodes.values())
