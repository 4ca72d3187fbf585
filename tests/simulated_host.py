"""A whole node on a simulated host, and what its clients on another one may do: the seam's second user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    File,
    ListDirectory,
    MakeDirectory,
    Open,
    Read,
    Size,
    Sync,
    SyncDirectory,
    Truncate,
    Write,
)
from momentum_trio.node.node import run_node
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import End, Part
from sim.host import Host, Life
from sim.world import World

T = TypeVar("T")

CONFIG_PATH = "/etc/ecelerity.conf"
CONTROL = "/run/control"
MX, CLIENT = "10.0.0.25", "10.0.0.7"
REPLY_SECONDS = 30


class Site:
    """A host ``mx`` that runs the node from a configuration text, and a host ``client`` beside it."""

    def __init__(self, seed: int = 1, **world: Any) -> None:
        self.world = World(seed, **world)
        self.mx = self.world.host("mx", MX, "127.0.0.1")
        self.client = self.world.host("client", CLIENT)
        self.life: Life

    def run(self, config: str, story: Callable[[Site], Awaitable[T]]) -> T:
        """Boot the node, tell the *story*, end. What the story returns is returned."""

        async def main() -> T:
            await self.configure(config)
            await self.boot()
            return await story(self)

        return self.world.run(main)

    async def configure(self, config: str) -> None:
        """Write the configuration the next life will read."""
        await self.mx.call(write_file, CONFIG_PATH, config.encode())

    async def boot(self) -> None:
        """A new life of the node on the mx; returns when its Listens are bound."""
        self.life = await self.mx.start(run_node, CONFIG_PATH)

    async def moment(self) -> None:
        """Let a little virtual time pass."""
        await trio.sleep(0.05)

    async def talk(self, *lines: str, port: int = 25, source: Host | None = None) -> list[str]:
        """A conversation from the client's host: the greeting and the reply to each line, whole."""
        return await (source or self.client).call(_talk, port, lines)

    async def mailbox(self, local_part: str, domain: str = "example.com") -> list[bytes]:
        """The messages in a mailbox, as the mx's disk has them now."""
        return await self.mx.call(read_folder, f"/var/mail/{domain}/{local_part}/new")


async def write_file(machine: Machine, path: str, octets: bytes) -> None:
    """Write a file, durably."""
    file, folder = File(path), path.rpartition("/")[0] or "/"
    await machine.disk.perform([MakeDirectory(folder), Open(file, writable=True, create=0o644)])
    await machine.disk.perform([Truncate(file, 0), Write(file, 0, [octets]), Sync(file), Close(file)])
    await machine.disk.perform([SyncDirectory(folder)])


async def read_folder(machine: Machine, path: str) -> list[bytes]:
    """The content of every file in a folder; nothing where there is no folder."""
    try:
        (names,) = await machine.disk.perform([ListDirectory(path)])
    except FileNotFoundError:
        return []
    found = []
    for name in sorted(names):
        file = File(f"{path}/{name}")
        _, size = await machine.disk.perform([Open(file), Size(file)])
        octets, _ = await machine.disk.perform([Read(file, 0, size), Close(file)])
        found.append(octets)
    return found


async def _talk(machine: Machine, port: int, lines: Sequence[str]) -> list[str]:
    with trio.fail_after(REPLY_SECONDS * (len(lines) + 1)), trio.socket.socket() as socket:
        await socket.connect((MX, port))
        replies = [await read_reply(socket)]
        for line in lines:
            await send_all(socket, line.encode() + b"\r\n")
            replies.append(await read_reply(socket))
        return replies


async def send_all(socket: trio.socket.SocketType, octets: bytes) -> None:
    """All of *octets*: a send may be short."""
    while octets:
        octets = octets[await socket.send(octets) :]


async def read_reply(socket: trio.socket.SocketType) -> str:
    """One reply, its lines joined by newlines; empty when the server has closed."""
    octets = b""
    while not (octets.endswith(b"\r\n") and octets.splitlines()[-1][3:4] == b" "):
        received = await socket.recv(4096)
        if not received:
            break
        octets += received
    return octets.decode("ascii").replace("\r\n", "\n").rstrip("\n")


async def console(machine: Machine, line: str, *, may_fail: bool = False, place: str = CONTROL) -> str:
    """Run one console command on this host's control socket; its text. AssertionError if it failed and may not."""
    client = Client("test")
    with trio.fail_after(REPLY_SECONDS), trio.socket.socket(trio.socket.AF_UNIX) as socket:
        await socket.connect(place)
        text, asked = "", False
        while True:
            while (event := client.next_event()) is None:
                client.receive(await socket.recv(65536))
            if isinstance(event, Part):
                text += event.text
            elif isinstance(event, End):
                assert may_fail or event.status == "ok", text
                return text
            if not asked:
                client.command(line)
                asked = True
            await send_all(socket, client.octets_to_send())
