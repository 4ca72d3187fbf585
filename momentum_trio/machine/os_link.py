"""The link between two processes of this host: a SOCK_SEQPACKET pair, sockets handed over by SCM_RIGHTS (unix(7))."""

from __future__ import annotations

import errno
import os
import socket
from array import array
from collections.abc import Sequence

import trio

from momentum_trio.machine.contract import MESSAGE_OCTETS_MAX, MESSAGE_SOCKETS_MAX, check_message

_DESCRIPTOR_OCTETS = array("i").itemsize
_ANCILLARY_OCTETS = socket.CMSG_SPACE(MESSAGE_SOCKETS_MAX * _DESCRIPTOR_OCTETS)


class OsLink:
    """``machine.contract.ProcessLink``."""

    __slots__ = ("_socket",)

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = trio.socket.from_stdlib_socket(connected)

    async def send(self, octets: bytes, sockets: Sequence[trio.socket.SocketType] = ()) -> None:
        """One message; a Unix packet goes whole or not at all."""
        check_message(octets, sockets)
        self._check_open()
        descriptors = array("i", [each.fileno() for each in sockets])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if sockets else []
        try:
            await self._socket.sendmsg([octets], rights)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise trio.BrokenResourceError("the other process is gone") from error

    async def receive(self) -> tuple[bytes, Sequence[trio.socket.SocketType]]:
        """The next message. Sockets come non-blocking, and are not inherited by children."""
        self._check_open()
        while True:
            try:
                octets, ancillary, flags, _ = await self._socket.recvmsg(
                    MESSAGE_OCTETS_MAX, _ANCILLARY_OCTETS, socket.MSG_CMSG_CLOEXEC
                )
                break
            except ConnectionResetError:  # it ended with something of ours unread, and says so once
                continue  # what it sent is still here
        if not octets:
            raise trio.EndOfChannel
        assert not flags & socket.MSG_TRUNC, "a message above the bound"
        descriptors = _descriptors(ancillary)
        if flags & socket.MSG_CTRUNC:
            for descriptor in descriptors:
                os.close(descriptor)
            raise OSError(errno.EMFILE, "no descriptors left for the sockets of a message")
        return octets, [_socket(descriptor) for descriptor in descriptors]

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _check_open(self) -> None:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this end of the link is closed")


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    descriptors = array("i")
    for level, kind, octets in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(octets[: len(octets) - len(octets) % _DESCRIPTOR_OCTETS])
    return list(descriptors)


def _socket(descriptor: int) -> trio.socket.SocketType:
    received = socket.socket(fileno=descriptor)
    received.setblocking(False)  # the flag belongs to the description: the sender's copy has it already
    return trio.socket.from_stdlib_socket(received)
