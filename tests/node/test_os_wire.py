"""A wire over a real socket, and the socket itself as one: the same octets, ends and waits."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import trio
import trio.testing

from momentum_trio.machine.contract import Wire, socket_itself
from momentum_trio.machine.os_wire import OsWire

RESET_AT_CLOSE = struct.pack("ii", 1, 0)
WIRES = [OsWire, socket_itself]
OCTETS = bytes(range(256)) * 40_000  # more than a socket's buffers hold
READ_OCTETS = 65536

pytestmark = pytest.mark.parametrize("wire_of", WIRES, ids=lambda wire_of: wire_of.__name__)
Socket = trio.socket.SocketType


def pair() -> tuple[Socket, Socket]:
    """Connected by TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    return trio.socket.from_stdlib_socket(client), trio.socket.from_stdlib_socket(server)


async def read_all(wire: Wire) -> bytes:
    octets = b""
    while part := await wire.recv(READ_OCTETS):
        assert len(part) <= READ_OCTETS
        octets += part
    return octets


async def test_all_octets_come_and_a_sender_waits_for_a_slow_reader(wire_of: Callable[[Socket], Wire]) -> None:
    here, there = pair()
    sent = 0

    async def send() -> None:
        nonlocal sent
        wire = wire_of(here)
        while sent < len(OCTETS):
            sent += await wire.send(memoryview(OCTETS)[sent:])
        here.shutdown(trio.socket.SHUT_WR)

    with here, there:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert 0 < sent < len(OCTETS)  # nobody reads yet
            assert await read_all(wire_of(there)) == OCTETS
        assert await wire_of(there).recv(1) == b""


async def test_a_reset_is_an_oserror_for_both(wire_of: Callable[[Socket], Wire]) -> None:
    here, there = pair()
    with here:
        there.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET_AT_CLOSE)
        there.close()
        wire = wire_of(here)
        with pytest.raises(ConnectionResetError):
            await wire.recv(READ_OCTETS)
        with pytest.raises(BrokenPipeError):
            await wire.send(b"x")


async def test_a_wire_whose_socket_is_closed_meanwhile_waits_no_longer(wire_of: Callable[[Socket], Wire]) -> None:
    here, there = pair()

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wire_of(here).recv(READ_OCTETS)

    with there:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.01)
            here.close()


async def test_a_descriptor_that_passed_to_another_connection_is_not_read(wire_of: Callable[[Socket], Wire]) -> None:
    here, there = pair()
    others: list[Socket] = []

    async def close_and_connect_anew() -> None:
        descriptor = here.fileno()
        here.close()
        while descriptor not in [other.fileno() for other in others]:
            others.extend(pair())
        for other in others:
            await other.send(b"not for you")

    with there, ExitStack() as stack:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(close_and_connect_anew)
            with pytest.raises((OSError, trio.ClosedResourceError)):
                await wire_of(here).recv(READ_OCTETS)
        for other in others:
            stack.enter_context(other)
        assert [await other.recv(99) for other in others] == [b"not for you"] * len(others)


async def test_to_read_what_is_there_gives_others_their_turn(wire_of: Callable[[Socket], Wire]) -> None:
    here, there = pair()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    with here, there:
        for _ in range(10):
            await wire_of(here).send(b"xy")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for _ in range(10):
                assert len(await wire_of(there).recv(2)) == 2
            assert turns >= 5  # ten reads
            nursery.cancel_scope.cancel()


async def test_a_wait_can_be_cancelled(wire_of: Callable[[Socket], Wire]) -> None:
    here, there = pair()
    with here, there:
        with trio.move_on_after(0.01) as scope:
            await wire_of(here).recv(READ_OCTETS)
        assert scope.cancelled_caught
        await wire_of(there).send(b"later")
        assert await wire_of(here).recv(READ_OCTETS) == b"later"
