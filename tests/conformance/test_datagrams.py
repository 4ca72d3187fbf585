"""UDP on both arms, as ``test_sockets`` has the streams: one body, the real loopback and the simulated world."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable
from functools import partial

import pytest
import trio
from streams import (
    V4,
    V6,
    Behaviour,
    closing,
    in_the_simulated_world,
    on_the_real_loopback,
    port_of,
    said,
    settle,
    told,
)

NOBODY = 1  # a port nothing listens at
SMALL_BUFFER = 4608
GONE, REFUSED, IN_USE = "EPIPE", "ECONNREFUSED", "EADDRINUSE"
UNSUPPORTED = errno.errorcode[errno.EOPNOTSUPP]  # one number, two names
REUSE, SHARE = socket.SO_REUSEADDR, socket.SO_REUSEPORT


def unbound(family: int = socket.AF_INET) -> trio.socket.SocketType:
    return trio.socket.socket(family, socket.SOCK_DGRAM)


async def udp(host: str = V4, port: int = 0, *options: int) -> trio.socket.SocketType:
    """A bound socket; *options* of SOL_SOCKET are set before."""
    bound = unbound(socket.AF_INET6 if ":" in host else socket.AF_INET)
    for option in options:
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        await bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


async def connected(target: trio.socket.SocketType) -> trio.socket.SocketType:
    one = unbound()
    await one.connect(target.getsockname())
    return one


async def ask(folder: str) -> object:
    """sendto, recvfrom and back: each sees the other's address, the sender's port is chosen by its first send."""
    server, client = await udp(), unbound()
    with closing(server, client):
        before = client.getsockname()
        count = await client.sendto(b"hello", server.getsockname())
        octets, address = await server.recvfrom(100)
        await server.sendto(octets.upper(), address)
        answer, source = await client.recvfrom(100)
        named = client.getsockname()
        return before, count, answer, source == server.getsockname(), named[0], named[1] == address[1]


async def truncation(folder: str) -> object:
    """What is beyond the buffer is gone, recvmsg says MSG_TRUNC, recv_into with MSG_TRUNC says the whole length."""
    server, client = await udp(), unbound()
    with closing(server, client):
        for _ in range(4):
            await client.sendto(b"hello world", server.getsockname())
        room = bytearray(4)
        short = await server.recv(5)
        octets, ancillary, flags, _ = await server.recvmsg(5)
        count = await server.recv_into(room)
        whole = await server.recv_into(room, 4, socket.MSG_TRUNC)
        return (
            short,
            octets,
            ancillary,
            flags == socket.MSG_TRUNC,
            count,
            bytes(room),
            whole,
            await said(server.recv(9)),
        )


async def boundaries(folder: str) -> object:
    """Each send is one receive, the empty ones too."""
    server, client = await udp(), unbound()
    with closing(server, client):
        for octets in (b"one", b"", b"three"):
            await client.sendto(octets, server.getsockname())
        return [await server.recv(100) for _ in range(3)]


async def peek(folder: str) -> object:
    """MSG_PEEK leaves the datagram, recv(0) too."""
    server, client = await udp(), unbound()
    with closing(server, client):
        await client.sendto(b"hello", server.getsockname())
        return await server.recv(3, socket.MSG_PEEK), await server.recv(0), await server.recv(9)


async def too_long(folder: str) -> object:
    """65,507 octets go through IPv4, one more is EMSGSIZE."""
    server, client = await udp(), unbound()
    with closing(server, client):
        outcomes = [await said(client.sendto(bytes(count), server.getsockname())) for count in (65_507, 65_508)]
        return outcomes, len(await server.recv(70_000))


async def too_long_6(folder: str) -> object:
    """65,527 octets go through IPv6, one more is EMSGSIZE."""
    server, client = await udp(V6), unbound(socket.AF_INET6)
    with closing(server, client):
        return [await said(client.sendto(bytes(count), server.getsockname())) for count in (65_527, 65_528)]


async def refused(folder: str) -> object:
    """A connected socket is told of a port unreachable once: by the next receive, send or SO_ERROR."""
    client = unbound()
    with closing(client):
        await client.connect((V4, NOBODY))
        outcomes = []
        for operation in (partial(client.recv, 9), partial(client.send, b"again")):
            await client.send(b"x")
            await settle()
            outcomes.append([await said(operation()), await said(client.recv(9))])
        await client.send(b"x")
        await settle()
        return outcomes, client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), await said(client.recv(9))


async def refused_wakes_a_receiver(folder: str) -> object:
    """One that waits for an answer is woken by the refusal."""
    client = unbound()
    with closing(client):
        await client.connect((V4, NOBODY))
        seen = []

        async def wait() -> None:
            seen.append(await said(client.recv(9)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await settle()
            await client.send(b"x")
        return seen


async def refused_unconnected(folder: str) -> object:
    """A socket that is not connected hears nothing of it."""
    client = unbound()
    with closing(client):
        await client.sendto(b"x", (V4, NOBODY))
        return await said(client.recv(9)), client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


async def refused_before_data(folder: str) -> object:
    """The error is told first, what had arrived before it after it."""
    server = await udp()
    client = await connected(server)
    with closing(server, client):
        await server.sendto(b"data", client.getsockname())
        server.close()
        await client.send(b"x")
        await settle()
        return client.is_readable(), await said(client.recv(9)), await said(client.recv(9))


async def connected_filter(folder: str) -> object:
    """A connected socket gets nothing from others, but may still send to them."""
    server, other = await udp(), await udp()
    client = await connected(server)
    with closing(server, other, client):
        count = await client.sendto(b"aside", other.getsockname())
        aside, address = await other.recvfrom(9)
        await other.sendto(b"answer", address)
        stray = await said(client.recv(9))
        await server.sendto(b"mine", client.getsockname())
        return count, aside, stray, await client.recv(9)


async def stranger_to_a_connected_port(folder: str) -> object:
    """To strangers the port of a connected socket is one where nobody is."""
    server = await udp()
    client = await connected(server)
    stranger = await connected(client)
    with closing(server, client, stranger):
        await stranger.send(b"x")
        return await said(stranger.recv(9)), await said(client.recv(9))


async def connect_again(folder: str) -> object:
    """connect() may be called again; what had arrived from the one before is kept."""
    server, other = await udp(), await udp()
    client = await connected(server)
    with closing(server, other, client):
        await server.sendto(b"early", client.getsockname())
        await settle()
        await client.connect(other.getsockname())
        await other.sendto(b"late", client.getsockname())
        return client.getpeername() == other.getsockname(), await client.recv(9), await client.recv(9)


async def connect_names_the_wildcard(folder: str) -> object:
    """connect() turns a wildcard into the address it sends from, and never asks the peer."""
    one = await udp("0.0.0.0")
    with closing(one):
        before = one.getsockname()[0], told(one.getpeername)
        await one.connect((V4, NOBODY))
        return before, one.getsockname()[0], one.getpeername(), await said(one.bind((V4, 0)))


async def connected_beside_unconnected(folder: str) -> object:
    """Of two on one port, the one connected to the sender gets its datagrams, the other the rest."""
    peer, stranger = await udp(), await udp()
    plain = await udp(V4, 0, REUSE)
    joined = await udp(V4, port_of(plain), REUSE)
    with closing(peer, stranger, plain, joined):
        await joined.connect(peer.getsockname())
        await peer.sendto(b"peer", plain.getsockname())
        await stranger.sendto(b"stranger", plain.getsockname())
        return await said(joined.recv(9)), await said(plain.recv(9)), await said(joined.recv(9))


async def specific_beside_wildcard(folder: str) -> object:
    """The specific address gets its own, the wildcard the rest, and all of it once the other is closed."""
    wildcard = await udp("0.0.0.0", 0, SHARE)
    specific, client = await udp(V4, port_of(wildcard), SHARE), unbound()
    with closing(wildcard, specific, client):
        for host in (V4, "127.0.0.2"):
            await client.sendto(host.encode(), (host, port_of(wildcard)))
        seen = [await said(specific.recv(20)), await said(wildcard.recv(20)), await said(specific.recv(20))]
        specific.close()
        await client.sendto(b"left", (V4, port_of(wildcard)))
        return seen, await said(wildcard.recv(20))


async def bind_rules(folder: str) -> object:
    """Wildcard and specific, twice the same, two addresses: alone, with SO_REUSEADDR, SO_REUSEPORT, or one of them."""
    outcomes = []
    for first, second in (((), ()), ((REUSE,), (REUSE,)), ((REUSE,), ()), ((SHARE,), (SHARE,)), ((SHARE,), (REUSE,))):
        row = []
        for one_host, other_host in (("0.0.0.0", V4), (V4, V4), (V4, "127.0.0.2")):
            one = await udp(one_host, 0, *first)
            with closing(one):
                row.append(await bound(other_host, port_of(one), *second))
        outcomes.append(row)
    return outcomes


async def bound(host: str, port: int, *options: int) -> object:
    """Whether that could be bound; the name of the error if not."""

    async def attempt() -> object:
        (await udp(host, port, *options)).close()
        return True

    return await said(attempt())


async def tcp_and_udp_ports(folder: str) -> object:
    """The ports of TCP and of UDP are apart."""
    one, listener = await udp(), trio.socket.socket()
    with closing(one, listener):
        await listener.bind((V4, port_of(one)))
        listener.listen(1)
        return port_of(listener) == port_of(one)


async def last_bound_receives(folder: str) -> object:
    """With SO_REUSEADDR the latest gets all, and its forerunner again when that is closed."""
    one = await udp(V4, 0, REUSE)
    two, client = await udp(V4, port_of(one), REUSE), unbound()
    with closing(one, two, client):
        await client.sendto(b"first", one.getsockname())
        seen = [await said(two.recv(9)), await said(one.recv(9))]
        two.close()
        await client.sendto(b"second", one.getsockname())
        return seen, await said(one.recv(9))


async def reuseport_shares(folder: str) -> object:
    """SO_REUSEPORT spreads flows over its sockets, and one flow meets one socket."""
    one = await udp(V4, 0, SHARE)
    two = await udp(V4, port_of(one), SHARE)
    with closing(one, two):
        counts = [0, 0]
        for _ in range(60):
            client = unbound()
            with closing(client):
                for _ in range(3):
                    await client.sendto(b"x", one.getsockname())
                await settle_briefly()
                shares = [await drain(one), await drain(two)]
                assert sorted(shares) == [0, 3]
                counts[shares.index(3)] += 1
        return counts[0] > 5, counts[1] > 5


async def settle_briefly() -> None:
    await trio.sleep(0.001)


async def drain(one: trio.socket.SocketType) -> int:
    count = 0
    while one.is_readable():
        await one.recv(2000)
        count += 1
    return count


async def full_queue(folder: str) -> object:
    """What the receive buffer has no room for is dropped, the first ones stay, and the sender is not told."""
    server = unbound()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    await server.bind((V4, 0))
    client = await connected(server)
    with closing(server, client):
        for number in range(50):
            await client.send(b"%04d" % number * 250)
        await settle()
        first = (await server.recv(4))[:4]
        kept = 1 + await drain(server)
        await client.send(b"room again")
        return first, 2 <= kept <= 10, await server.recv(20)


async def dual_stack(folder: str) -> object:
    """A socket of :: gets IPv4's datagrams with mapped addresses, and answers them; 0.0.0.0 is taken with it."""
    dual, client = await udp("::"), unbound()
    with closing(dual, client):
        conflict = await said(udp("0.0.0.0", port_of(dual)))
        await client.sendto(b"four", (V4, port_of(dual)))
        octets, address = await dual.recvfrom(9)
        await dual.sendto(b"back", address)
        return conflict, octets, (address[0], *address[2:]), await client.recv(9), dual.getsockname()[0]


