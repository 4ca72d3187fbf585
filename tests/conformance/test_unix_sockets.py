"""Unix sockets: paths, credentials, endings."""

from __future__ import annotations

import socket
import struct

import trio
from streams import (
    GONE,
    RESET,
    Behaviour,
    closing,
    in_the_simulated_world,
    on_the_real_loopback,
    pair,
    said,
    settle,
    table_of,
    told,
)


async def unix_echo(folder: str) -> object:
    """Unix streams go there and back; the client has no name, the server its path."""
    async with pair(folder) as (client, server):
        await client.send(b"hello")
        heard = await server.recv(100)
        await server.send(b"there")
        names = client.getsockname(), server.getpeername(), client.getpeername() == server.getsockname()
        return heard, await client.recv(100), names, client.getpeername() == f"{folder}/pair"


async def unix_peer_credentials(folder: str) -> object:
    """SO_PEERCRED tells each end who the other is."""
    async with pair(folder) as (client, server):
        ours, theirs = (
            struct.unpack("3i", each.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
            for each in (client, server)
        )
        return ours == theirs, ours[0] > 0, ours[1] >= 0


async def unix_path_in_use(folder: str) -> object:
    """A path is EADDRINUSE while bound and after; after the close a connect is refused."""
    async with pair(folder):
        other = trio.socket.socket(socket.AF_UNIX)
        with closing(other):
            taken = await said(other.bind(f"{folder}/pair"))
    with closing(left := trio.socket.socket(socket.AF_UNIX), again := trio.socket.socket(socket.AF_UNIX)):
        return taken, await said(left.connect(f"{folder}/pair")), await said(again.bind(f"{folder}/pair"))


async def unix_missing(folder: str) -> object:
    """A path that is not there is ENOENT, one too long an error, listen without a name EINVAL."""
    one = trio.socket.socket(socket.AF_UNIX)
    with closing(one):
        return (
            await said(one.connect(f"{folder}/nothing")),
            await said(one.bind(f"{folder}/{'x' * 120}")),
            told(lambda: one.listen(1)),
        )


async def unix_bound_not_listening(folder: str) -> object:
    """A connect to one that does not listen is refused; a second name is EINVAL."""
    one, two = trio.socket.socket(socket.AF_UNIX), trio.socket.socket(socket.AF_UNIX)
    with closing(one, two):
        await one.bind(f"{folder}/quiet")
        return await said(two.connect(f"{folder}/quiet")), await said(one.bind(f"{folder}/other"))


async def unix_close_with_unread(folder: str) -> object:
    """A close with octets unread breaks the peer: ECONNRESET once, then an end, EPIPE."""
    async with pair(folder) as (client, server):
        await client.send(b"nobody reads this")
        await settle()
        server.close()
        await settle()
        return await said(client.recv(1)), await said(client.recv(1)), await said(client.send(b"x"))


async def unix_send_to_one_who_closed(folder: str) -> object:
    """A send to one who closed is EPIPE at once, and a receive the end."""
    async with pair(folder) as (client, server):
        server.close()
        return await said(client.send(b"x")), await said(client.recv(1)), told(client.getpeername) != "ENOTCONN"


async def unix_queued_on_a_closed_listener(folder: str) -> object:
    """A connection that waits when its listener closes is ECONNRESET, then EPIPE."""
    listener, client = trio.socket.socket(socket.AF_UNIX), trio.socket.socket(socket.AF_UNIX)
    await listener.bind(f"{folder}/brief")
    listener.listen(3)
    with closing(listener, client):
        await client.connect(f"{folder}/brief")
        listener.close()
        await settle()
        return await said(client.recv(1)), await said(client.send(b"x"))


async def unix_half_close(folder: str) -> object:
    """After shutdown for writing the answer still comes."""
    async with pair(folder) as (client, server):
        await client.send(b"question")
        client.shutdown(socket.SHUT_WR)
        heard = [await server.recv(100), await server.recv(100)]
        await server.send(b"answer")
        return heard, await client.recv(100), await said(client.send(b"x"))


async def unix_named_client(folder: str) -> object:
    """A client that bound a path is known by it."""
    listener, client = trio.socket.socket(socket.AF_UNIX), trio.socket.socket(socket.AF_UNIX)
    with closing(listener, client):
        await listener.bind(f"{folder}/server")
        listener.listen(3)
        await client.bind(f"{folder}/client")
        await client.connect(f"{folder}/server")
        server, address = await listener.accept()
        server.close()
        return address == f"{folder}/client"


async def unix_back_pressure(folder: str) -> object:
    """The sender is held when some 200 KiB are unread, and nothing is lost."""
    async with pair(folder) as (client, server):
        sent = 0
        with trio.move_on_after(0.2):
            while True:
                sent += await client.send(bytes(4096))
        received = 0
        while received < sent:
            received += len(await server.recv(65_536))
        return 50_000 < sent < 500_000, received == sent


async def unix_full_backlog(folder: str) -> object:
    """A connect to a full queue seems to succeed and is ENOTCONN at its first use."""
    listener = trio.socket.socket(socket.AF_UNIX)
    await listener.bind(f"{folder}/narrow")
    listener.listen(0)
    clients = [trio.socket.socket(socket.AF_UNIX) for _ in range(2)]
    with closing(listener, *clients):
        outcomes = [await said(client.connect(f"{folder}/narrow")) for client in clients]
        return outcomes, await said(clients[1].send(b"x"))


BEHAVIOURS: tuple[tuple[Behaviour, object], ...] = (
    (unix_echo, (b"hello", b"there", ("", "", True), True)),
    (unix_peer_credentials, (True, True, True)),
    (unix_path_in_use, ("EADDRINUSE", "ECONNREFUSED", "EADDRINUSE")),
    (unix_missing, ("ENOENT", "AF_UNIX path too long", "EINVAL")),
    (unix_bound_not_listening, ("ECONNREFUSED", "EINVAL")),
    (unix_close_with_unread, (RESET, b"", GONE)),
    (unix_send_to_one_who_closed, (GONE, b"", True)),
    (unix_queued_on_a_closed_listener, (RESET, GONE)),
    (unix_half_close, ([b"question", b""], b"answer", GONE)),
    (unix_named_client, True),
    (unix_back_pressure, (True, True)),
    (unix_full_backlog, ([None, None], "ENOTCONN")),
)
TABLE = table_of(BEHAVIOURS)


@TABLE
def test_on_the_real_loopback(behaviour: Behaviour, expected: object) -> None:
    assert on_the_real_loopback(behaviour, needs_ipv6=False) == expected


@TABLE
def test_in_the_simulated_world(behaviour: Behaviour, expected: object) -> None:
    assert in_the_simulated_world(behaviour) == expected
