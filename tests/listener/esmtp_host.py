"""A host with one ESMTP listener on loopback: the real conversation, door and configuration, no node around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import cast

import trio

from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.local import LocalState
from momentum_trio.listener import esmtp
from momentum_trio.listener.credentials import Credentials
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, ListenerKind, Services
from momentum_trio.listener.smtp_authentication import Dialogues
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Entropy, Process, Work
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.events import Events
from momentum_trio.machine.os_clock import OsClock
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.mail.record import Record, Rejected
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.door import Door
from momentum_trio.spool.message import Batch, Conclusion, Durability, Receipt
from momentum_trio.spool.spool import Claim, Entry, Spool, SpoolFull, SpoolSick, SpoolTerms

LISTEN = "127.0.0.1:2525"
BASIC = """
Hostname = "mx.example"
Relay_Domains = ( "d.example" )
ESMTP_Listener {
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )
  Listen "127.0.0.1:2525" {}
}
"""
MESSAGE = b"Date: Tue, 1 Jan 2019 00:00:00 +0000\r\nMessage-ID: <1@x>\r\nSubject: x\r\n\r\nbody\r\n"


def tree_of(text: str) -> ConfigTree:
    """The configuration *text*, checked."""
    return load_text(text, declared=DECLARED)


class SystemName:
    """A process of which only the host's name matters."""

    hostname = "system.example"


class MemoryEntry(Entry):
    def __init__(self, octets: bytes = b"") -> None:
        self.parts: list[bytes] = [octets]
        self.octets = len(octets)

    async def write(self, octets: bytes | bytearray | memoryview) -> None:
        self.parts.append(bytes(octets))
        self.octets += len(octets)

    async def read(self, offset: int, size: int) -> bytes:
        return b"".join(self.parts)[offset : offset + size]

    async def discard(self) -> None:
        self.parts.clear()


class MemorySpool(Spool):
    """Custody in memory.

    fault: raised by every commit. gate: commits wait for it, as for a slow disk; the first to come sets *arrived*.
    """

    def __init__(self) -> None:
        self.terms = SpoolTerms("/memory", key_seconds=0)
        self.inline_octets_max = self.terms.inline_octets_max
        self.kept: list[tuple[Batch, bytes]] = []
        self.groups: list[int] = []  # how many were committed together
        self.fault: Exception | None = None
        self.gate: trio.Event | None = None
        self.arrived = trio.Event()
        self._identifiers = Identifiers(7, 0)

    def next_id(self) -> str:
        return self.id_at(1_254_219_116.5)

    def begin(self) -> MemoryEntry:
        return MemoryEntry()

    async def commit(
        self,
        entry: Entry,
        batch: Batch,
        *,
        concluding: Sequence[tuple[int, Conclusion]] = (),
        claim: Claim | None = None,
    ) -> Receipt:
        assert isinstance(entry, MemoryEntry)
        await trio.lowlevel.checkpoint()
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.kept.append((batch, b"".join(entry.parts)))
        return Receipt(batch, Durability.SYNCED)

    async def commit_all(
        self, messages: Sequence[tuple[Entry | bytes, Batch, Claim | None]]
    ) -> list[Receipt | SpoolFull | SpoolSick]:
        self.groups.append(len(messages))
        try:
            return [await self.commit(self._entry(content), batch) for content, batch, _ in messages]
        except (SpoolFull, SpoolSick) as fault:
            return [fault] * len(messages)

    def _entry(self, content: Entry | bytes) -> Entry:
        return content if isinstance(content, Entry) else MemoryEntry(content)


@dataclass
class Host:
    """The listener's side. listen: the Listen of those who connect from now on."""

    port: int
    generations: Generations
    spool: MemorySpool
    door: Door
    listen: str
    records: list[Record] = field(default_factory=list)
    accepted: list[Batch] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    draining: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)

    @property
    def rejected(self) -> list[Rejected]:
        return [record for record in self.records if isinstance(record, Rejected)]

    def configure(self, text: str) -> None:
        """A new generation."""
        self.generations.advance(tree_of(text))

    async def connected(self) -> None:
        """Until there is a conversation that waits for its client."""
        while not (self.connections and self.connections[-1].doing and not self.connections[-1].doing().floating):  # noqa: ASYNC110 (nothing announces it)
            await trio.sleep(0.001)

    async def over(self) -> None:
        """Until the last conversation is."""
        while self.connections[-1].socket.fileno() >= 0:  # noqa: ASYNC110 (nothing announces it)
            await trio.sleep(0.1)

    def doing(self) -> tuple[str, bool]:
        """What the last conversation is about."""
        assert self.connections[-1].doing is not None
        doing = self.connections[-1].doing()
        return doing.phase, doing.floating

    def drain(self) -> None:
        self.draining.set()
        for connection in self.connections:
            if connection.on_drain is not None:
                connection.on_drain()


