"""A client of an ECStream listener on loopback: the sans-IO core, moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, NamedTuple, cast

import trio
from esmtp_host import Host, MemorySpool, host, machine_with, tree_of

from momentum_trio.limits.local import LocalState
from momentum_trio.listener.ecstream import KIND, converse
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, Services
from momentum_trio.machine import Machine
from momentum_trio.machine.events import Events
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.protocol.ecstream.batch import Batch, Following, Message, Recipient
from momentum_trio.protocol.ecstream.client import Client, Closed, Event
from momentum_trio.protocol.ecstream.frame import Error, Kind, Octets, Small, Welcome, decode
from momentum_trio.protocol.ecstream.reader import Reader
from momentum_trio.protocol.ecstream.results import Result, Results, decode_results
from momentum_trio.reception.door import Door
from momentum_trio.spool.spool import Spool

LISTEN = "127.0.0.1:1825"
BASIC = """
Hostname = "mx.example"
ECStream_Listener {
  Listen "127.0.0.1:1825" {}
}
"""
CONTENT = b"Date: Tue, 1 Jan 2019 00:00:00 +0000\r\nMessage-ID: <1@x>\r\nSubject: x\r\n\r\nbody\r\n"
PATIENCE_SECONDS = 5.0


def message(
    *paths: bytes | str, content: int = 0, reverse_path: bytes = b"a@b.example", parameters: bytes = b""
) -> Message:
    """A message to *paths*."""
    octets = [path if isinstance(path, bytes) else path.encode() for path in paths or (b"c@d.example",)]
    return Message(reverse_path, tuple(map(Recipient, octets)), content, parameters)


class Talk:
    """One connection. stream: over which; None of its octets is read but by ``event``."""

    def __init__(self, stream: trio.SocketStream | trio.SSLStream[Any]) -> None:
        self.stream, self.core = stream, Client(b"test")
        self.patience_seconds = PATIENCE_SECONDS

    async def event(self) -> Event:
        """The next event; Pong and Credit are events, too."""
        with trio.fail_after(self.patience_seconds):
            while (event := self.core.next_event()) is None:
                await self.send()
                room = self.core.room()
                octets = await self.stream.receive_some(len(room))
                room[: len(octets)] = octets
                self.core.received(len(octets))
        return event

    async def send(self) -> None:
        """What the core has to say."""
        if octets := b"".join(self.core.octets_to_send()):
            await self.stream.send_all(octets)

    async def welcome(self) -> Welcome:
        event = await self.event()
        assert isinstance(event, Welcome), event
        return event

    async def batch(self, *messages: Message, contents: Sequence[Octets | Following] = (CONTENT,)) -> int:
        """Send one; its number."""
        number = self.core.next_number
        self.core.batch(Batch(number, tuple(contents), messages or (message(),)))
        await self.send()
        return number

    async def results(self) -> tuple[Result, ...]:
        """The next ones."""
        while not isinstance(event := await self.event(), Results):
            assert not isinstance(event, Closed), event
        return event.messages

    async def ask(self, *messages: Message, contents: Sequence[Octets | Following] = (CONTENT,)) -> tuple[Result, ...]:
        """Send a batch; what became of it."""
        await self.batch(*messages, contents=contents)
        return await self.results()

    async def error(self) -> Error:
        """The one that the server says last; then the client goes, too."""
        while not isinstance(event := await self.event(), Closed):
            assert not isinstance(event, Results), event
        assert event.by_server
        assert event.error is not None
        await trio.aclose_forcefully(self.stream)
        return event.error


class Pieces:
    """A client in memory that has said *pieces*, each read by itself, and nothing else; a wire, and its socket."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._left = [piece for piece in pieces if piece]
        self.heard = b""

    async def recv_into(self, buffer: memoryview, /) -> int:
        await trio.lowlevel.checkpoint()
        if not self._left:
            return 0
        piece = self._left.pop(0)
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        if piece[count:]:
            self._left.insert(0, piece[count:])
        return count

    async def send(self, octets: bytes | memoryview, /) -> int:
        await trio.lowlevel.checkpoint()
        count = min(len(octets), 1000)
        self.heard += bytes(octets[:count])
        return count

    async def recv(self, octets_max: int, /) -> bytes:
        await trio.lowlevel.checkpoint()
        return b""

    def shutdown(self, how: int) -> None:
        pass


class Played(NamedTuple):
    """What came of a connection. kept: envelopes' forward-paths and contents, without our fields."""

    frames: list[Small | Results]
    kept: list[tuple[tuple[str, ...], bytes]]


async def play(pieces: Sequence[bytes], text: str = BASIC) -> Played:
    """A whole connection in memory, of a client that says *pieces* and closes."""
    client, spool, generations = Pieces(pieces), MemorySpool(), Generations(Generation(1, tree_of(text)))
    machine = replace(machine_with(Events()), wire=lambda socket: client)
    services = Services(machine, LocalState("here"), door=Door(machine, spool, lambda receipts: None))
    connection = Connection(
        socket=cast("trio.socket.SocketType", client),
        listen=Endpoint.parse(LISTEN),
        listener=KIND.key,
        connection_id="00/00-00000-00000000",
        peer_address=ip_address("127.0.0.1"),
        peer="127.0.0.1:4711",
        local=LISTEN,
        is_unix=False,
        peer_uid=None,
        generations=generations,
        counters=Counters(),
        draining=trio.Event(),
    )
    await converse(connection, services)
    kept = [(tuple(m.forward_path for m in b.messages), octets.partition(b"\r\nDate")[2]) for b, octets in spool.kept]
    return Played(_frames(client.heard), kept)


def _frames(heard: bytes) -> list[Small | Results]:
    """What the client of ``play`` has heard."""
    reader, found = Reader(lambda kind: 2**26), list[Small | Results]()
    for at in range(0, len(heard), 4096):
        piece = heard[at : at + 4096]
        room = reader.room()
        room[: len(piece)] = piece
        reader.received(len(piece))
        while (frame := reader.next_frame()) is not None:
            kind, payload = frame
            found.append(decode_results(payload) if kind is Kind.RESULTS else decode(kind, bytes(payload)))
    return found


@asynccontextmanager
async def listening(
    text: str = BASIC,
    *,
    connected_as: str = "127.0.0.1",
    real: Spool | None = None,
    machine: Machine | None = None,
) -> AsyncIterator[Host]:
    """A host with an ECStream listener."""
    async with host(text, connected_as=connected_as, listen=LISTEN, real=real, machine=machine, kind=KIND) as at:
        yield at


@asynccontextmanager
async def talk_to(at: Host) -> AsyncIterator[Talk]:
    """A client connected to *at*; nothing was said."""
    async with await trio.open_tcp_stream("127.0.0.1", at.port) as stream:
        yield Talk(stream)


@asynccontextmanager
async def conversation(text: str = BASIC, *, connected_as: str = "127.0.0.1") -> AsyncIterator[tuple[Host, Talk]]:
    """A host and one client of its, who was welcomed."""
    async with listening(text, connected_as=connected_as) as at, talk_to(at) as talk:
        await talk.welcome()
        yield at, talk
