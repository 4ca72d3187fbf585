"""A client of an ECStream listener on loopback: the sans-IO core, moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from esmtp_host import Host, host

from momentum_trio.listener.ecstream import KIND
from momentum_trio.machine import Machine
from momentum_trio.protocol.ecstream.batch import Batch, Following, Message, Recipient
from momentum_trio.protocol.ecstream.client import Client, Closed, Event
from momentum_trio.protocol.ecstream.frame import Error, Octets, Welcome
from momentum_trio.protocol.ecstream.results import Result, Results
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

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream, self.core = stream, Client(b"test")

    async def event(self) -> Event:
        """The next event; Pong and Credit are events, too."""
        with trio.fail_after(PATIENCE_SECONDS):
            while (event := self.core.next_event()) is None:
                await self.send()
                room = self.core.room()
                octets = await self.stream.receive_some(len(room))
                room[: len(octets)] = octets
                self.core.received(len(octets))
        return event

    async def send(self) -> None:
        """What the core has to say."""
        await self.stream.send_all(b"".join(self.core.octets_to_send()))

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
        """The one that the server says last."""
        while not isinstance(event := await self.event(), Closed):
            assert not isinstance(event, Results), event
        assert event.by_server
        assert event.error is not None
        return event.error


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
