"""A dead life is inert before it is cancelled: whatever its clean-up tries, shielded, changes nothing in the world."""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Child, ProcessLink
from momentum_trio.machine.disk import (
    Append,
    ChangeMode,
    Close,
    Create,
    File,
    Link,
    Lock,
    MakeDirectory,
    Open,
    Read,
    Rename,
    Step,
    Sync,
    SyncDirectory,
    Truncate,
    Unlink,
    Write,
)
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.capability import Capabilities
from sim import World
from sim.disk import PowerCut
from sim.host import Life

FILE = File("/var/f")
LATER_SECONDS = 5.0


@dataclass
class Had:
    """What the program had open when it died."""

    listener: trio.socket.SocketType
    connection: trio.socket.SocketType
    child: Child


Attempt = Callable[[Machine, Had], Awaitable[object]]


async def refused(attempt: Awaitable[object]) -> None:
    """It fails, at once or by the closed socket."""
    with pytest.raises((OSError, trio.ClosedResourceError)) as caught:
        await attempt
    assert not isinstance(caught.value, OSError) or caught.value.errno == errno.EBADF


async def send(machine: Machine, had: Had) -> None:
    await refused(had.connection.send(b"farewell"))


async def finish(machine: Machine, had: Had) -> None:
    with pytest.raises(OSError, match="Bad file"):
        had.connection.shutdown(socket.SHUT_WR)
    had.connection.close()


async def receive(machine: Machine, had: Had) -> None:
    await refused(had.connection.recv(100))


async def accept(machine: Machine, had: Had) -> None:
    await refused(had.listener.accept())


async def listen_again(machine: Machine, had: Had) -> None:
    with pytest.raises(OSError, match="Bad file"):
        had.listener.listen(5)


async def connect(machine: Machine, had: Had) -> None:
    with pytest.raises(OSError, match="connect to"):
        await trio.open_tcp_stream("10.0.0.2", 26)


async def connect_unix(machine: Machine, had: Had) -> None:
    with pytest.raises(OSError, match="Bad file"):
        await trio.open_unix_socket("/run/other")


async def publish(machine: Machine, had: Had) -> None:
    machine.events.publish(Panic(0.0, Level.ERROR, "farewell"))


async def draw(machine: Machine, had: Had) -> None:
    machine.entropy.octets(1000)
    machine.entropy.fraction()
    os.urandom(1000)
    random.Random().random()


async def work(machine: Machine, had: Had) -> None:
    assert await machine.work.run(lambda: 5) == 5


async def receive_signals(machine: Machine, had: Had) -> None:
    async with machine.process.signals("SIGTERM") as signals:
        with trio.move_on_after(1):
            async for name in signals:
                raise AssertionError(f"{name} came to a dead process")


async def drop_privileges(machine: Machine, had: Had) -> None:
    with suppress(LookupError):
        await machine.process.become(machine.process.identity("nobody", "nobody", (), Capabilities()))
    machine.process.raise_descriptors_max(10_000)
    with machine.process.umask(0):
        pass


async def signal_child(machine: Machine, had: Had) -> None:
    had.child.signal("SIGHUP")


async def tell_child(machine: Machine, had: Had) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await had.child.link.send(b"farewell")


async def spawn(machine: Machine, had: Had) -> None:
    assert machine.spawn is not None
    with pytest.raises(OSError, match="Bad file"):
        await machine.spawn("child")


async def move_addresses(machine: Machine, had: Had) -> None:
    assert machine.addresses is not None
    for attempt in (machine.addresses.add("10.0.0.7", "eth0"), machine.addresses.remove("10.0.0.1", "eth0")):
        with pytest.raises(PermissionError):
            await attempt


async def shut_gate(machine: Machine, had: Had) -> None:
    assert machine.gate is not None
    with pytest.raises(OSError, match="Bad file"):
        machine.gate.shut(had.listener)


def disk(*steps: Step[object]) -> Attempt:
    async def attempt(machine: Machine, had: Had) -> None:
        with pytest.raises(PowerCut):
            await machine.disk.perform(steps)

    return attempt


