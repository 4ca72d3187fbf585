"""A console to try commands on: the real session and commands on a real socket, a node made of a real ConfigTree."""

from __future__ import annotations

import base64
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import trio

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import checked, load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.clustered import Clustered
from momentum_trio.console.command import Answer, failure
from momentum_trio.console.counters import OperatorCounters
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.console.facade import ListenReport, ListenState, Summary
from momentum_trio.console.instruments import InboundConnection
from momentum_trio.limits.local import LocalState
from momentum_trio.listener import control
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, Services
from momentum_trio.machine import Machine
from momentum_trio.machine.events import Events
from momentum_trio.machine.facts import MemoryFacts, PoolFacts, SystemFacts
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.machine.os_entropy import OsEntropy
from momentum_trio.machine.os_tls import OsTls
from momentum_trio.mail.record import Panic, Record
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.link import Ask, Said
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.cluster.eccluster import LogFacts
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import (
    Banner,
    Challenge,
    Completions,
    End,
    Farewell,
    Form,
    Part,
    ServerFrames,
    Welcome,
)
from momentum_trio.protocol.sasl.client import client_side

T = TypeVar("T")
NOW = 1_700_000_000.0
CONFIG = """
Hostname = "mx1.example.com"
Message_Expiration = 86400
Relay_Hosts = ( 10.0.0.1 10.0.0.2 )

Domain "example.net" {
  Message_Expiration = 900
}

ec_logger "ec_logger1" {
  mainlog = "/nowhere/mainlog"
}

ESMTP_Listener {
  Banner_Hostname = "mx1"
  Listen "*:2525" {
    Peer "10.0.0.0/8" {
      SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )
    }
  }
  Listen "127.0.0.1:2526" {
    Enable = false
  }
}

Control_Listener {
  %s
  Listen "%s" {}
}
"""


COUNTS = Summary(
    inbound_concurrency=90,
    outbound_concurrency=4,
    active_domains=3,
    active_queue=12,
    delayed_queue=3,
    delivered=120,
    failed=12,
    rejected=1,
    received=137,
    since_reset_seconds=75.2,
    uptime_seconds=7500.9,
)


@dataclass
class PlainInstruments:
    """What a test says it reads."""

    services: Sequence[str] = ("Control", "ECCluster", "ECStream", "SMTP")
    connections: Sequence[InboundConnection] = ()
    said: Sequence[Panic] = ()
    workers: Sequence[PoolFacts] = ()
    counters: OperatorCounters = field(default_factory=lambda: OperatorCounters(lambda: NOW))

    def inbound(self) -> Sequence[InboundConnection]:
        return self.connections

    def panics(self) -> Sequence[Panic]:
        return self.said

    def pools(self) -> Sequence[PoolFacts]:
        return self.workers

    async def system(self) -> SystemFacts:
        return SystemFacts("Debian GNU/Linux 12", "Linux mx1 6.1.0 #1 SMP x86_64", "CPython 3.11.7", 64)

    async def memory(self) -> MemoryFacts:
        return MemoryFacts(8658726, 9000000, 115417088, 521600000, 123456, (110, 10, 1), 4711, 9, 17, 33)


