"""A world of two hosts, ``mx`` and ``outside``, for tests that tell one story in it."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import trio

from sim import World


def run(main: Callable[[World], Awaitable[object]], seed: int = 1) -> World:
    """Run *main* in it."""
    world = World(seed)
    world.host("mx", "10.0.0.1")
    world.host("outside", "10.0.0.2")
    world.run(main, world)
    return world


async def listen(port: int = 25) -> trio.socket.SocketType:
    """A socket that listens on every address of the host that asks."""
    bound = trio.socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    await bound.bind(("0.0.0.0", port))
    bound.listen(10)
    return bound
