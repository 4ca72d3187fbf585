"""Where TCP sockets may be bound, who gets a connection, and what becomes of a queue of them."""

from __future__ import annotations

import errno
import socket
from functools import partial

import trio
from streams import (
    RESET,
    V4,
    V6,
    Behaviour,
    closing,
    dial,
    in_the_simulated_world,
    on_the_real_loopback,
    port_of,
    said,
    settle,
    table_of,
    tcp,
    told,
)

PORTS_TRIED_MAX = 10


async def full_backlog(folder: str) -> object:
    """A connect to a full queue waits; cancelled, it closes its socket."""
    listener = await tcp(listen=1)
    port = port_of(listener)
    first, second = await dial(port), await dial(port)
    third = trio.socket.socket()
    with closing(listener, first, second, third):
        outcome = await said(third.connect((V4, port)))
        return outcome, third.fileno()


async def full_backlog_is_retried(folder: str) -> object:
    """The SYN that a full queue dropped is sent again after a second."""
    listener = await tcp(listen=0)
    first = await dial(port_of(listener))
    second = trio.socket.socket()
    with closing(listener, first, second):
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(second.connect, listener.getsockname())
            await settle()
            accepted, _ = await listener.accept()
        accepted.close()
        return 0.9 < trio.current_time() - began < 1.6


async def specific_beside_wildcard(folder: str) -> object:
    """Listeners of 0.0.0.0 and of an address on one port: the specific gets its own, until it closes."""
    wildcard = await tcp("0.0.0.0", 0, socket.SO_REUSEPORT)
    port = port_of(wildcard)
    specific = await tcp(V4, port, socket.SO_REUSEPORT)
    with closing(wildcard, specific):
        seen = []
        for host in (V4, "127.0.0.2", V4, "127.0.0.2"):
            with closing(await dial(port, host)):
                await settle()
                seen.append((specific.is_readable(), wildcard.is_readable()))
                (await (specific if specific.is_readable() else wildcard).accept())[0].close()
        specific.close()
        with closing(await dial(port, V4)):
            await settle()
            seen.append((False, wildcard.is_readable()))
    return seen


async def beside_wildcard_without_reuseport(folder: str) -> object:
    """Without SO_REUSEPORT on both, none can listen beside a wildcard."""
    outcomes = []
    for options in ((), (socket.SO_REUSEADDR,)):
        wildcard = await tcp("0.0.0.0", 0, *options)
        with closing(wildcard):
            outcomes.append(await said(tcp(V4, port_of(wildcard), *options)))
    wildcard = await tcp("0.0.0.0", 0, socket.SO_REUSEPORT)
    with closing(wildcard):
        outcomes.append(await said(tcp(V4, port_of(wildcard))))
    return outcomes


async def two_bound_one_listens(folder: str) -> object:
    """Two bound by SO_REUSEADDR: one may listen, the other's listen() is EADDRINUSE."""
    one = await tcp(V4, 0, socket.SO_REUSEADDR, listen=None)
    two = await tcp(V4, port_of(one), socket.SO_REUSEADDR, listen=None)
    with closing(one, two):
        return told(lambda: one.listen(1)), told(lambda: two.listen(1))


async def port_in_use(folder: str) -> object:
    """A port that is listened at is EADDRINUSE, a plain OSError."""
    one = await tcp()
    with closing(one):
        return await said(tcp(V4, port_of(one))), type(await tcp_failure(port_of(one))).__name__


async def tcp_failure(port: int) -> BaseException:
    try:
        await tcp(V4, port)
    except OSError as error:
        return error
    raise AssertionError("bound")


async def other_address_same_port(folder: str) -> object:
    """Another address has the port free."""
    one = await tcp(V4)
    two = await tcp("127.0.0.2", port_of(one))
    with closing(one, two):
        return port_of(one) == port_of(two)


