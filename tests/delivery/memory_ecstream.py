"""A socket that is connected to the server's core of ECStream in this same task: delivery by it without a network."""

from __future__ import annotations

from typing import Any

import trio
from memory_socket import MemorySocket

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.batch import Batch, Following
from momentum_trio.protocol.ecstream.results import Result
from momentum_trio.protocol.ecstream.server import Begun, ContentPart, Server, Terms

TERMS = Terms(key_seconds=3600)


class MemoryEcstreamSocket(MemorySocket):
    """As MemorySocket, of a server that speaks ECStream, and knows no key again: each attempt is one."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._core = Server(TERMS)
        self._contents: list[bytes] = []
        self._batch: Batch | None = None
        self._said = bytearray()
        self._stirred = trio.Event()

    async def connect(self, address: Any) -> None:
        await self._pause()

    async def send(self, octets: Any, flags: int = 0) -> int:
        await self._pause()
        self._hear(bytes(octets))
        return len(octets)

    async def recv(self, size: int, flags: int = 0) -> bytes:
        await self._pause()
        while not self._said:
            await self._stirred.wait()
        octets = bytes(self._said[:size])
        del self._said[:size]
        return octets

    def _hear(self, octets: bytes) -> None:
        while octets:
            room = self._core.room()
            count = min(len(room), len(octets))
            room[:count] = octets[:count]
            octets = octets[count:]
            self._core.received(count)
            while (event := self._core.next_event()) is not None:
                self._act_on(event)
            for piece in self._core.octets_to_send():
                self._said += piece
        self._stirred.set()
        self._stirred = trio.Event()

    def _act_on(self, event: object) -> None:
        match event:
            case Begun(batch, whole):
                self._batch = batch
                self._contents = [b"" if isinstance(each, Following) else bytes(each) for each in batch.contents]
                if whole:
                    self._take()
            case ContentPart():
                self._contents[event.place] += bytes(event.octets)
                self._core.consumed(event.number, len(event.octets))
                if event.whole:
                    self._take()

    def _take(self) -> None:
        batch = self._batch
        assert batch is not None
        for message in batch.messages:
            self._received += [(each.path.decode(), self._contents[message.content]) for each in message.recipients]
        self._core.results(batch.number, (Result(b"id", Reply.of("250 2.0.0 OK")),) * len(batch.messages))
