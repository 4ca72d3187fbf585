"""Servers of the bus in one memory: connections that are opened, stall and break, servers that stop and return.

Each direction of a pair of servers is a queue, in which messages stand between the opening and the closing of a
connection, as the shell sees them. What happens next is the caller's choice; the mesh itself decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import NamedTuple

from momentum_trio.net.group import Apart, GroupView, Service
from momentum_trio.protocol.msgc.message import decode, encode
from momentum_trio.protocol.msgc.server import Server
from sim.bus import Began, Deed, Entry, Joined, Left, Spoke
from sim.evs import breaches

GROUP = "red"
STEPS_MAX = 200_000


@dataclass(eq=False)
class Connection:
    """alive: octets may still pass."""

    alive: bool = True


class Opened(NamedTuple):
    """A connection stands."""

    connection: Connection


class Closed(NamedTuple):
    """It is gone."""

    connection: Connection


Item = Opened | Closed | tuple[Connection, bytes]


def member(name: str) -> str:
    """The client beside the server *name*."""
    return f"#m#{name}"


@dataclass
class Mesh:
    """servers: those that run. queues: what is on its way. history: what clients did and saw, for ``sim.evs``.

    cut_off: pairs that cannot connect. stalled: directions in which nothing moves. paused: servers that do nothing.
    """

    names: tuple[str, ...]
    servers: dict[str, Server] = field(default_factory=dict)
    queues: dict[tuple[str, str], deque[Item]] = field(default_factory=dict)
    open: dict[tuple[str, str], Connection] = field(default_factory=dict)
    history: list[Entry] = field(default_factory=list)
    lives: dict[str, int] = field(default_factory=dict)
    joined: dict[str, dict[str, None]] = field(default_factory=dict)
    cut_off: set[frozenset[str]] = field(default_factory=set)
    stalled: set[tuple[str, str]] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    now: float = 0.0
    said: int = 0
    faults: list[str] = field(default_factory=list)
    trail: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queues = {pair: deque() for pair in permutations(self.names, 2)}
        self.joined = {name: {} for name in self.names}

    # what happens

    def start(self, name: str) -> None:
        """The server *name* begins a life, and its client joins."""
        self.lives[name] = self.lives.get(name, 0) + 1
        incarnation = 1000 * self.lives[name] + self.names.index(name)
        self.servers[name] = Server(name, self.names, incarnation, heartbeat=1.0, missed_max=3)
        self.note(name, Began())
        self.come(name)
        if self.lives[name] == 1:
            self.join(name)

    def come(self, name: str) -> None:
        """Its client connects, and is again in what it was in."""
        assert self.servers[name].come(member(name))
        self._join_again(name)

    def _join_again(self, name: str) -> None:
        for group in self.joined[name]:
            assert self.servers[name].join(member(name), group)
        self.drain(name)

    def join(self, name: str, group: str = GROUP) -> None:
        """Its client joins *group*, over all connections and lives from now on."""
        self.note(name, Joined(group))
        self.joined[name][group] = None
        assert self.servers[name].join(member(name), group)
        self.drain(name)

    def leave(self, name: str, group: str = GROUP) -> None:
        """Its client leaves *group*."""
        self.note(name, Left(group))
        self.joined[name].pop(group, None)
        self.servers[name].leave(member(name), group)
        self.drain(name)

    def lose_client(self, name: str) -> None:
        """Its client's connection breaks, and is made again."""
        self.servers[name].gone(member(name))
        self.note(name, Apart("cut"))
        self.drain(name)
        self.come(name)

    def say(self, name: str, service: Service = Service.AGREED, *, to: str = "", group: str = GROUP) -> bytes:
        """Its client publishes, or tells the client of *to* alone."""
        self.said += 1
        octets = f"{name}{self.said} ".encode()
        server = self.servers[name]
        if to:
            taken = server.tell(member(name), member(to), octets)
            spoke = Spoke(member(name), "", member(to), octets, service, taken)
        else:
            taken = server.publish(member(name), group, octets, service)
            spoke = Spoke(member(name), group, "", octets, service, taken)
        self.note(name, spoke)
        self.drain(name)
        return octets

    def connect(self, one: str, other: str) -> None:
        """A connection between both, in place of the one there is."""
        if one not in self.servers or other not in self.servers or frozenset((one, other)) in self.cut_off:
            return
        if (standing := self.open.get((one, other))) is not None:
            self.cut(standing)
        connection = Connection()
        for pair in ((one, other), (other, one)):
            self.queues[pair].append(Opened(connection))

    def cut(self, connection: Connection, keep: Callable[[int], int] = lambda count: count) -> None:
        """*connection* breaks. keep: how many of the items on their way come through, of so many."""
        if not connection.alive:
            return
        connection.alive = False
        for queue in self.queues.values():
            mine = [item for item in queue if of(item) is connection]
            if mine or any(self.open.get(pair) is connection for pair in self.queues if self.queues[pair] is queue):
                kept = mine[: keep(len(mine))]
                rest = [item for item in queue if of(item) is not connection]
                queue.clear()
                queue.extend([*kept, Closed(connection), *rest])

    def part(self, one: str, other: str, keep: Callable[[int], int] = lambda count: count) -> None:
        """The connection between both breaks, where there is one."""
        for connection in {self.open.get((one, other)), self.open.get((other, one)), *self._coming(one, other)}:
            if connection is not None:
                self.cut(connection, keep)

    def _coming(self, one: str, other: str) -> Iterable[Connection]:
        return [of(item) for pair in ((one, other), (other, one)) for item in self.queues[pair]]

    def crash(self, name: str, keep: Callable[[int], int] = lambda count: count) -> None:
        """The server *name* is no more; some of what it had sent still comes."""
        del self.servers[name]
        self.note(name, Apart("crashed"))
        self.paused.discard(name)
        for other in self.names:
            if other != name:
                self.part(name, other, keep)
                self.queues[other, name].clear()
                self.open.pop((name, other), None)

    def deliver(self, sender: str, receiver: str) -> None:
        """The next item from *sender* comes to *receiver*, who acts on it."""
        self._bring(sender, receiver)
        self.drain(receiver)

    def _bring(self, sender: str, receiver: str) -> None:
        item = self.queues[sender, receiver].popleft()
        self._had(receiver, (sender, item[1:] or type(item)))
        server, here = self.servers[receiver], (receiver, sender)
        match item:
            case Opened(connection):
                if here in self.open:
                    server.disconnected(sender)
                self.open[here] = connection
                server.connected(sender)
            case Closed(connection):
                if self.open.get(here) is connection:
                    del self.open[here]
                    server.disconnected(sender)
            case connection, octets:
                if self.open.get(here) is connection:
                    server.receive(sender, decode(octets))

    def tick(self, name: str) -> None:
        """A heartbeat of *name* has passed."""
        self._had(name, "tick")
        self.servers[name].tick(self.now)
        self.drain(name)

    def drain(self, name: str) -> None:
        """What *name* has to say, to tell and to cut."""
        server = self.servers[name]
        for peers, message in server.messages_to_send():
            octets = encode(message)
            for peer in peers:
                self._send(name, peer, octets)
        apart = False
        for who, event in server.events_to_tell():
            assert who == member(name)
            self.note(name, event)
            apart = apart or isinstance(event, Apart)
        for peer, why in server.peers_to_cut():
            if why != "no heartbeat":
                self.faults.append(f"{name} cuts {peer}: {why}")
            if (connection := self.open.pop((name, peer), None)) is not None:
                self.cut(connection)
        if apart:
            self._join_again(name)

    def _send(self, sender: str, receiver: str, octets: bytes) -> None:
        connection = self.open.get((sender, receiver))
        if connection is not None and connection.alive:
            self.queues[sender, receiver].append((connection, octets))

    @property
    def state(self) -> object:
        """Equal where every server has had the same, in the same order, and the same is on its way."""
        coming = [tuple(item[1:] or type(item) for item in queue) for queue in self.queues.values()]
        return tuple(self.trail.items()), tuple(coming), tuple(self.servers), tuple(self.open)

    def _had(self, name: str, what: object) -> None:
        self.trail[name] = hash((self.trail.get(name), what))

    def note(self, name: str, deed: Deed) -> None:
        """For the history."""
        self._had(name, deed)
        self.history.append(Entry(float(len(self.history)), name, self.lives[name], deed))

    # all of it

    def movable(self) -> list[tuple[str, str]]:
        """Directions in which something may come."""
        return [
            pair
            for pair, queue in self.queues.items()
            if queue and pair not in self.stalled and pair[1] in self.servers and pair[1] not in self.paused
        ]

    def run(self) -> None:
        """All that is on its way comes, many messages at once, and what follows from it."""
        for _ in range(STEPS_MAX):
            pairs = self.movable()
            if not pairs:
                return
            for sender, receiver in pairs:
                for _ in range(len(self.queues[sender, receiver])):
                    self._bring(sender, receiver)
                self.drain(receiver)
        raise AssertionError("it never comes to rest")

    def beats(self, count: int = 1) -> None:
        """Heartbeats, and what follows from each."""
        for _ in range(count):
            self.now += 1.0
            for name in [name for name in self.names if name in self.servers and name not in self.paused]:
                self.tick(name)
            self.run()

    def connect_all(self) -> None:
        """Every pair that can, connects."""
        for one, other in combinations(self.names, 2):
            if self.open.get((one, other)) is None or self.open.get((one, other)) is not self.open.get((other, one)):
                self.connect(one, other)

    def settle(self) -> None:
        """Everything moves, and whoever can connects: until all who run are in one view, or for long enough."""
        self.stalled.clear()
        self.paused.clear()
        for _ in range(12):
            self.run()
            self.connect_all()
            self.run()
            if self.sets() == [tuple(self.servers)] and len(self.open) == len(self.servers) * (len(self.servers) - 1):
                break
            self.beats()

    # what came of it

    def sets(self) -> list[tuple[str, ...]]:
        """The views that servers are in, each once."""
        return sorted({server.view.names for server in self.servers.values()})

    def broken(self) -> list[str]:
        """Laws that do not hold, and connections that were cut for nonsense."""
        return [*(f"{breach.law}: {breach.text}" for breach in breaches(self.history)), *self.faults]

    def seen(self, name: str) -> list[str]:
        """What the client of *name* saw, in short."""
        return [short(entry.deed) for entry in self.history if entry.host == name and short(entry.deed)]


def of(item: Item) -> Connection:
    """Whose it is."""
    return item[0]


def short(deed: Deed) -> str:
    """*deed* as tests write it: ``red: a b``, ``(red: a)`` when transitional, and words."""
    match deed:
        case GroupView():
            text = f"{deed.group}: {' '.join(name.rpartition('#')[2] for name in deed.members)}"
            return f"({text})" if deed.transitional else text
        case Apart():
            return "apart"
        case Began() | Joined() | Left() | Spoke():
            return ""
        case told:
            return told.octets.decode().strip()


def mesh(names: str = "abc") -> Mesh:
    """Servers that run, connected and in one view."""
    made = Mesh(tuple(names))
    for name in made.names:
        made.start(name)
    made.connect_all()
    made.run()
    return made
