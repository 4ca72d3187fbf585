"""Servers of the bus in one process, over real loopback: each has its machine, its options, its accept loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.record import Panic, Record
from momentum_trio.msgc.line import Line, Uncounted
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import MsgcClientOptions, MsgcServerOptions
from momentum_trio.msgc.server import BusServer
from momentum_trio.net.group import GroupEvent, GroupView, Told
from momentum_trio.net.netblock import parse_address
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.msgc.link import Closed

PATIENCE_SECONDS = 60.0
SCHEMA = Schema.load(DECLARED)


class Node:
    """One server, and how it ended each connection it was given. text: what stands in msgc_server beside Peers."""

    def __init__(self, name: str, socket: trio.socket.SocketType) -> None:
        self.name, self.socket = name, socket
        self.port: int = socket.getsockname()[1]
        self.peers, self.text = "", ""
        self.machine = os_machine()
        self.records: list[Record] = []
        self.machine.events.subscribe(self.records.append)
        self.closed: list[Closed] = []
        self.lines: list[Line] = []
        self.configure()
        self.bus = BusServer(self.machine, name, lambda: self.options)
        self.scope, self.over = trio.CancelScope(), trio.Event()

    def configure(self, text: str | None = None, peers: str | None = None) -> None:
        """Let other options hold, as the console would."""
        self.text, self.peers = self.text if text is None else text, self.peers if peers is None else peers
        scope = f"{{ Peers = [ {self.peers} ]\n Reconnect_Interval = 1\n {self.text} }}"
        tree = load_text(f"msgc_server {scope}\n", schema=SCHEMA)
        self.options = MsgcServerOptions.resolve(tree.chain_scope("msgc_server"))

    async def run(self) -> None:
        with self.scope, self.socket:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.bus.run)
                while True:
                    socket, address = await self.socket.accept()
                    nursery.start_soon(self._converse, socket, address[0])
        self.over.set()

    async def _converse(self, socket: trio.socket.SocketType, address: str) -> None:
        with socket:
            begun = self.lines.append
            self.closed.append(await self.bus.converse(socket, parse_address(address), Uncounted(), begun))

    @property
    def together(self) -> tuple[str, ...]:
        """The servers of its view."""
        return () if self.bus.life is None else self.bus.life.core.view.names

    @property
    def panics(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic)]


class Ear:
    """A member, and all that it was told."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.events: list[GroupEvent] = []

    async def listen(self) -> None:
        while True:
            self.events.append(await self.member.next_event())

    def told(self, group: str = "g") -> list[bytes]:
        return [event.octets for event in self.events if isinstance(event, Told) and event.group == group]

    @property
    def order(self) -> list[tuple[str, bytes]]:
        """Everything it was told, by whom."""
        return [(event.sender, event.octets) for event in self.events if isinstance(event, Told)]

    def view(self, group: str = "g") -> tuple[str, ...]:
        """The members of its last regular view of *group*."""
        views = [event for event in self.events if isinstance(event, GroupView) and event.group == group]
        return views[-1].members if views and not views[-1].transitional else ()


class Mesh:
    """Nodes by name."""

    def __init__(self, nodes: Sequence[Node], nursery: trio.Nursery) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.nursery = nursery

    @property
    def peers(self) -> str:
        return " ".join(f'{node.name} = "127.0.0.1:{node.port}"' for node in self.nodes.values())

    def member(self, node: str, connection: str = "ec1-1", more: str = "") -> Ear:
        """A client of the server on *node*, connected as soon as may be."""
        port = self.nodes[node].port
        text = f'msgc_client {{ Server = ( "127.0.0.1:{port}" )\n Reconnect_Interval = 1\n {more} }}\n'
        options = MsgcClientOptions.resolve(load_text(text, schema=SCHEMA).chain_scope("msgc_client"))
        ear = Ear(Member(self.nodes[node].machine, connection, lambda: options))
        self.nursery.start_soon(ear.member.run)
        self.nursery.start_soon(ear.listen)
        return ear

    async def start_again(self, name: str, text: str | None = None) -> None:
        """Another server where that one was; its records go on."""
        old = self.nodes[name]
        await old.over.wait()
        node = self.nodes[name] = Node(name, await listening(old.port))
        node.configure(old.text if text is None else text, old.peers)
        self.nursery.start_soon(node.run)

    async def until_together(self, *names: str) -> None:
        """Wait until *names*, or all, are in one view."""
        wanted = tuple(sorted(names or self.nodes))
        await until(lambda: all(self.nodes[name].together == wanted for name in wanted))


@asynccontextmanager
async def mesh(*names: str, text: str = "") -> AsyncIterator[Mesh]:
    """Servers of these names for the block, each of which knows all."""
    nodes = [Node(name, await listening()) for name in names]
    async with trio.open_nursery() as nursery:
        made = Mesh(nodes, nursery)
        for node in nodes:
            node.configure(text, made.peers)
            nursery.start_soon(node.run)
        yield made
        nursery.cancel_scope.cancel()


async def listening(port: int = 0) -> trio.socket.SocketType:
    """A socket that listens on loopback."""
    socket = trio.socket.socket()
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
    await socket.bind(("127.0.0.1", port))
    socket.listen(64)
    return socket


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what nothing announces."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 (nothing announces it)
            await trio.sleep(0.01)