async def reuseport_shares(folder: str) -> object:
    """SO_REUSEPORT spreads connections over its listeners."""
    one = await tcp(V4, 0, socket.SO_REUSEPORT)
    two = await tcp(V4, port_of(one), socket.SO_REUSEPORT)
    with closing(one, two):
        counts = [0, 0]
        for _ in range(60):
            with closing(await dial(port_of(one))):
                while not (one.is_readable() or two.is_readable()):  # noqa: ASYNC110  no event tells of either
                    await trio.sleep(0.001)
                which = 0 if one.is_readable() else 1
                counts[which] += 1
                (await (one, two)[which].accept())[0].close()
        return counts[0] > 5, counts[1] > 5


async def time_wait(folder: str) -> object:
    """The address stays in use after who closed first, unless both its listener and the next have SO_REUSEADDR."""
    outcomes = []
    for before in ((), (socket.SO_REUSEADDR,)):
        listener = await tcp(V4, 0, *before)
        port = port_of(listener)
        client = await dial(port)
        server, _ = await listener.accept()
        server.close()
        listener.close()
        await client.recv(1)
        client.close()
        await settle()
        for after in ((), (socket.SO_REUSEADDR,)):
            try:
                (await tcp(V4, port, *after)).close()
                outcomes.append("bound")
            except OSError as error:
                outcomes.append(errno.errorcode[error.errno or 0])
    return outcomes


async def session_outlives_listener(folder: str) -> object:
    """A session goes on after its listener; its port is bound anew with SO_REUSEADDR only."""
    listener = await tcp(V4, 0, socket.SO_REUSEADDR)
    port = port_of(listener)
    client = await dial(port)
    server, _ = await listener.accept()
    listener.close()
    with closing(client, server):
        plain = await said(tcp(V4, port))
        again = await tcp(V4, port, socket.SO_REUSEADDR)
        again.close()
        await client.send(b"still here")
        return plain, await server.recv(100)


async def dual_stack(folder: str) -> object:
    """A listener of :: takes IPv4 too, with mapped names, and 0.0.0.0 is in use with it."""
    dual = await tcp("::")
    port = port_of(dual)
    with closing(dual):
        conflict = await said(tcp("0.0.0.0", port))
        client = await dial(port, V4)
        server, address = await dual.accept()
        with closing(client, server):
            return conflict, address[0], server.getsockname()[0], len(address), client.getpeername()[0]


async def v6_only(folder: str) -> object:
    """With IPV6_V6ONLY both wildcards listen on one port; after bind the option is EINVAL."""
    for _ in range(PORTS_TRIED_MAX):
        six = trio.socket.socket(socket.AF_INET6)
        with closing(six):
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            await six.bind(("::", 0))
            six.listen(5)
            port = port_of(six)
            late = told(partial(six.setsockopt, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0))
            try:
                four = await tcp("0.0.0.0", port)
            except OSError:  # of IPv4 somebody else on this machine has it
                continue
            with closing(four), closing(await dial(port, V6), await dial(port, V4)):
                await settle()
                (await six.accept())[0].close()
                (await four.accept())[0].close()
                return late, six.is_readable(), four.is_readable()
    raise AssertionError("no port is free in both families")


async def v6_loopback(folder: str) -> object:
    """Over ::1 names are four-tuples, and 127.0.0.1 is refused."""
    listener = await tcp(V6)
    with closing(listener):
        client = await dial(port_of(listener), V6)
        server, address = await listener.accept()
        with closing(client, server):
            return address[0], address[2:], len(server.getsockname()), await said(dial(port_of(listener), V4))


async def mapped_target(folder: str) -> object:
    """An IPv6 socket reaches an IPv4 listener by a mapped address."""
    listener = await tcp(V4)
    client = trio.socket.socket(socket.AF_INET6)
    with closing(listener, client):
        await client.connect((f"::ffff:{V4}", port_of(listener)))
        server, address = await listener.accept()
        server.close()
        return address[0], client.getpeername()[0]


async def unspecified_target(folder: str) -> object:
    """Connecting to 0.0.0.0 reaches the loopback."""
    listener = await tcp(V4)
    with closing(listener, await dial(port_of(listener), "0.0.0.0")):
        server, address = await listener.accept()
        server.close()
        return address[0]


async def foreign_address(folder: str) -> object:
    """An address of no interface cannot be bound: EADDRNOTAVAIL."""
    return await said(tcp("192.0.2.77"))


