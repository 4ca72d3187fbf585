"""A socket that is connected to our own server core in this same task: delivery by SMTP without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import trio

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart, Mail, Rcpt
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.terms import Terms

TERMS = Terms("sink.example", Reply.of("220 sink.example"), ("PIPELINING", "8BITMIME"))


class MemorySocket(trio.socket.SocketType):
    """As far as delivery uses one. received: where forward-paths and contents go that the server took. pause: awaited
    at each operation, where a real one might wait."""

    def __init__(self, received: list[tuple[str, bytes]], pause: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._received, self._pause = received, pause
        self._server = Server(TERMS)
        self._forward_paths: list[str] = []
        self._parts: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.abort(replies.SHUTTING_DOWN)

    def fileno(self) -> int:
        return 7

    def setsockopt(self, *arguments: Any) -> None:
        """Nothing changes."""

    async def connect(self, address: Any) -> None:
        await self._pause()
        self._server.begin()

    async def send(self, octets: Any, flags: int = 0) -> int:
        await self._pause()
        self._server.receive(bytes(octets))
        self._answer()
        return len(octets)

    async def recv(self, size: int, flags: int = 0) -> bytes:
        await self._pause()
        return self._server.octets_to_send()

    def _answer(self) -> None:
        server = self._server
        while (event := server.next_event()) is not None:
            match event:
                case Mail():
                    self._forward_paths, self._parts = [], []
                case Rcpt():
                    self._forward_paths.append(event.forward_path)
                case ContentPart():
                    self._parts.append(event.octets)
                case ContentEnd():
                    content = b"".join(self._parts) + event.octets
                    self._received.extend((path, content) for path in self._forward_paths)
                    server.answer(replies.OK)
                    continue
            if event.needs_answer:
                server.answer()
