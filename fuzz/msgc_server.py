"""Whatever one server of the bus says to the others, nothing is raised, it alone is cut, and they go on together."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from itertools import permutations

from hypothesis import strategies as st

from momentum_trio.net.group import GroupView, Told
from momentum_trio.protocol.msgc.frame import RemoteProtocolError
from momentum_trio.protocol.msgc.message import Message, decode, encode
from momentum_trio.protocol.msgc.server import Server
from momentum_trio.protocol.msgc.strategies import server_messages

NAMES = ("a", "b", "c")
GROUP = "ec_cluster"
LENGTH_OCTETS = 2


class Bus:
    """Three servers in one view, each with a client that has said something. Messages arrive in the order of saying."""

    def __init__(self) -> None:
        self.servers = {name: Server(name, NAMES, 1000 + at) for at, name in enumerate(NAMES)}
        self.heard: dict[str, list[Told | GroupView]] = {name: [] for name in NAMES}
        self.cut: dict[str, list[str]] = {name: [] for name in NAMES}
        for one, other in permutations(NAMES, 2):
            self.servers[one].connected(other)
        for name, server in self.servers.items():
            assert server.come(f"#m#{name}")
            assert server.join(f"#m#{name}", GROUP)
        self.run()
        for name in NAMES:
            self.say(name, b"before")
        self.run()

    def say(self, name: str, octets: bytes) -> None:
        """The client of *name* says *octets*."""
        assert self.servers[name].publish(f"#m#{name}", GROUP, octets)

    def run(self, ticks: int = 0) -> None:
        """All that is to be said arrives."""
        coming: deque[tuple[str, str, bytes]] = deque()
        for now in range(ticks + 1):
            for server in self.servers.values():
                if ticks:
                    server.tick(float(now))
            for name in self.servers:
                coming.extend(self._said(name))
            while coming:
                sender, receiver, octets = coming.popleft()
                if receiver in self.servers:
                    self.servers[receiver].receive(sender, decode(octets))
                    coming.extend(self._said(receiver))

    def _said(self, name: str) -> Iterator[tuple[str, str, bytes]]:
        server = self.servers[name]
        for peers, message in server.messages_to_send():
            octets = encode(message)
            for peer in peers:
                yield name, peer, octets
        for _, event in server.events_to_tell():
            if isinstance(event, Told | GroupView):
                self.heard[name].append(event)
        self.cut[name] += [peer for peer, _ in server.peers_to_cut()]


BEGINNING = pickle.dumps(Bus())


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: messages, the length of each before it."""
    view = Bus().servers["a"].view
    pieces = server_messages(view.key, view.members).map(encode) | st.binary(max_size=20)
    return st.lists(pieces, min_size=1, max_size=12).map(
        lambda many: b"".join(len(one).to_bytes(LENGTH_OCTETS, "big") + one for one in many)
    )


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    for hostile in ("a", "c"):  # who orders all, and another
        bus: Bus = pickle.loads(BEGINNING)
        del bus.servers[hostile]
        for piece in _pieces(octets):
            for server in bus.servers.values():
                server.receive(hostile, piece)
            bus.run()
        for server in bus.servers.values():
            server.disconnected(hostile)
        bus.run(ticks=10)
        _look_at(bus, hostile)


def _pieces(octets: bytes) -> Iterator[Message]:
    while octets:
        length = int.from_bytes(octets[:LENGTH_OCTETS], "big")
        piece, octets = octets[LENGTH_OCTETS : LENGTH_OCTETS + length], octets[LENGTH_OCTETS + length :]
        try:
            yield decode(piece)
        except RemoteProtocolError:
            pass


def _look_at(bus: Bus, hostile: str) -> None:
    """Those who are left are in one view, tell each other something, and have cut nobody but *hostile*."""
    left = tuple(bus.servers)
    for name in left:
        assert set(bus.cut[name]) <= {hostile}, bus.cut
        assert bus.servers[name].view.names == left, bus.servers[name].standing
        bus.say(name, b"after " + name.encode())
    bus.run(ticks=1)
    for name in left:
        last = [event for event in bus.heard[name] if isinstance(event, Told)][-2:]
        assert {event.octets for event in last} == {b"after " + other.encode() for other in left}, last
        views = [event for event in bus.heard[name] if isinstance(event, GroupView) and event.group == GROUP]
        assert set(views[-1].members) == {f"#m#{other}" for other in left}, views[-1]