async def v6_only(folder: str) -> object:
    """With IPV6_V6ONLY both wildcards stand side by side, and a mapped target is ENETUNREACH."""
    six, client = unbound(socket.AF_INET6), unbound()
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    await six.bind(("::", 0))
    four = await udp("0.0.0.0", port_of(six))
    with closing(six, four, client):
        await client.sendto(b"x", (V4, port_of(six)))
        mapped = await said(six.sendto(b"x", (f"::ffff:{V4}", port_of(four))))
        return await said(four.recv(9)), await said(six.recv(9)), mapped


async def v6_loopback(folder: str) -> object:
    """Over ::1, names are four-tuples, and a socket of ::1 cannot send to a mapped address."""
    server, client = await udp(V6), unbound(socket.AF_INET6)
    with closing(server, client):
        await client.sendto(b"six", server.getsockname())
        octets, address = await server.recvfrom(9)
        return octets, address[0], address[2:], await said(server.sendto(b"x", (f"::ffff:{V4}", NOBODY)))


async def unspecified_target(folder: str) -> object:
    """0.0.0.0 as a target is the loopback."""
    server, client = await udp("0.0.0.0"), unbound()
    with closing(server, client):
        await client.sendto(b"x", ("0.0.0.0", port_of(server)))
        source = (await server.recvfrom(9))[1][0]
        await client.connect(("0.0.0.0", port_of(server)))
        return source, client.getpeername()[0]