@dataclass
class PlainAdministration:
    """A node without sockets: changes act on its tree, and what was done is written down."""

    generations: Generations
    descriptions: list[tuple[str, ...]] = field(default_factory=list)
    reports: Sequence[ListenReport] = ()
    counts: Summary = COUNTS
    problem: Exception | None = None
    mail: Callable[[Ask], Awaitable[Said]] | None = None
    unconfirmed: ConfigTree | None = None
    unconfirmed_seconds: float | None = None
    shutting_down: bool = False
    logs_failing: Sequence[str] = ()
    product: str = "ecelerity"
    version: str = "0.1.0"
    instruments: PlainInstruments = field(default_factory=PlainInstruments)
    hostname: str = "mx1.example.com"
    pid: int = 4711
    cluster: Clustered | None = None
    published: Sequence[LogFacts] = ()

    async def published_logs(self) -> Sequence[LogFacts]:
        await trio.lowlevel.checkpoint()
        return self.published

    @property
    def tree(self) -> ConfigTree:
        return self.generations.current.tree

    @property
    def generation(self) -> int:
        return self.generations.current.number

    async def apply(
        self,
        change: Callable[[ConfigTree], ConfigTree],
        description: tuple[str, ...],
        confirm_seconds: float | None = None,
    ) -> None:
        await trio.lowlevel.checkpoint()
        before = self.tree
        if (changed := change(before)) is before:
            return
        tree = checked(changed)
        if self.problem is not None:
            raise self.problem
        self.generations.advance(tree)
        self.descriptions.append(description)
        if confirm_seconds is not None:
            self.unconfirmed, self.unconfirmed_seconds = before, confirm_seconds

    async def confirm(self) -> bool:
        await trio.lowlevel.checkpoint()
        waited = self.unconfirmed is not None
        self.unconfirmed = self.unconfirmed_seconds = None
        return waited

    async def roll_back(self) -> bool:
        before = self.unconfirmed
        if before is not None:
            self.generations.advance(before)
        return await self.confirm()

    async def reload(self, path: str = "") -> None:
        await trio.lowlevel.checkpoint()
        if self.problem is not None:
            raise self.problem

    async def write_back(self, path: str = "") -> Sequence[str]:
        await self.reload(path)
        return [path] if path else []

    async def write_configuration(self, path: str) -> str:
        await self.reload(path)
        return path

    def listeners(self) -> Sequence[ListenReport]:
        return self.reports

    async def summary(self) -> Summary:
        await trio.lowlevel.checkpoint()
        return self.counts

    async def ask_mail(self, command: str, words: Sequence[str] = ()) -> Answer:
        await trio.lowlevel.checkpoint()
        if self.mail is None:
            return Answer(" ".join([command, *words]))
        said = await self.mail(Ask(command, tuple(words)))
        return failure(said.text) if said.failed else Answer(said.text, said.data)

    def reset_statistics(self) -> None:
        self.counts = replace(self.counts, received=0, delivered=0, failed=0, rejected=0, since_reset_seconds=0.0)

    async def reopen_logs(self) -> Sequence[str]:
        return self.logs_failing

    def request_shutdown(self) -> None:
        self.shutting_down = True


class PlainProcess:
    def user_name(self, uid: int) -> str:
        return "ann" if uid == os.getuid() else str(uid)


class PlainWork:
    async def run(self, function: Callable[[], T]) -> T:
        await trio.lowlevel.checkpoint()
        return function()


class PlainClock:
    def now(self) -> float:
        return NOW


@dataclass
class Host:
    """What a test sees.

    endpoint: what ec_console is given. records: all that was published. ended: set when a session is over.
    """

    endpoint: str
    administration: PlainAdministration
    records: list[Record]
    connections: list[Connection]
    draining: trio.Event
    faults: list[BaseException]
    dispatch: Dispatch
    consoles: ExitStack
    ended: trio.Event

    async def connect(self) -> Console:
        if "/" in self.endpoint:
            opened = trio.socket.socket(socket.AF_UNIX)
            await opened.connect(self.endpoint)
        else:
            address, _, port = self.endpoint.rpartition(":")
            opened = trio.socket.socket(socket.AF_INET6 if address.startswith("[") else socket.AF_INET)
            await opened.connect((address.strip("[]"), int(port)))
        return Console(self.consoles.enter_context(opened))

    async def ask(self, line: str, form: Form = "text") -> tuple[str, str]:
        """What *line* is answered on a connection of its own: status and text."""
        console = await self.connect()
        try:
            return await console.ask(line, form)
        finally:
            console.socket.close()

    def drain(self) -> None:
        self.draining.set()
        for connection in self.connections:
            if connection.on_drain is not None:
                connection.on_drain()


class Console:
    """A client over trio, for tests."""

    def __init__(self, opened: trio.socket.SocketType) -> None:
        self.socket = opened
        self.client = Client("test")

    async def next(self) -> ServerFrames:
        await self.flush()
        while (event := self.client.next_event()) is None:
            self.client.receive(await self.octets())
        await self.flush()
        return event

    async def octets(self) -> bytes:
        return await self.socket.recv(65536)

    async def flush(self) -> None:
        octets = self.client.octets_to_send()
        while octets:
            octets = octets[await self.socket.send(octets) :]

    async def greet(self) -> ServerFrames:
        return await self.next()

    async def ask(self, line: str, form: Form = "text") -> tuple[str, str]:
        status, text, _ = await self.ask_all(line, form)
        return status, text

    async def ask_all(self, line: str, form: Form = "text") -> tuple[str, str, bool]:
        if self.client.banner is None:
            await self.greet()
        self.client.command(line, form)
        parts = []
        while isinstance(event := await self.next(), Part):
            parts.append(event.text)
        assert isinstance(event, End), event
        return event.status, "".join(parts), event.confidential

    async def complete(self, line: str) -> tuple[int, tuple[str, ...]]:
        if self.client.banner is None:
            await self.greet()
        self.client.complete(line)
        event = await self.next()
        assert isinstance(event, Completions), event
        return event.start, event.candidates

    async def authenticate(self, mechanism: str, user: str, password: str) -> ServerFrames:
        """Begin a dialogue; what ends it: Welcome, Refused or Farewell."""
        banner = self.client.banner or await self.greet()
        assert isinstance(banner, Banner), banner
        side = client_side(mechanism, user, password, f"console/{banner.node}", "a-nonce-of-the-client")
        self.client.authenticate("", mechanism)
        while isinstance(event := await self.next(), Challenge):
            response = side.answer(base64.b64decode(event.challenge))
            self.client.authenticate(base64.b64encode(response).decode())
        assert side.proved or not isinstance(event, Welcome)
        return event

    async def farewell(self) -> Farewell:
        event = await self.next()
        assert isinstance(event, Farewell), event
        assert await self.socket.recv(1) == b""
        return event