class Talk:
    """A client that says lines and reads replies."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.patience_seconds = 5.0
        self._held = b""

    async def say(self, octets: bytes | str) -> None:
        await self.stream.send_all(octets if isinstance(octets, bytes) else octets.encode() + b"\r\n")

    async def line(self) -> str:
        """The next line; empty at the end of the stream."""
        with trio.fail_after(self.patience_seconds):
            while b"\n" not in self._held:
                octets = await self.stream.receive_some(65536)
                if not octets:
                    return ""
                self._held += octets
        line, _, self._held = self._held.partition(b"\n")
        return line.decode().rstrip("\r")

    async def reply(self) -> str:
        """The next reply, its lines joined by ``|``."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "|".join(lines)

    async def ask(self, octets: bytes | str) -> str:
        await self.say(octets)
        return await self.reply()

    async def envelope(self) -> None:
        """MAIL and RCPT."""
        assert await self.ask("MAIL FROM:<a@b.example>") == "250 2.1.0 MAIL FROM accepted"
        assert await self.ask("RCPT TO:<c@d.example>") == "250 2.1.5 RCPT TO accepted."

    async def message(self, content: bytes = MESSAGE) -> str:
        """A whole transaction; the final reply."""
        await self.envelope()
        assert (await self.ask("DATA"))[:3] == "354"
        return await self.ask(content + b".\r\n")


def machine_with(events: Events) -> Machine:
    """A machine of which only the clock, the host's name and *events* can be used."""
    return Machine(
        clock=OsClock(),
        disk=cast("Disk", None),
        entropy=cast("Entropy", None),
        work=cast("Work", None),
        process=cast("Process", SystemName()),
        events=events,
    )


@asynccontextmanager
async def host(
    text: str = BASIC,
    *,
    connected_as: str = "127.0.0.1",
    listen: str = LISTEN,
    real: Spool | None = None,
    machine: Machine | None = None,
    kind: ListenerKind = esmtp.KIND,
) -> AsyncIterator[Host]:
    """A host configured with *text*; its sessions are those of a client at *connected_as* to *listen*, of *kind*.

    real: a spool on disk that is used instead of the one in memory. machine: one that can do more than is needed.
    """
    machine = machine or machine_with(Events())
    events = machine.events
    spool = MemorySpool()
    accepted: list[Batch] = []
    door = Door(machine, real or spool, lambda receipts: accepted.extend(receipt.batch for receipt in receipts))
    services = Services(
        machine,
        LocalState("here"),
        handshakes=Handshakes(machine),
        dialogues=partial(Dialogues, machine, Credentials(machine)),
        door=door,
    )
    socket = trio.socket.socket()
    await socket.bind(("127.0.0.1", 0))
    socket.listen(100)
    generations = Generations(Generation(1, tree_of(text)))
    self = Host(socket.getsockname()[1], generations, spool, door, listen, accepted=accepted)
    events.subscribe(self.records.append)

    async def session(accepted_socket: trio.socket.SocketType, peer: str) -> None:
        connection = Connection(
            socket=accepted_socket,
            listen=Endpoint.parse(self.listen),
            listener=kind.key,
            connection_id=spool.next_id(),
            peer_address=ip_address(connected_as),
            peer=peer,
            local=self.listen,
            is_unix=False,
            peer_uid=None,
            generations=generations,
            counters=Counters(),
            draining=self.draining,
        )
        self.connections.append(connection)
        with accepted_socket:
            await kind.converse(connection, services)
        self.ended.set()
        self.ended = trio.Event()

    async def accept(nursery: trio.Nursery) -> None:
        while True:
            accepted_socket, address = await socket.accept()
            nursery.start_soon(session, accepted_socket, f"{connected_as}:{address[1]}")

    with socket:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(services.deadlines.run)
            nursery.start_soon(accept, nursery)
            yield self
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def talk_to(at: Host, *, greeting: bool = True) -> AsyncIterator[Talk]:
    """A client connected to *at*, greeted."""
    stream = await trio.open_tcp_stream("127.0.0.1", at.port)
    async with stream:
        talk = Talk(stream)
        if greeting:
            assert (await talk.reply())[:4] == "220 "
        yield talk


@asynccontextmanager
async def conversation(text: str = BASIC) -> AsyncIterator[tuple[Host, Talk]]:
    """A host and one client of its."""
    async with host(text) as at, talk_to(at) as talk:
        yield at, talk
