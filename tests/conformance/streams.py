"""One body, two arms: what sockets do on the real loopback and in the simulated world must be equal.

Each behaviour opens sockets through ``trio.socket`` on one host and returns what it saw, as plain values. The expected
outcome stands beside it, so that the tables in the tests are a list of what production code may rely on.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import trio

from sim import World

SETTLE_SECONDS = 0.02  # long enough for the loopback, nothing at all in virtual time
V4, V6 = "127.0.0.1", "::1"
NO_LINGER = struct.pack("ii", 1, 0)
RESET, GONE = "ECONNRESET", "EPIPE"

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


def table_of(behaviours: Sequence[tuple[Behaviour, object]]) -> pytest.MarkDecorator:
    """A row for each behaviour, by its name."""
    return pytest.mark.parametrize(("behaviour", "expected"), behaviours, ids=[each.__name__ for each, _ in behaviours])


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
