"""One body, two arms: what sockets do on the real loopback and in the simulated world must be equal.

Each behaviour opens sockets through ``trio.socket`` on one host and returns what it saw, as plain values. The expected
outcome stands beside it, so that the table below is a list of what production code may rely on.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import trio

from sim import World

SETTLE_SECONDS = 0.02  # long enough for the loopback, nothing at all in virtual time
V4, V6 = "127.0.0.1", "::1"
NO_LINGER = struct.pack("ii", 1, 0)

Behaviour = Callable[[str], Awaitable[object]]
Sockets = tuple[trio.socket.SocketType, trio.socket.SocketType]


async def settle() -> None:
    await trio.sleep(SETTLE_SECONDS)


async def said(operation: Awaitable[object]) -> object:
    """What *operation* returned, or the name of its error."""
    with trio.move_on_after(0.3):
        try:
            return await operation
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error))
        except (trio.ClosedResourceError, trio.BusyResourceError, ValueError, OverflowError) as error:
            return type(error).__name__
    return "blocked"


def told(operation: Callable[[], object]) -> object:
    """``said`` for what does not wait."""
    try:
        return operation()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


async def tcp(host: str = V4, port: int = 0, *options: int, listen: int | None = 10) -> trio.socket.SocketType:
    """A bound (and listening) socket; *options* of SOL_SOCKET are set before."""
    bound = trio.socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    for option in options:
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        await bound.bind((host, port))
        if listen is not None:
            bound.listen(listen)
    except BaseException:
        bound.close()
        raise
    return bound


def port_of(bound: trio.socket.SocketType) -> int:
    port: int = bound.getsockname()[1]
    return port


async def dial(port: int, host: str = V4) -> trio.socket.SocketType:
    client = trio.socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        await client.connect((host, port))
    except BaseException:
        client.close()
        raise
    return client


@contextmanager
def closing(*sockets: trio.socket.SocketType) -> Iterator[None]:
    """Close them after the block."""
    try:
        yield
    finally:
        for each in sockets:
            each.close()


@contextlib.asynccontextmanager
async def pair(folder: str = "") -> AsyncIterator[Sockets]:
    """A client and the server's socket: TCP, or Unix below *folder*."""
    if folder:
        listener = trio.socket.socket(socket.AF_UNIX)
        await listener.bind(f"{folder}/pair")
        listener.listen(5)
        client = trio.socket.socket(socket.AF_UNIX)
        await client.connect(f"{folder}/pair")
    else:
        listener = await tcp()
        client = await dial(port_of(listener))
    server, _ = await listener.accept()
    with closing(listener, client, server):
        yield client, server


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
    six = trio.socket.socket(socket.AF_INET6)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    await six.bind(("::", 0))
    six.listen(5)
    port = port_of(six)
    late = told(lambda: six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0))
    four = await tcp("0.0.0.0", port)
    with closing(six, four):
        with closing(await dial(port, V6), await dial(port, V4)):
            await settle()
            (await six.accept())[0].close()
            (await four.accept())[0].close()
            return late, six.is_readable(), four.is_readable()


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


async def accept_after_close(folder: str) -> object:
    """accept on a closed listener is EBADF."""
    listener = await tcp()
    listener.close()
    return await said(listener.accept())


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


RESET, GONE = "ECONNRESET", "EPIPE"

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
    (unconnected, [GONE, "ENOTCONN", "EINVAL", "ENOTCONN", "EINVAL", "EINVAL", "ENOTCONN", None]),
    (connect_twice, [None, "EISCONN", "EISCONN"]),
    (connect_a_listener, "EISCONN"),
    (use_after_close, (-1, *["EBADF"] * 7)),
    (accept_after_close, "EBADF"),
    (closed_under_a_waiter, ["ClosedResourceError"] * 2),
    (two_readers, ("BusyResourceError", b"later")),
    (cancelled_receive_loses_nothing, (True, b"kept")),
    (queued_on_a_closed_listener, RESET),
    (listener_shut_down, ("ECONNREFUSED", "EINVAL", None)),
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
NEEDS_IPV6 = (dual_stack, v6_only, v6_loopback, mapped_target, names_of_unbound)
TABLE = pytest.mark.parametrize(
    ("behaviour", "expected"), BEHAVIOURS, ids=[behaviour.__name__ for behaviour, _ in BEHAVIOURS]
)


def real_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((V6, 0))
    except OSError:
        return False
    return True


def on_the_real_loopback(behaviour: Behaviour, *, needs_ipv6: bool) -> object:
    """What it saw there."""
    if needs_ipv6 and not real_ipv6():
        pytest.skip("no IPv6 on this machine's loopback")
    with tempfile.TemporaryDirectory(prefix="mt") as folder:  # tmp_path is too long for a Unix socket
        return trio.run(behaviour, folder)


def in_the_simulated_world(behaviour: Behaviour) -> object:
    """What it saw on one simulated host."""
    world = World(7)
    host = world.host("one", "10.0.0.1", "fd00::1")

    async def drive() -> object:
        return await host.call(lambda machine: behaviour("/run"))

    return world.run(drive)


@TABLE
def test_on_the_real_loopback(behaviour: Behaviour, expected: object) -> None:
    assert on_the_real_loopback(behaviour, needs_ipv6=behaviour in NEEDS_IPV6) == expected


@TABLE
def test_in_the_simulated_world(behaviour: Behaviour, expected: object) -> None:
    assert in_the_simulated_world(behaviour) == expected
