"""A node's listeners without the rest of it: real sockets, an echo kind, a configuration text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import count

import trio

from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.ceiling import Ceilings
from momentum_trio.listener.kind import Connection, Generation, Generations, ListenerKind, Plane, Services
from momentum_trio.listener.listen import House
from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.record import Record
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.configuration import wanted
from momentum_trio.node.reconcile import Place
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.supervisor import Supervisor


async def echo(connection: Connection, services: Services) -> None:
    """Says back what it hears; ``break`` breaks it, ``who`` tells whom it takes the client for."""
    while octets := await connection.socket.recv(4096):
        connection.octets_received += len(octets)
        if octets == b"break":
            raise RuntimeError("broken on demand")
        if octets == b"who":
            octets = f"{connection.peer_address} {connection.peer_uid} {connection.peer} {connection.local}".encode()
        connection.octets_sent += await connection.socket.send(octets)
    connection.why = "quit"


ECHO = ListenerKind("ESMTP_Listener", "SMTP", Plane.MAIL, echo, b"421 full\r\n", b"421 fault\r\n", b"421 gone\r\n")
OTHER = ListenerKind("Control_Listener", "Control", Plane.CONTROL, echo, b'{"frame":"farewell","why":"full"}\n')


class Listeners:
    """A supervisor under a configuration that tests replace."""

    def __init__(self, machine: Machine, text: str, sessions_max: int, everywhere: SharedState | None = None) -> None:
        self.machine = machine
        self.records: list[Record] = []
        machine.events.subscribe(self.records.append)
        self.generations = Generations(Generation(1, self.tree(text)))
        numbers = count(1)
        self.draining = trio.Event()
        self.clients: list[trio.SocketStream] = []
        self.ceilings = Ceilings(LocalState("here"), sessions_max, everywhere)
        house = House(
            Services(machine, LocalState("here")),
            self.generations,
            self.ceilings,
            lambda: f"session {next(numbers)}",
            self.draining,
        )
        self.kinds = (ECHO, OTHER)
        self.supervisor = Supervisor(machine, self.kinds, {Plane.MAIL: house, Plane.CONTROL: house})

    def tree(self, text: str) -> ConfigTree:
        return load_text(text, declared=DECLARED)

    async def configure(self, text: str, meanwhile: Callable[[], object] = int) -> None:
        """Let *text* hold, or raise and let nothing have changed. meanwhile: is called just before it holds."""
        tree = self.tree(text)
        prepared = await self.supervisor.prepare(wanted(tree, self.kinds))
        meanwhile()
        self.generations.advance(tree)
        await self.supervisor.settle(prepared)

    async def connect(self, port: int, host: str = "127.0.0.1") -> trio.SocketStream:
        """A client that stays until the end."""
        self.clients.append(await connected(port, host))
        return self.clients[-1]

    def port(self, text: str, listener: str = "esmtp_listener") -> int:
        """Where the Listen *text* is bound."""
        bound = self.supervisor.bound(Place(listener, Endpoint.parse(text)))
        assert bound is not None
        return bound.port

    def is_open(self, text: str, listener: str = "esmtp_listener") -> bool:
        return self.supervisor.bound(Place(listener, Endpoint.parse(text))) is not None

    def sessions(self, text: str, listener: str = "esmtp_listener") -> int:
        return self.supervisor.counted(Place(listener, Endpoint.parse(text))).sessions

    async def until_sessions(self, text: str, count: int) -> None:
        """Wait until the Listen *text* has *count* sessions."""
        with trio.fail_after(5):
            while self.sessions(text) != count:  # noqa: ASYNC110 (nothing announces it)
                await trio.sleep(0.01)

    def said(self, kind: type[Record]) -> Iterable[Record]:
        return [record for record in self.records if isinstance(record, kind)]


@asynccontextmanager
async def listeners(
    text: str, *, sessions_max: int = 100, machine: Machine | None = None, everywhere: SharedState | None = None
) -> AsyncIterator[Listeners]:
    """Listeners of *text* for the block."""
    made = Listeners(os_machine() if machine is None else machine, text, sessions_max, everywhere)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.supervisor.run)
        await made.configure(text)
        try:
            yield made
        finally:
            for client in made.clients:
                client.socket.close()
        nursery.cancel_scope.cancel()


async def connected(port: int, host: str = "127.0.0.1") -> trio.SocketStream:
    return await trio.open_tcp_stream(host, port)


async def asked(stream: trio.SocketStream, octets: bytes) -> bytes:
    """What comes back for *octets*."""
    with trio.fail_after(5):
        await stream.send_all(octets)
        return bytes(await stream.receive_some(4096))
