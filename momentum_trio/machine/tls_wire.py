"""TLS above a socket, as what a conversation goes over."""

from __future__ import annotations

import trio

RECORD_OCTETS = 16 * 1024
"""Octets given to TLS at once: a record's (RFC 8446 section 5.1), so that a slow peer is seen to take some."""


class TlsWire:
    """TLS, as ``machine.contract.Wire``. The socket below stays its owner's to close."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream

    async def send(self, octets: bytes | memoryview, /) -> int:
        """As Wire's. Cancellation: nothing can be sent any more."""
        part = octets[:RECORD_OCTETS]
        try:
            await self._stream.send_all(part)
        except trio.BrokenResourceError as fault:
            raise ConnectionResetError from fault
        return len(part)

    async def recv(self, octets_max: int, /) -> bytes:
        """As Wire's. An end without close_notify is an end: who converses knows what is whole by itself."""
        try:
            return bytes(await self._stream.receive_some(octets_max))
        except trio.BrokenResourceError as fault:
            raise ConnectionResetError from fault

    async def finish(self) -> None:
        """Say that nothing more comes (close_notify, RFC 8446 section 6.1), and wait for the peer to say it.

        Raises: nothing; who is gone already, or goes on talking, has heard enough.
        """
        try:
            await self._stream.unwrap()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
