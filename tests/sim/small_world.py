"""A small scenario with much going on, run by the determinism tests in processes of their own.

Three hosts: an echo server on TCP and Unix, clients over names, one life killed and one machine without power.
``python tests/sim/small_world.py SEED`` prints the digest.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import trio
import trio.testing

from momentum_trio.machine import Machine
from sim import Host, World

CLIENTS, EXCHANGES, TRIES_MAX = 12, 15, 20
MANY_TASKS = 400


async def serve(machine: Machine) -> None:
    """Echo on every address and on a Unix socket."""
    async with trio.open_nursery() as nursery:

        async def accept(listener: trio.socket.SocketType) -> None:
            while True:
                connection, _ = await listener.accept()
                nursery.start_soon(echo, connection)

        for family, address in (
            (socket.AF_INET, ("0.0.0.0", 25)),
            (socket.AF_INET6, ("::1", 25)),
            (socket.AF_UNIX, "\0echo"),
        ):
            listener = trio.socket.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            await listener.bind(address)
            listener.listen(20)
            nursery.start_soon(accept, listener)


async def echo(connection: trio.socket.SocketType) -> None:
    """Until the peer is done, or gone."""
    with connection:
        try:
            while octets := await connection.recv(4096):
                while octets:
                    octets = octets[await connection.send(octets) :]
        except OSError:
            pass


async def chat(machine: Machine, number: int) -> int:
    """Exchanges with the server, with pauses, connecting anew when it is gone; how many were answered."""
    answered = tries = 0
    while answered < EXCHANGES and tries < TRIES_MAX:
        tries += 1
        try:
            with trio.move_on_after(2):
                async with await trio.open_tcp_stream("mx", 25) as stream:
                    while answered < EXCHANGES:
                        await trio.sleep(machine.entropy.fraction() * 0.02)
                        await stream.send_all(b"%d/%d " % (number, answered) * 50)
                        await stream.receive_some()
                        answered += 1
        except (OSError, trio.BrokenResourceError):
            await trio.sleep(0.1)
    return answered


async def many(machine: Machine) -> None:
    """400 tasks that wait on as many connections' worth of events, cancelled at once; their ends are traced.

    So is what their abort functions do, which trio runs in the order of a set of tasks, and of one of scopes.
    """
    names = {f"task {number}" for number in range(MANY_TASKS)}  # a set: its order differs between processes
    done: list[str] = []

    async def wait(name: str) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            done.append(f"abort of {name}")
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            with trio.move_on_after(3600):
                await trio.lowlevel.wait_task_rescheduled(abort)
        finally:
            done.append(name)

    async with trio.open_nursery() as nursery:
        for name in sorted(names):
            nursery.start_soon(wait, name)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    await machine.work.run(lambda: None)
    machine_trace(machine, done)


def machine_trace(machine: Machine, done: list[str]) -> None:
    """Into the trace of whoever runs."""
    from sim.host import current_life

    current_life().host.trace("order", of=",".join(done))


def build(seed: int) -> World:
    """Run the scenario; the world, to look at."""
    world = World(seed, short=0.2)
    mx = world.host("mx", "10.0.0.1", "fd00::1")
    others = [world.host("a", "10.0.0.2", "fd00::2"), world.host("b", "10.0.0.3")]
    for path in (*world.link(mx, others[0]), *world.link(mx, others[1])):
        path.jitter_seconds = 0.003
        path.octets_per_second = 10_000_000

    async def drive() -> None:
        server = await mx.boot(serve)
        async with trio.open_nursery() as nursery:
            for number in range(CLIENTS):
                nursery.start_soon(call, others[number % 2], number)
            await others[0].boot(many)
            await trio.sleep(0.05)
            server.kill()
            await mx.boot(serve)
            await trio.sleep(0.05)
            mx.power_loss()
            await trio.sleep(1)
            await mx.boot(serve)

    async def call(host: Host, number: int) -> None:
        world.kernel.trace("answered", host.name, number=number, count=await host.call(chat, number))

    world.run(drive)
    return world


if __name__ == "__main__":
    ran = build(int(sys.argv[1]))
    print(ran.digest(), ran.kernel.line_count)
