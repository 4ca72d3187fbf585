"""Where mail ends up: an SMTP server of the simulator's own that keeps every message it accepts, durably, on its disk.

A message is one file below ``FOLDER``: a line ``<forward-path>`` for each RCPT, an empty line, the Return-Path of final
delivery, the content as it came. It is synced, and its name too, before the server says 250.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    Create,
    File,
    MakeDirectory,
    Rename,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
)
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart, Data, Event, Hello, Mail, Rcpt, Reset
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

FOLDER, UNFINISHED = "/var/sink/new", "/var/sink/tmp"
PORT, BACKLOG = 25, 100
SILENCE_SECONDS = 300.0
RECEIVE_OCTETS = 65536
ACCEPT_PAUSE_SECONDS = 1.0  # when there is no descriptor for a connection
BOOT_STEPS = [
    *(MakeDirectory(place, 0o755) for place in (FOLDER, UNFINISHED)),
    *(SyncDirectory(place) for place in ("/", "/var", "/var/sink")),
]


async def run_sink(
    machine: Machine,
    ports: tuple[int, ...] = (PORT,),
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept mail on *ports* of every address until cancelled. started: the sockets are bound. OSError of the disk."""
    await machine.disk.perform(BOOT_STEPS)
    sink = Sink(machine)
    async with trio.open_nursery() as nursery:
        for port in ports:
            for family, address in ((trio.socket.AF_INET, "0.0.0.0"), (trio.socket.AF_INET6, "::")):
                nursery.start_soon(sink.accept, nursery, await _listen(family, address, port))
        task_status.started()


class Sink:
    """One life of a sink."""

    def __init__(self, machine: Machine) -> None:
        self._disk = machine.disk
        self._names = (f"{machine.process.pid}-{number}" for number in count(1))
        self._terms = Terms(
            machine.process.hostname,
            Reply.of(f"220 {machine.process.hostname} sink"),
            ("PIPELINING", "8BITMIME", "SIZE"),
            pedantic_addresses=False,
            lone_line_ends_in_body=LoneLineEnds.IGNORE,
        )

    async def accept(self, nursery: trio.Nursery, listening: trio.socket.SocketType) -> None:
        """Accept on one socket for ever."""
        with listening:
            while True:
                try:
                    socket, _ = await listening.accept()
                except OSError:
                    await trio.sleep(ACCEPT_PAUSE_SECONDS)
                    continue
                nursery.start_soon(self._session, socket)

    async def _session(self, socket: trio.socket.SocketType) -> None:
        with socket:
            try:
                await self._converse(socket)
            except (OSError, trio.TooSlowError):
                return  # the client will come again

    async def _converse(self, socket: trio.socket.SocketType) -> None:
        server, letter = Server(self._terms), Letter()
        server.begin()
        while True:
            with trio.fail_after(SILENCE_SECONDS):
                await _send(socket, server.octets_to_send())
                if server.closed:
                    return
                server.receive(await socket.recv(RECEIVE_OCTETS))
            while (event := server.next_event()) is not None:
                letter.take(event)
                if event.needs_answer:
                    server.answer(await self._answer(event, letter))

    async def _answer(self, event: Event, letter: Letter) -> Reply | None:
        if not isinstance(event, ContentEnd) or event.fault is not None:
            return None
        try:
            await self._keep(letter.octets())
        except OSError:
            return replies.TRANSACTION_FAILED
        return replies.OK

    async def _keep(self, octets: bytes) -> None:
        """Store one message durably. After an OSError nothing of it is left, as far as the disk lets us."""
        name = next(self._names)
        file, place = File(f"{UNFINISHED}/{name}"), f"{FOLDER}/{name}"
        try:
            await self._disk.perform([Create(file, 0o600), Write(file, 0, [octets]), Sync(file), Close(file)])
            await self._disk.perform([Rename(file.path, place), SyncDirectory(FOLDER)])
        except OSError:
            try:
                await self._disk.perform([Close(file), *(Unlink(path, missing_ok=True) for path in (file.path, place))])
            except OSError:
                pass  # it may appear: the client was told 451 and may send it twice
            raise


class Letter:
    """The mail transaction of one session, as it comes in."""

    def __init__(self) -> None:
        self._reverse_path = ""
        self._forward_paths: list[str] = []
        self._parts: list[bytes] = []

    def take(self, event: Event) -> None:
        """The next event of the session."""
        match event:
            case Hello() | Mail() | Reset():
                self._forward_paths, self._parts = [], []
                self._reverse_path = event.reverse_path if isinstance(event, Mail) else ""
            case Rcpt():
                self._forward_paths.append(event.forward_path)
            case Data():
                self._parts = []
            case ContentPart() | ContentEnd():
                self._parts.append(event.octets)

    def octets(self) -> bytes:
        """As kept."""
        paths = [f"<{path}>\n" for path in self._forward_paths]
        return "".join([*paths, "\n", f"Return-Path: <{self._reverse_path}>\n"]).encode() + b"".join(self._parts)


def kept(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """What a file of the sink holds: each forward-path, with the content. Nothing for one that is not whole."""
    head, end, content = octets.partition(b"\n\n")
    if end:
        for line in head.split(b"\n"):
            yield line.decode().removeprefix("<").removesuffix(">"), content


async def _listen(family: int, address: str, port: int) -> trio.socket.SocketType:
    socket = trio.socket.socket(family)
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
    if family == trio.socket.AF_INET6:
        socket.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)
    await socket.bind((address, port))
    socket.listen(BACKLOG)
    return socket


async def _send(socket: trio.socket.SocketType, octets: bytes) -> None:
    while octets:
        octets = octets[await socket.send(octets) :]
