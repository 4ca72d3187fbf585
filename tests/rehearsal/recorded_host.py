"""A host that records, on a real loopback socket: the conversation, reception and the recorder, no node around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import trio

from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.credentials import Credentials
from momentum_trio.listener.esmtp import converse
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, Services
from momentum_trio.listener.recorder import Recorder
from momentum_trio.listener.smtp_authentication import Dialogues
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.events import Events
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.record import Panic, Record
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.rehearsal.recording import Recording, decode
from momentum_trio.reception.door import Door
from momentum_trio.rehearsal.custody import NoCustody

LISTEN = "127.0.0.1:2525"
SCHEMA = Schema.load(DECLARED)


def tree_of(text: str) -> ConfigTree:
    """The configuration *text*, checked."""
    return load_text(text, declared=DECLARED, schema=SCHEMA)


def configuration(path: Path | str, session: str = "", top: str = "") -> str:
    """A host that records to *path*, with options of its sessions and of the file level."""
    return f"""
Hostname = "mx.example"
{top}
ESMTP_Listener {{
  Record_Sessions = "{path}"
  {session}
  Listen "{LISTEN}" {{}}
}}
"""


def recordings(path: Path) -> list[Recording]:
    """What stands in the file."""
    return [decode(line) for line in path.read_bytes().splitlines()]


@dataclass
class RecordedHost:
    """The listener's side."""

    machine: Machine
    port: int
    generations: Generations
    recorder: Recorder
    draining: trio.Event
    connections: list[Connection]
    records: list[Record]

    @property
    def panics(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic)]

    def drain(self) -> None:
        self.draining.set()
        for connection in self.connections:
            if connection.on_drain is not None:
                connection.on_drain()


@asynccontextmanager
async def recorded_host(text: str, *, disk: Disk | None = None, peer: str = "192.0.2.7") -> AsyncIterator[RecordedHost]:
    """A host configured with *text*, whose sessions are those of clients at *peer*."""
    machine = replace(os_machine(), events=Events())
    if disk is not None:
        machine = replace(machine, disk=disk)
    numbers = count(1)
    recorder = Recorder(machine)
    services = Services(
        machine,
        LocalState("here"),
        handshakes=Handshakes(machine),
        dialogues=partial(Dialogues, machine, Credentials(machine)),
        recorder=recorder,
    )
    services.door = Door(machine, NoCustody(machine.clock), lambda receipts: None)
    socket = trio.socket.socket()
    await socket.bind(("127.0.0.1", 0))
    socket.listen(10)
    generations = Generations(Generation(1, tree_of(text)))
    self = RecordedHost(machine, socket.getsockname()[1], generations, recorder, trio.Event(), [], [])
    machine.events.subscribe(self.records.append)

    async def session(accepted: trio.socket.SocketType) -> None:
        connection = Connection(
            socket=accepted,
            listen=Endpoint.parse(LISTEN),
            listener="esmtp_listener",
            connection_id=f"connection {next(numbers)}",
            peer_address=ip_address(peer),
            peer=f"{peer}:4711",
            local=LISTEN,
            is_unix=False,
            peer_uid=None,
            generations=generations,
            counters=Counters(),
            draining=self.draining,
        )
        self.connections.append(connection)
        with accepted:
            await converse(connection, services)

    async def accept(nursery: trio.Nursery) -> None:
        while True:
            accepted, _ = await socket.accept()
            nursery.start_soon(session, accepted)

    with socket:
        async with trio.open_nursery() as recording:
            recording.start_soon(recorder.run)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(services.deadlines.run)
                nursery.start_soon(accept, nursery)
                yield self
                nursery.cancel_scope.cancel()
            recording.cancel_scope.cancel()


async def said(port: int, pieces: Iterable[bytes]) -> bytes:
    """What a client that says *pieces*, and nothing more, is told, to the end."""
    heard = bytearray()
    stream = await trio.open_tcp_stream("127.0.0.1", port)

    async def listen() -> None:
        async for octets in stream:
            heard.extend(octets)

    with trio.fail_after(20):
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            try:
                for piece in pieces:
                    await stream.send_all(piece)
                await stream.send_eof()
            except trio.BrokenResourceError:
                pass  # the server has left before
    return bytes(heard)