async def bad_ports(folder: str) -> object:
    """A port out of range is OverflowError, a name nobody has an error."""
    return await said(tcp(V4, 70000)), await said(tcp("no.such.host.invalid.", 1)) != 0


async def bind_twice(folder: str) -> object:
    """A second bind is EINVAL; a second listen changes the backlog."""
    one = await tcp(listen=None)
    with closing(one):
        return await said(one.bind((V4, 0))), told(lambda: one.listen(1)), told(lambda: one.listen(7))


async def names_of_unbound(folder: str) -> object:
    """Unbound sockets are named by the wildcard and port 0, or nothing, and have no peer."""
    four, six, unix = (trio.socket.socket(family) for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX))
    with closing(four, six, unix):
        return (
            four.getsockname(),
            six.getsockname(),
            unix.getsockname(),
            told(four.getpeername),
            told(unix.getpeername),
        )


async def listen_without_bind(folder: str) -> object:
    """listen() without bind takes the wildcard and a free port."""
    one = trio.socket.socket()
    with closing(one):
        one.listen(1)
        return one.getsockname()[0], port_of(one) > 0


async def accept_after_close(folder: str) -> object:
    """accept on a closed listener is EBADF."""
    listener = await tcp()
    listener.close()
    return await said(listener.accept())


async def queued_on_a_closed_listener(folder: str) -> object:
    """Connections that wait when their listener closes are reset."""
    listener = await tcp()
    client = await dial(port_of(listener))
    listener.close()
    await settle()
    with closing(client):
        return await said(client.recv(1))


async def listener_shut_down(folder: str) -> object:
    """A listener shut down refuses connects, accept is EINVAL, and it may listen again."""
    listener = await tcp()
    port = port_of(listener)
    with closing(listener):
        listener.shutdown(socket.SHUT_RDWR)
        return await said(dial(port)), await said(listener.accept()), told(lambda: listener.listen(1))


BEHAVIOURS: tuple[tuple[Behaviour, object], ...] = (
    (full_backlog, ("blocked", -1)),
    (full_backlog_is_retried, True),
    (specific_beside_wildcard, [(True, False), (False, True), (True, False), (False, True), (False, True)]),
    (beside_wildcard_without_reuseport, ["EADDRINUSE"] * 3),
    (two_bound_one_listens, (None, "EADDRINUSE")),
    (port_in_use, ("EADDRINUSE", "OSError")),
    (other_address_same_port, True),
    (reuseport_shares, (True, True)),
    (time_wait, ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "bound"]),
    (session_outlives_listener, ("EADDRINUSE", b"still here")),
    (dual_stack, ("EADDRINUSE", f"::ffff:{V4}", f"::ffff:{V4}", 4, V4)),
    (v6_only, ("EINVAL", False, False)),
    (v6_loopback, (V6, (0, 0), 4, "ECONNREFUSED")),
    (mapped_target, (V4, f"::ffff:{V4}")),
    (unspecified_target, V4),
    (foreign_address, "EADDRNOTAVAIL"),
    (bad_ports, ("OverflowError", True)),
    (bind_twice, ("EINVAL", None, None)),
    (names_of_unbound, (("0.0.0.0", 0), ("::", 0, 0, 0), "", "ENOTCONN", "ENOTCONN")),
    (listen_without_bind, ("0.0.0.0", True)),
    (accept_after_close, "EBADF"),
    (queued_on_a_closed_listener, RESET),
    (listener_shut_down, ("ECONNREFUSED", "EINVAL", None)),
)
NEEDS_IPV6 = (
    dual_stack,
    v6_only,
    v6_loopback,
    mapped_target,
    names_of_unbound,
)
TABLE = table_of(BEHAVIOURS)


@TABLE
def test_on_the_real_loopback(behaviour: Behaviour, expected: object) -> None:
    assert on_the_real_loopback(behaviour, needs_ipv6=behaviour in NEEDS_IPV6) == expected


@TABLE
def test_in_the_simulated_world(behaviour: Behaviour, expected: object) -> None:
    assert in_the_simulated_world(behaviour) == expected
