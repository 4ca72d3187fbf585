"""One body, two arms: listening sockets that were open before the process was, and connections that waited in them."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import trio

from momentum_trio.machine import Machine
from sim import World

HERE = "127.0.0.1"
EXPECTED = ({"smtp": [("AF_INET", True), ("AF_INET", True)], "console": [("AF_UNIX", True)]}, [b"first", b"second"], 0)

REAL_ARM = """
import os, sys
sys.path[:0] = [{root!r}, {folder!r}]
for number, descriptor in enumerate({handed!r}):
    os.dup2(descriptor, 50 + number)
for number in range({count}):
    os.dup2(50 + number, 3 + number)
import trio
from test_adopted import adopt
from momentum_trio.machine.os_machine import os_machine
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str({count}), LISTEN_FDNAMES="smtp:smtp:console")
print(trio.run(adopt, os_machine()))
"""


async def adopt(machine: Machine) -> tuple[dict[str, list[tuple[str, bool]]], list[bytes], int]:
    """What is adopted, what the connection that waits in each TCP socket says, and what a second call finds."""
    assert machine.adopted is not None
    adopted = machine.adopted.listeners()
    names = {name: [_of(each) for each in group] for name, group in adopted.items()}
    heard = []
    for listening in adopted["smtp"]:
        accepted, _ = await listening.accept()
        with accepted:
            heard.append(await accepted.recv(100))
    return names, heard, len(machine.adopted.listeners())


def _of(listening: trio.socket.SocketType) -> tuple[str, bool]:
    return listening.family.name, bool(listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def test_real_sockets_are_adopted() -> None:
    """Listening sockets that were open before are adopted, with what waits in them (the real arm)."""
    with socket.socket() as first, socket.socket() as second, socket.socket(socket.AF_UNIX) as unix:
        first.bind((HERE, 0))
        second.bind((HERE, 0))
        unix.bind("")  # an abstract name of the kernel's choice
        for each in (first, second, unix):
            each.listen()
        clients = [socket.create_connection(each.getsockname()) for each in (first, second)]
        for client, words in zip(clients, (b"first", b"second"), strict=True):
            client.sendall(words)
        handed = (first.fileno(), second.fileno(), unix.fileno())
        folder = Path(__file__).resolve().parent
        program = REAL_ARM.format(root=str(folder.parents[1]), folder=str(folder), handed=handed, count=len(handed))
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, pass_fds=handed, timeout=60, check=False
        )
        for client in clients:
            client.close()
    assert run.stdout.strip() == repr(EXPECTED), run.stderr


async def say(machine: Machine, port: int, words: bytes, host: str = HERE) -> trio.socket.SocketType:
    client = trio.socket.socket()
    await client.connect((host, port))
    await client.send(words)
    return client


def test_simulated_sockets_are_adopted() -> None:
    """The same, and what connected before any program lived waits for it."""
    world = World(3)
    mx = world.host("mx", "10.0.0.1")
    for name, address in (("smtp", (HERE, 25)), ("smtp", (HERE, 587)), ("console", "/run/console")):
        mx.units.add(name, address)

    async def drive() -> object:
        await mx.call(say, 25, b"first")
        await mx.call(say, 587, b"second")
        return await mx.call(adopt)

    assert world.run(drive) == EXPECTED


def test_units_outlive_the_programs_and_are_opened_again_at_boot() -> None:
    """Sockets of units outlive the programs, and are opened anew after power loss (simulated alone)."""
    world = World(3)
    mx, outside = world.host("mx", "10.0.0.1"), world.host("outside", "10.0.0.2")
    mx.units.add("smtp", ("10.0.0.1", 25))

    async def serve(machine: Machine) -> None:
        assert machine.adopted is not None
        (listening,) = machine.adopted.listeners()["smtp"]
        while True:
            accepted, _ = await listening.accept()
            await accepted.send(b"here")
            accepted.close()

    async def ask(machine: Machine) -> bytes:
        client = await say(machine, 25, b"", "10.0.0.1")
        with client:
            return await client.recv(100)

    async def drive() -> object:
        first = await mx.boot(serve)
        answers = [await outside.call(ask)]
        first.kill()
        async with trio.open_nursery() as nursery:

            async def patient() -> None:
                answers.append(await outside.call(ask))

            nursery.start_soon(patient)
            await trio.sleep(5)
            assert len(answers) == 1
            await mx.boot(serve)
        mx.power_loss()
        await mx.boot(serve)
        answers.append(await outside.call(ask))
        return answers

    assert world.run(drive) == [b"here"] * 3