async def unconnected(folder: str) -> object:
    """Without a target: send, getpeername, listen, accept, shutdown; with port 0; to all without SO_BROADCAST."""
    one = unbound()
    with closing(one):
        return (
            await said(one.send(b"x")),
            told(one.getpeername),
            told(lambda: one.listen(1)),
            await said(one.accept()),
            await said(one.sendto(b"x", (V4, 0))),
            await said(one.sendto(b"x", ("255.255.255.255", NOBODY))),
            await said(one.bind(("192.0.2.77", 0))),
            told(lambda: one.shutdown(socket.SHUT_WR)),
            await said(one.sendto(b"x", (V4, NOBODY))),
        )


async def loopback_to_elsewhere(folder: str) -> object:
    """One bound to the loopback reaches no other host: EINVAL."""
    one = await udp()
    with closing(one):
        return await said(one.sendto(b"x", ("192.0.2.1", NOBODY)))


async def shutdown(folder: str) -> object:
    """After shutdown for writing a send is EPIPE, and receives go on."""
    server = await udp()
    client = await connected(server)
    with closing(server, client):
        client.shutdown(socket.SHUT_WR)
        await server.sendto(b"still", client.getsockname())
        return await said(client.send(b"x")), await client.recv(9)


async def use_after_close(folder: str) -> object:
    """Everything on a closed socket is EBADF."""
    one = await udp()
    one.close()
    one.close()
    operations: list[Awaitable[object]] = [one.recv(1), one.recvfrom(1), one.sendto(b"x", (V4, NOBODY))]
    operations += [one.connect((V4, NOBODY)), one.bind((V4, 0))]
    return one.fileno(), [await said(operation) for operation in operations], told(one.getsockname)


