"""What a conversation by SMTP goes over: a socket, or TLS above one."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

import trio

RECORD_OCTETS = 16 * 1024
"""Octets given to TLS at once: a record's (RFC 8446 section 5.1), so that a slow server is seen to take some."""


class Wire(Protocol):
    """Octets each way. One task sends, one receives, at a time; ``trio.socket.SocketType`` is one.

    Raises: OSError, when the connection is good for nothing any more.
    """

    def send(self, octets: memoryview, /) -> Awaitable[int]:
        """Send the first of *octets*, at least one; how many."""
        ...

    def recv(self, octets_max: int, /) -> Awaitable[bytes]:
        """Octets that came, at most so many; none when there will be no more."""
        ...


class TlsWire:
    """TLS. The socket below stays its owner's to close."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream

    async def send(self, octets: memoryview, /) -> int:
        """As Wire's. Cancellation: nothing can be sent any more."""
        part = octets[:RECORD_OCTETS]
        try:
            await self._stream.send_all(part)
        except trio.BrokenResourceError as fault:
            raise ConnectionResetError from fault
        return len(part)

    async def recv(self, octets_max: int, /) -> bytes:
        """As Wire's."""
        try:
            return bytes(await self._stream.receive_some(octets_max))
        except trio.BrokenResourceError as fault:
            raise ConnectionResetError from fault
