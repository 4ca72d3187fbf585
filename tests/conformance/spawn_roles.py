"""Roles of the children in test_spawn.py, in a module that a child imports quickly."""

from __future__ import annotations

from collections.abc import Awaitable

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ProcessLink, Roles
from momentum_trio.net.capability import Capabilities


async def said(operation: Awaitable[object]) -> object:
    """What *operation* returned, or the name of its error."""
    try:
        return await operation
    except (OSError, ValueError, LookupError, trio.EndOfChannel) as error:
        return type(error).__name__
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        return type(error).__name__


async def greet(listening: trio.socket.SocketType, greeting: bytes) -> None:
    """Accept one connection, and say who did."""
    accepted, _ = await listening.accept()
    with accepted:
        await accepted.send(greeting)


async def acceptor(machine: Machine, link: ProcessLink) -> None:
    """For each message, accept one connection of the first socket; then say so."""
    _, (listening,) = await link.receive()
    with listening:
        while await said(link.receive()) != "EndOfChannel":
            await greet(listening, b"child")
            await link.send(b"accepted")


async def echo(machine: Machine, link: ProcessLink) -> None:
    """Each message back, with its sockets, the first of them too."""
    try:
        while True:
            octets, sockets = await link.receive()
            await link.send(octets, sockets)
            for socket in sockets:
                socket.close()
    except (trio.EndOfChannel, trio.BrokenResourceError):
        pass


async def teller(machine: Machine, link: ProcessLink) -> None:
    """Tell about itself, and end."""
    assert machine.spawn is not None
    assert machine.adopted is not None
    grandchild = await said(machine.spawn("echo"))
    adopted = dict(machine.adopted.listeners())
    await link.send(repr((machine.process.pid, grandchild, adopted)).encode())


async def listener(machine: Machine, link: ProcessLink) -> None:
    """Receive SIGUSR1, say its name; then wait for another signal."""
    async with machine.process.signals("SIGUSR1") as arrivals:
        await link.send(b"ready")
        await link.send((await anext(arrivals)).encode())
    await trio.sleep_forever()


async def reader(machine: Machine, link: ProcessLink) -> None:
    """Read nothing until somebody connects; then all, and say through the connection how many messages came."""
    _, (listening,) = await link.receive()
    accepted, _ = await listening.accept()
    with listening, accepted:
        count = 0
        while await said(link.receive()) != "EndOfChannel":
            count += 1
        await accepted.send(b"%d" % count)


async def nobody(machine: Machine, link: ProcessLink) -> None:
    """Become nobody; then try for more."""

    async def become(user: str, group: str) -> None:
        await machine.process.become(machine.process.identity(user, group, (), Capabilities()))

    unknown = await said(become("nobody", "no-such-group"))
    await become("nobody", "nogroup")
    again = await said(become("root", "root"))
    await link.send(repr((unknown, again)).encode())


async def breaker(machine: Machine, link: ProcessLink) -> None:
    """Fail."""
    raise RuntimeError("as it should")


ROLES: Roles = {role.__name__: role for role in (acceptor, echo, teller, listener, reader, nobody, breaker)}
