"""TCP conversations: what is sent and received, how they end, and what sockets refuse."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Awaitable

import trio
from streams import (
    GONE,
    NO_LINGER,
    RESET,
    SETTLE_SECONDS,
    V4,
    Behaviour,
    closing,
    dial,
    in_the_simulated_world,
    on_the_real_loopback,
    pair,
    port_of,
    said,
    settle,
    table_of,
    tcp,
    told,
)


async def echo(folder: str) -> object:
    """Octets go there and back; each end's names are the other's."""
    async with pair() as (client, server):
        await client.send(b"hello")
        heard = await server.recv(100)
        await server.send(heard.upper())
        return await client.recv(100), client.getpeername()[0], server.getsockname() == client.getpeername()


async def half_close(folder: str) -> object:
    """After shutdown for writing the peer reads an end, again and again, and may still answer."""
    async with pair() as (client, server):
        await client.send(b"question")
        client.shutdown(socket.SHUT_WR)
        heard = [await server.recv(100), await server.recv(100), await server.recv(100)]
        await server.send(b"answer")
        return heard, await client.recv(100), client.did_shutdown_SHUT_WR, await said(client.send(b"more"))


async def refused(folder: str) -> object:
    """A connect where nobody listens is ECONNREFUSED; the socket is then as one that is over."""
    listener = await tcp()
    port = port_of(listener)
    listener.close()
    client = trio.socket.socket()
    with closing(client):
        return await said(client.connect((V4, port))), await said(client.send(b"x")), await said(client.recv(1))


async def reset_with_unread_octets(folder: str) -> object:
    """A close with octets unread resets: ECONNRESET once, then an end, EPIPE, ENOTCONN."""
    async with pair() as (client, server):
        await client.send(b"nobody reads this")
        await settle()
        server.close()
        await settle()
        outcomes = [await said(client.recv(10)), await said(client.recv(10)), await said(client.send(b"x"))]
        return outcomes, told(client.getpeername), told(lambda: client.shutdown(socket.SHUT_WR))


async def octets_before_a_reset(folder: str) -> object:
    """Octets that came before a reset are still read, then ECONNRESET once."""
    async with pair() as (client, server):
        await client.send(b"nobody reads this")
        await server.send(b"farewell")
        await settle()
        server.close()
        await settle()
        return await said(client.recv(100)), await said(client.recv(100)), await said(client.recv(100))


async def reset_seen_by_send(folder: str) -> object:
    """A send into a reset connection is ECONNRESET once, then EPIPE."""
    async with pair() as (client, server):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        server.close()
        await settle()
        return await said(client.send(b"x")), await said(client.send(b"x")), await said(client.recv(1))


async def send_to_one_who_closed(folder: str) -> object:
    """The first send to a peer that closed is taken and answered by a reset; the next is EPIPE."""
    async with pair() as (client, server):
        server.close()
        await settle()
        end = await said(client.recv(10))
        first = await said(client.send(b"x"))
        await settle()
        return end, first, await said(client.send(b"x")), await said(client.send(b"x")), await said(client.recv(10))


async def no_linger_resets(folder: str) -> object:
    """A close with SO_LINGER on and no time resets."""
    async with pair() as (client, server):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        server.close()
        await settle()
        return await said(client.recv(10))


async def accept_of_one_that_was_reset(folder: str) -> object:
    """A connection reset in the queue is accepted, with its address; then it is ECONNRESET, and has no peer."""
    listener = await tcp()
    client = await dial(port_of(listener))
    name = client.getsockname()
    await settle()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    client.close()
    await settle()
    accepted, address = await listener.accept()
    with closing(listener, accepted):
        return address == name, told(accepted.getpeername), await said(accepted.recv(1))


async def unconnected(folder: str) -> object:
    """send, recv, accept and shutdown on what is not connected have each their error."""
    four, unix = trio.socket.socket(), trio.socket.socket(socket.AF_UNIX)
    with closing(four, unix):
        return [
            await said(operation)
            for each in (four, unix)
            for operation in (each.send(b"x"), each.recv(1), each.accept())
        ] + [told(lambda: four.shutdown(socket.SHUT_WR)), told(lambda: unix.shutdown(socket.SHUT_WR))]


async def connect_twice(folder: str) -> object:
    """A second connect succeeds once, then is EISCONN; on an accepted socket it is EISCONN."""
    async with pair() as (client, server):
        target = server.getsockname()
        return [await said(each.connect(target)) for each in (client, client, server)]


async def connect_a_listener(folder: str) -> object:
    """A listener that connects is EISCONN."""
    one, two = await tcp(), await tcp()
    with closing(one, two):
        return await said(one.connect(two.getsockname()))


async def use_after_close(folder: str) -> object:
    """Everything on a closed socket is EBADF, and a second close nothing."""
    async with pair() as (client, _):
        client.close()
        client.close()
        return (
            client.fileno(),
            await said(client.recv(1)),
            await said(client.send(b"x")),
            await said(client.connect((V4, 1))),
            await said(client.bind((V4, 0))),
            told(client.getsockname),
            told(lambda: client.shutdown(socket.SHUT_WR)),
            told(lambda: client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)),
        )


async def closed_under_a_waiter(folder: str) -> object:
    """Who waits in recv or accept when the socket is closed gets ClosedResourceError."""
    async with pair() as (client, _):
        listener = await tcp()
        seen: list[object] = []

        async def wait(operation: Awaitable[object]) -> None:
            seen.append(await said(operation))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, client.recv(1))
            nursery.start_soon(wait, listener.accept())
            await settle()
            client.close()
            listener.close()
        return seen


async def two_readers(folder: str) -> object:
    """A second reader is BusyResourceError, and takes nothing from the first."""
    async with pair() as (client, server):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.recv, 1)
            await settle()
            outcome = await said(client.recv(1))
            nursery.cancel_scope.cancel()
        await server.send(b"later")
        return outcome, await client.recv(10)


async def cancelled_receive_loses_nothing(folder: str) -> object:
    """A cancelled receive takes no octets."""
    async with pair() as (client, server):
        with trio.move_on_after(SETTLE_SECONDS):
            await client.recv(10)
        await server.send(b"kept")
        await settle()
        with trio.CancelScope() as scope:
            scope.cancel()
            await client.recv(10)
        return scope.cancelled_caught, await client.recv(10)


async def big_transfer(folder: str) -> object:
    """Sixteen MiB: the sender is held while nobody reads, and every octet arrives."""
    octets = bytes(range(256)) * 4096 * 16  # 16 MiB: more than loopback's buffers take
    async with pair() as (client, server):
        sent = 0
        with trio.move_on_after(0.3):
            while True:
                sent += await client.send(memoryview(octets)[sent:])
        held = sent < len(octets)
        received = bytearray()

        async def send_rest() -> None:
            nonlocal sent
            while sent < len(octets):
                sent += await client.send(memoryview(octets)[sent:])
            client.shutdown(socket.SHUT_WR)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_rest)
            while part := await server.recv(262_144):
                received += part
        return held, received == octets


async def wait_writable(folder: str) -> object:
    """wait_writable returns with room, waits without it, and returns when the peer is gone."""
    async with pair() as (client, server):
        await client.wait_writable()
        with trio.move_on_after(0.2):
            while True:
                await client.send(bytes(1_000_000))
        blocked = await said(client.wait_writable())
        server.close()
        await settle()
        return blocked, await said(client.wait_writable())


async def shutdown_orders(folder: str) -> object:
    """Both directions may be shut in either order, by either end."""
    async with pair() as (client, server):
        client.shutdown(socket.SHUT_RD)
        quiet = await said(client.recv(1))
        client.shutdown(socket.SHUT_WR)
        told(lambda: client.shutdown(socket.SHUT_WR))
        server.shutdown(socket.SHUT_RDWR)
        return quiet, await said(server.recv(1)), await said(server.send(b"x"))


async def octets_before_the_end(folder: str) -> object:
    """What was sent before a close is read before the end, in parts too."""
    async with pair() as (client, server):
        await server.send(b"last words")
        server.close()
        return await client.recv(4), await client.recv(100), await client.recv(100), await client.recv(100)


async def peek_and_into(folder: str) -> object:
    """MSG_PEEK takes nothing, recv_into fills its buffer, an empty send is 0."""
    async with pair() as (client, server):
        await server.send(b"abcdef")
        await settle()
        room = bytearray(4)
        peeked = await client.recv(3, socket.MSG_PEEK)
        count = await client.recv_into(room)
        return peeked, count, bytes(room), await client.recv(10), await said(client.send(b""))


async def readable(folder: str) -> object:
    """is_readable is false, true with octets, true at the end."""
    async with pair() as (client, server):
        seen = [client.is_readable()]
        await server.send(b"x")
        await settle()
        seen.append(client.is_readable())
        await client.recv(1)
        server.close()
        await settle()
        return [*seen, client.is_readable(), await client.recv(1)]


async def options(folder: str) -> object:
    """What options say of fresh sockets and listeners, and what setting them gives."""
    listener = await tcp(V4, 0, socket.SO_REUSEADDR)
    plain, unix = trio.socket.socket(), trio.socket.socket(socket.AF_UNIX)
    with closing(listener, plain, unix):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (
            [one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in (listener, plain)],
            [one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) for one in (listener, plain)],
            plain.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
            plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
            bool(plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
            told(lambda: unix.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)),
            told(lambda: plain.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)),
            plain.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12) == struct.pack("3i", 0, -1, -1),
            (plain.family, plain.type, unix.family),
        )


BEHAVIOURS: tuple[tuple[Behaviour, object], ...] = (
    (echo, (b"HELLO", V4, True)),
    (half_close, ([b"question", b"", b""], b"answer", True, GONE)),
    (refused, ("ECONNREFUSED", GONE, b"")),
    (reset_with_unread_octets, ([RESET, b"", GONE], "ENOTCONN", "ENOTCONN")),
    (octets_before_a_reset, (b"farewell", RESET, b"")),
    (reset_seen_by_send, (RESET, GONE, b"")),
    (send_to_one_who_closed, (b"", 1, GONE, GONE, b"")),
    (no_linger_resets, RESET),
    (accept_of_one_that_was_reset, (True, "ENOTCONN", RESET)),
    (unconnected, [GONE, "ENOTCONN", "EINVAL", "ENOTCONN", "EINVAL", "EINVAL", "ENOTCONN", None]),
    (connect_twice, [None, "EISCONN", "EISCONN"]),
    (connect_a_listener, "EISCONN"),
    (use_after_close, (-1, *["EBADF"] * 7)),
    (closed_under_a_waiter, ["ClosedResourceError"] * 2),
    (two_readers, ("BusyResourceError", b"later")),
    (cancelled_receive_loses_nothing, (True, b"kept")),
    (big_transfer, (True, True)),
    (wait_writable, ("blocked", None)),
    (shutdown_orders, (b"", b"", GONE)),
    (octets_before_the_end, (b"last", b" words", b"", b"")),
    (peek_and_into, (b"abc", 4, b"abcd", b"ef", 0)),
    (readable, [False, True, True, b""]),
    (
        options,
        (
            [1, 0],
            [1, 0],
            8192,
            0,
            True,
            errno.errorcode[errno.EOPNOTSUPP],
            "ENOPROTOOPT",
            True,
            (socket.AF_INET, socket.SOCK_STREAM, socket.AF_UNIX),
        ),
    ),
)
TABLE = table_of(BEHAVIOURS)


@TABLE
def test_on_the_real_loopback(behaviour: Behaviour, expected: object) -> None:
    assert on_the_real_loopback(behaviour, needs_ipv6=False) == expected


@TABLE
def test_in_the_simulated_world(behaviour: Behaviour, expected: object) -> None:
    assert in_the_simulated_world(behaviour) == expected