def plain_machine(records: list[Record]) -> Machine:
    events = Events()
    events.subscribe(records.append)
    process: Any = PlainProcess()
    return Machine(PlainClock(), OsDisk(), OsEntropy(), PlainWork(), process, events, tls=OsTls())


def administration(config: str, reports: Sequence[ListenReport] = ()) -> PlainAdministration:
    tree = load_text(config, declared=DECLARED)
    return PlainAdministration(Generations(Generation(1, tree)), reports=reports)


REPORTS = (
    ListenReport("ESMTP_Listener", "*:2525", "*:2525", ListenState.OPEN, 12, 4711, 1_234_567, 89),
    ListenReport("ESMTP_Listener", "127.0.0.1:0", "127.0.0.1:40001", ListenState.OPEN, 0, 0, 0, 0),
    ListenReport("ESMTP_Listener", "127.0.0.1:2526", "", ListenState.DISABLED, 1, 1, 10, 20),
    ListenReport("HTTP_Listener", "[::1]:8080", "", ListenState.FAILED, 0, 0, 0, 0),
)


@asynccontextmanager
async def console_host(
    path: Path,
    options: str = "",
    *,
    tcp: bool = False,
    more: str = "",
    peer: str = "127.0.0.1",
    address: str = "127.0.0.1",
) -> AsyncIterator[Host]:
    """A console on a Unix socket at *path* (or on a loopback port), for the block.

    options, more: text for the Control_Listener scope, and for the end of the file. peer: whom a TCP peer is taken for.
    address: of loopback, on which a port is.
    """
    if tcp:
        listening = trio.socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        await listening.bind((address, 0))
        port = listening.getsockname()[1]
        endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    else:
        listening = trio.socket.socket(socket.AF_UNIX)
        await listening.bind(str(path))
        endpoint = str(path)
    listening.listen(50)
    node = administration(CONFIG % (options, endpoint) + more, REPORTS)
    records: list[Record] = []
    dispatch = Dispatch(COMMANDS, node)
    machine = plain_machine(records)
    services = Services(
        machine, LocalState("mx1"), handshakes=Handshakes(machine), administration=node, console=dispatch
    )
    host = Host(endpoint, node, records, [], trio.Event(), [], dispatch, ExitStack(), trio.Event())

    async def serve(accepted: trio.socket.SocketType) -> None:
        uid = None if tcp else struct.unpack("3i", accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        connection = Connection(
            socket=accepted,
            listen=Endpoint.parse(endpoint),
            listener="control_listener",
            connection_id="00/00-00000-00000000",
            peer_address=ip_address(peer),
            peer=f"{peer}:4711" if tcp else "",
            local=endpoint,
            is_unix=not tcp,
            peer_uid=uid,
            generations=node.generations,
            counters=Counters(),
            draining=host.draining,
        )
        host.connections.append(connection)
        with accepted:
            try:
                await control.converse(connection, services)
            except (AssertionError, ZeroDivisionError) as fault:
                host.faults.append(fault)
            finally:
                host.ended.set()

    with listening, host.consoles:
        async with trio.open_nursery() as nursery:

            async def accept() -> None:
                while True:
                    accepted, _ = await listening.accept()
                    nursery.start_soon(serve, accepted)

            nursery.start_soon(accept)
            yield host
            nursery.cancel_scope.cancel()


__all__ = ["ConfigErrors", "Console", "Host", "console_host"]