async def closed_under_a_waiter(folder: str) -> object:
    """A receive that waits when the socket is closed raises ClosedResourceError; a second one is Busy."""
    one = await udp()
    seen = []

    async def wait() -> None:
        seen.append(await said(one.recvfrom(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await settle()
        seen.append(await said(one.recv(1)))
        one.close()
    return seen


async def cancelled_receive_loses_nothing(folder: str) -> object:
    """A receive that is cancelled takes no datagram."""
    server, client = await udp(), unbound()
    with closing(server, client):
        with trio.move_on_after(0.01):
            await server.recv(9)
        await client.sendto(b"kept", server.getsockname())
        await settle()
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.recv(9)
        return scope.cancelled_caught, await server.recv(9)


async def close_and_bind_again(folder: str) -> object:
    """A closed socket takes what it had not read with it; the port is free at once, and its peer finds the next one."""
    server = await udp()
    client = await connected(server)
    port = port_of(server)
    await client.send(b"unread")
    await settle()
    server.close()
    again = await udp(V4, port)
    with closing(client, again):
        empty = await said(again.recv(9))
        await client.send(b"next")
        return empty, await again.recv(9)


async def client_closes_first(folder: str) -> object:
    """What was sent before the sender closed still arrives; an answer to it is refused to a connected server."""
    server = await udp()
    client = await udp()
    with closing(server):
        await client.sendto(b"farewell", server.getsockname())
        client.close()
        octets, address = await server.recvfrom(9)
        await server.connect(address)
        await server.send(b"answer")
        return octets, await said(server.recv(9))


async def options(folder: str) -> object:
    """What the options say of a UDP socket, and the levels it does not know."""
    one = unbound()
    with closing(one):
        tcp = socket.IPPROTO_TCP, socket.TCP_NODELAY
        return (
            one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM,
            one.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == socket.IPPROTO_UDP,
            one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN),
            told(lambda: one.setsockopt(*tcp, 1)),
            told(lambda: one.getsockopt(*tcp)),
            (one.family, one.type),
        )


async def sendmsg(folder: str) -> object:
    """sendmsg gathers its buffers into one datagram, for the address given or the peer; recvmsg_into spreads it."""
    server, client = await udp(), unbound()
    with closing(server, client):
        first = await client.sendmsg([b"one", b"two"], [], 0, server.getsockname())
        await client.connect(server.getsockname())
        second = await client.sendmsg([b"three"])
        rooms = bytearray(2), bytearray(9)
        count, _, _, _ = await server.recvmsg_into(rooms)
        return first, second, count, bytes(rooms[0]), bytes(rooms[1][:4]), await server.recv(9)


BEHAVIOURS: tuple[tuple[Behaviour, object], ...] = (
    (ask, (("0.0.0.0", 0), 5, b"HELLO", True, "0.0.0.0", True)),
    (truncation, (b"hello", b"hello", [], True, 4, b"hell", 11, "blocked")),
    (boundaries, [b"one", b"", b"three"]),
    (peek, (b"hel", b"", b"hello")),
    (too_long, ([65_507, "EMSGSIZE"], 65_507)),
    (too_long_6, [65_527, "EMSGSIZE"]),
    (refused, ([[REFUSED, "blocked"]] * 2, 111, "blocked")),
    (refused_wakes_a_receiver, [REFUSED]),
    (refused_unconnected, ("blocked", 0)),
    (refused_before_data, (True, REFUSED, b"data")),
    (connected_filter, (5, b"aside", "blocked", b"mine")),
    (stranger_to_a_connected_port, (REFUSED, "blocked")),
    (connect_again, (True, b"early", b"late")),
    (connect_names_the_wildcard, (("0.0.0.0", "ENOTCONN"), V4, (V4, NOBODY), "EINVAL")),
    (connected_beside_unconnected, (b"peer", b"stranger", "blocked")),
    (specific_beside_wildcard, ([V4.encode(), b"127.0.0.2", "blocked"], b"left")),
    (
        bind_rules,
        [[IN_USE, IN_USE, True], [True] * 3, [IN_USE, IN_USE, True], [True] * 3, [IN_USE, IN_USE, True]],
    ),
    (tcp_and_udp_ports, True),
    (last_bound_receives, ([b"first", "blocked"], b"second")),
    (reuseport_shares, (True, True)),
    (full_queue, (b"0000", True, b"room again")),
    (dual_stack, (IN_USE, b"four", (f"::ffff:{V4}", 0, 0), b"back", "::")),
    (v6_only, (b"x", "blocked", "ENETUNREACH")),
    (v6_loopback, (b"six", V6, (0, 0), "ENETUNREACH")),
    (unspecified_target, (V4, V4)),
    (
        unconnected,
        (
            "EDESTADDRREQ",
            "ENOTCONN",
            UNSUPPORTED,
            UNSUPPORTED,
            "EINVAL",
            "EACCES",
            "EADDRNOTAVAIL",
            "ENOTCONN",
            GONE,
        ),
    ),
    (loopback_to_elsewhere, "EINVAL"),
    (shutdown, (GONE, b"still")),
    (use_after_close, (-1, ["EBADF"] * 5, "EBADF")),
    (closed_under_a_waiter, ["BusyResourceError", "ClosedResourceError"]),
    (cancelled_receive_loses_nothing, (True, b"kept")),
    (close_and_bind_again, ("blocked", b"next")),
    (client_closes_first, (b"farewell", REFUSED)),
    (options, (True, True, 0, "ENOPROTOOPT", UNSUPPORTED, (socket.AF_INET, socket.SOCK_DGRAM))),
    (sendmsg, (6, 5, 6, b"on", b"etwo", b"three")),
)
NEEDS_IPV6 = (too_long_6, dual_stack, v6_only, v6_loopback)
TABLE = pytest.mark.parametrize(
    ("behaviour", "expected"), BEHAVIOURS, ids=[behaviour.__name__ for behaviour, _ in BEHAVIOURS]
)


@TABLE
def test_on_the_real_loopback(behaviour: Behaviour, expected: object) -> None:
    assert on_the_real_loopback(behaviour, needs_ipv6=behaviour in NEEDS_IPV6) == expected


@TABLE
def test_in_the_simulated_world(behaviour: Behaviour, expected: object) -> None:
    assert in_the_simulated_world(behaviour) == expected
