"""TLS above a wire, as what a conversation goes over."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar, cast

import trio

from momentum_trio.machine.contract import Wire

T = TypeVar("T")

RECORD_OCTETS = 16 * 1024
"""Octets given to TLS at once: a record's (RFC 8446 section 5.1), so that a slow peer is seen to take some."""


class TlsWire:
    """TLS, as ``machine.contract.Wire``. The wire below stays its owner's to close.

    trio.SSLStream does as much and more; its locks, and the turns it gives away, cost a message as much as all else.
    Who receives may have something to send, too (session tickets, an answer to the peer's new key).
    server_name: whom a client asks for. tls: can be asked what the handshake came to.
    """

    __slots__ = ("_below", "_incoming", "_outgoing", "_sending", "tls")

    def __init__(
        self, below: Wire, context: ssl.SSLContext, *, server_side: bool = False, server_name: str | None = None
    ) -> None:
        self._below, self._incoming, self._outgoing = below, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_name)
        self._sending = trio.Lock()

    async def shake(self) -> None:
        """The handshake, before anything else.

        The session tickets of a server of TLS 1.3 go out with the first it sends: a client that has left unasked would
        not read them. Raises: OSError; ssl.SSLError says what was wrong, and so has the peer been told.
        """
        try:
            await self._complete(self.tls.do_handshake)
        except ssl.SSLError:
            await self._send_waiting()
            raise
        if not (self.tls.server_side and self.tls.version() == "TLSv1.3"):
            await self._send_waiting()

    async def send(self, octets: bytes | memoryview, /) -> int:
        """As Wire's. Cancellation: nothing can be sent any more."""
        try:
            taken = self.tls.write(octets[:RECORD_OCTETS])
        except ssl.SSLError as fault:
            raise ConnectionResetError from fault
        await self._send_waiting()
        return taken

    async def recv(self, octets_max: int, /) -> bytes:
        """As Wire's. An end without close_notify is an end: who converses knows what is whole by itself.

        Cancellation: where something was being sent, nothing can be any more.
        """
        return await self._read(lambda: self.tls.read(octets_max)) or b""

    async def recv_into(self, buffer: memoryview, /) -> int:
        """As Wire's, and as ``recv``."""
        read = cast("Callable[[int, memoryview], int]", self.tls.read)  # into a buffer it reads so
        return await self._read(lambda: read(len(buffer), buffer)) or 0

    async def _read(self, read: Callable[[], T]) -> T | None:
        """What *read* gives once enough has come; None: nothing will."""
        if self.tls.pending() or self._incoming.pending:
            await trio.lowlevel.checkpoint()
        try:
            while True:
                try:
                    return read()
                except ssl.SSLWantReadError:
                    await self._receive()
        except ssl.SSLEOFError:
            return None
        except ssl.SSLError as fault:
            raise ConnectionResetError from fault

    async def finish(self) -> None:
        """Say that nothing more comes (close_notify, RFC 8446 section 6.1), and wait for the peer to say it.

        Raises: nothing; who is gone already, or goes on talking, has heard enough.
        """
        try:
            await self._complete(self.tls.unwrap)
            await self._send_waiting()
        except (OSError, trio.ClosedResourceError):
            pass

    async def _complete(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
                return
            except ssl.SSLWantReadError:
                await self._receive()

    async def _receive(self) -> None:
        """Hear more of the peer, who may wait for something of ours."""
        if not self._sending.locked():  # who sends already takes it along
            await self._send_waiting()
        if octets := await self._below.recv(RECORD_OCTETS):
            self._incoming.write(octets)
        else:
            self._incoming.write_eof()

    async def _send_waiting(self) -> None:
        if not self._outgoing.pending:
            return
        if self._sending.locked():
            await self._sending.acquire()
        else:
            self._sending.acquire_nowait()  # without giving the turn away
        try:
            while self._outgoing.pending:
                rest = memoryview(self._outgoing.read())
                while rest:
                    sent = await self._below.send(rest)
                    rest = rest[sent:]
        finally:
            self._sending.release()
