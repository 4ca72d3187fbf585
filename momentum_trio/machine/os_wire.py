"""A connected socket as ``machine.contract.Wire``: read(2) and write(2), and a turn of the scheduler for reads alone.

trio's own ``send`` gives its turn away when it is done, and its ``recv`` tries once before it does. Here the turn is
given away before the read: by then an answer is often there, and nobody has to be asked to wait for it.
"""

from __future__ import annotations

import os

import trio


class OsWire:
    """Octets of *socket*, which stays its owner's to close. Its peer may be gone: SIGPIPE is ignored by Python.

    The descriptor is asked for anew after every wait: one that was closed meanwhile may be another connection's.
    """

    __slots__ = ("_socket",)

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self._socket = socket

    async def send(self, octets: bytes | memoryview, /) -> int:
        """As Wire's. It waits, and may be cancelled, only where the kernel takes nothing."""
        while True:
            try:
                return os.write(self._socket.fileno(), octets)
            except BlockingIOError:
                pass  # to wait in here would hold the exception, half a kibibyte, for as long
            await trio.lowlevel.wait_writable(self._socket)

    async def recv(self, octets_max: int, /) -> bytes:
        """As Wire's. Others get their turn, whether there is something to be read or not."""
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return os.read(self._socket.fileno(), octets_max)
            except BlockingIOError:
                pass  # to wait in here would hold the exception, half a kibibyte, for as long
            await trio.lowlevel.wait_readable(self._socket)

    async def recv_into(self, buffer: memoryview, /) -> int:
        """As Wire's, and as ``recv``."""
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return os.readv(self._socket.fileno(), (buffer,))
            except BlockingIOError:
                pass  # to wait in here would hold the exception, half a kibibyte, for as long
            await trio.lowlevel.wait_readable(self._socket)
