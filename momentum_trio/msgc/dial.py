"""Sockets of the bus: how they are tuned, and how a server of it is connected to."""

from __future__ import annotations

import errno

import trio

from momentum_trio.net.host_port import HostPort


def tune(socket: trio.socket.SocketType, buffer_octets: int) -> None:
    """No waiting for more octets (Nagle), and buffers of *buffer_octets* each way."""
    if socket.family != trio.socket.AF_UNIX:
        socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    for name in (trio.socket.SO_SNDBUF, trio.socket.SO_RCVBUF):
        socket.setsockopt(trio.socket.SOL_SOCKET, name, buffer_octets)


async def dialled(
    place: HostPort, source: str, buffer_octets: int, *, source_is_wish: bool = False
) -> trio.socket.SocketType:
    """A connection to *place*. source: the address it comes from; empty: the kernel's choice.

    source_is_wish: if *source* is no address of this host, or of another family, the kernel's choice does.
    Raises: OSError. Cancellation: there is no connection.
    """
    found = await trio.socket.getaddrinfo(place.host, place.port, type=trio.socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        tune(socket, buffer_octets)
        if source and not (source_is_wish and (":" in source) != (family == trio.socket.AF_INET6)):
            await _bind(socket, source, source_is_wish=source_is_wish)
        await socket.connect(address)
    except BaseException:
        socket.close()
        raise
    return socket


async def _bind(socket: trio.socket.SocketType, source: str, *, source_is_wish: bool) -> None:
    try:
        await socket.bind((source, 0))
    except OSError as fault:
        if not source_is_wish or fault.errno != errno.EADDRNOTAVAIL:
            raise