OTHER = File("/var/g")
ATTEMPTS: dict[str, Attempt] = {
    attempt.__name__: attempt
    for attempt in (
        *(send, finish, receive, accept, listen_again, connect, connect_unix),
        *(publish, draw, work, receive_signals, drop_privileges),
        *(signal_child, tell_child, spawn, move_addresses, shut_gate),
    )
} | {
    repr(steps[-1]): disk(*steps)
    for steps in (
        (Write(FILE, 0, [b"farewell"]),),
        (Append(FILE, [b"farewell"]),),
        (Truncate(FILE, 0),),
        (Sync(FILE),),
        (Read(FILE, 0, 1),),
        (Lock(FILE),),
        (Close(FILE),),
        (Create(OTHER),),
        (Open(OTHER, create=0o600),),
        (Rename("/var/f", "/var/g"),),
        (Link("/var/f", "/var/g"),),
        (Unlink("/var/f"),),
        (MakeDirectory("/var/g"),),
        (SyncDirectory("/var"),),
        (ChangeMode("/var/f", 0o777),),
    )
}


def world_after(attempt: Attempt | None, end: Callable[[Life], object], halt: bool) -> tuple[object, ...]:
    """Everything others can see of a world where a program died, having tried *attempt* in its last breath."""
    tried: list[str] = []
    told: list[str] = []

    async def child(machine: Machine, link: ProcessLink) -> None:
        """Outlives its parent, unless the power fails, and says what it hears."""
        async with machine.process.signals("SIGHUP") as signals, trio.open_nursery() as nursery:

            async def read() -> None:
                with suppress(trio.EndOfChannel):
                    while True:
                        told.append((await link.receive())[0].decode())

            nursery.start_soon(read)
            async for name in signals:
                told.append(name)  # noqa: PERF401  it never ends

    async def program(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        listener = trio.socket.socket()
        await listener.bind(("0.0.0.0", 25))
        listener.listen(5)
        await machine.disk.perform([Create(FILE), Lock(FILE), Write(FILE, 0, [b"unsynced"])])
        assert machine.spawn is not None
        spawned = await machine.spawn("child")
        task_status.started()
        connection, _ = await listener.accept()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                if attempt is not None:
                    await attempt(machine, Had(listener, connection, spawned))
                tried.append("tried")

    async def client(machine: Machine) -> list[object]:
        seen: list[object] = []
        with suppress(OSError, trio.BrokenResourceError):
            async with await trio.open_tcp_stream("10.0.0.1", 25) as stream:
                with trio.move_on_after(20):
                    while octets := await stream.receive_some():
                        seen.append(octets)
        seen.append(trio.current_time())
        return seen

    async def bystander(machine: Machine, accepted: list[float]) -> None:
        """Listens where the dead might connect to."""
        listener = trio.socket.socket()
        await listener.bind(("0.0.0.0", 26))
        listener.listen(5)
        while True:
            await listener.accept()
            accepted.append(trio.current_time())

    async def main() -> tuple[object, ...]:
        mx, outside = world.host("mx"), world.host("outside")
        accepted: list[float] = []
        seen: list[object] = []
        await outside.boot(bystander, accepted)
        life = await mx.start(program)
        async with trio.open_nursery() as nursery:

            async def look() -> None:
                seen.extend(await outside.call(client))

            nursery.start_soon(look)
            await trio.sleep(1)
            if halt:
                life.pause()
                await trio.sleep(1)
            end(life)
            life.signal("SIGTERM")
            await life.wait()
            await trio.sleep(LATER_SECONDS)
        assert tried == ["tried"]
        usage = life.usage()
        directory = mx.store.find("/var")
        unsynced = [len(inode.unsynced) for inode in directory.names.values()], len(directory.changes)
        return (
            seen,
            accepted,
            told,
            mx.addresses,
            len(mx.lives),
            mx.store.files(),
            unsynced,
            sorted(directory.names),
            usage,
            len(world.records),
        )

    world = World(1)
    world.host("mx", "10.0.0.1")
    world.host("outside", "10.0.0.2")
    world.host("mx").roles = {"child": child}
    world.host("mx").store.make_socket("/run/other", object())
    return world.run(main)


@pytest.mark.parametrize("halt", [False, True], ids=["running", "paused"])
@pytest.mark.parametrize("end", [Life.kill, lambda life: life.host.power_loss()], ids=["kill", "power-loss"])
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_the_last_breath_of_the_dead_changes_nothing(
    attempt: Attempt, end: Callable[[Life], object], halt: bool
) -> None:
    assert world_after(attempt, end, halt) == world_after(None, end, halt)
