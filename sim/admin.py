"""Somebody at the admin console of a node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, File, Open, Truncate, Write
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import End, Part

CONSOLE_SECONDS = 30.0
LATE_SECONDS = 60.0
"""How late a commit may be rolled back that nobody confirmed: the host may be slow, or stopped for a while."""
RECEIVE_OCTETS = 65536
ANOTHER, FILE = "another: ", "file "


@dataclass(frozen=True, slots=True)
class Said:
    """What the console answered to a conversation.

    answer: to the line that failed, which is the last then, else to all. lines: each that was said, and whether it
    succeeded. before: the whole configuration before it; after: the same once a line failed, or once the time was over
    in which a commit had to be confirmed and was not; else empty. What a second session changed is in both.
    """

    answer: str
    ok: bool
    before: str
    after: str = ""
    lines: tuple[tuple[str, bool], ...] = ()


class Unanswered(Exception):
    """The console closed or said nothing."""


async def say(machine: Machine, endpoint: Endpoint, text: str) -> Said:
    """Say the lines of *text* to the console at *endpoint* of this host, up to the first that fails.

    One that begins with ``another:`` is said in a second session; ``file PATH TEXT`` writes a file. Both sessions end
    with the last line. Raises OSError, TooSlowError, Unanswered.
    """
    before = await _configuration(endpoint)
    answers: list[str] = []
    lines: list[tuple[str, bool]] = []
    async with _session(endpoint) as first, _session(endpoint) as second:
        for line in text.split("\n"):
            with trio.fail_after(CONSOLE_SECONDS):
                answer, ok = await _said(machine, first, second, line)
            answers.append(answer)
            lines.append((line, ok))
            if not ok:
                break
            if line.startswith(ANOTHER):
                before = await _configuration(endpoint)
    if not lines[-1][1]:
        return Said(answers[-1], False, before, await _configuration(endpoint), tuple(lines))
    after = ""
    if (seconds := unconfirmed_seconds(lines)) is not None:
        after = await _undone(endpoint, before, seconds)
    return Said("".join(answers), True, before, after, tuple(lines))


async def _said(machine: Machine, first: Console, second: Console, line: str) -> tuple[str, bool]:
    if line.startswith(FILE):
        path, _, text = line.removeprefix(FILE).partition(" ")
        await _write(machine, path, text.encode() + b"\n")
        return "", True
    return await (second if line.startswith(ANOTHER) else first).ask(line.removeprefix(ANOTHER))


async def _write(machine: Machine, path: str, octets: bytes) -> None:
    file = File(path)
    try:
        await machine.disk.perform(
            [Open(file, writable=True, create=0o644), Truncate(file, 0), Write(file, 0, [octets])]
        )
    finally:
        await machine.disk.perform([Close(file)])


def unconfirmed_seconds(lines: Sequence[tuple[str, bool]]) -> float | None:
    """How long the commit among *lines* waits to be confirmed; None when there is none, or it was."""
    seconds = None
    for line, _ in lines:
        words = line.split()
        if words[:3] == ["config", "commit", "confirmed"]:
            seconds = float(words[3])
        elif line.removeprefix(ANOTHER) in ("config confirm", "config rollback"):
            seconds = None
    return seconds


async def _undone(endpoint: Endpoint, before: str, seconds: float) -> str:
    """The configuration *seconds* later, and up to LATE_SECONDS after that while it is not what it was *before*."""
    await trio.sleep(seconds)
    after = await _configuration(endpoint)
    with trio.move_on_after(LATE_SECONDS):
        while after != before:
            await trio.sleep(1)
            after = await _configuration(endpoint)
    return after


async def _configuration(endpoint: Endpoint) -> str:
    with trio.fail_after(CONSOLE_SECONDS):
        async with _session(endpoint) as console:
            text, _ = await console.ask("config showrecurse")
    return text


@asynccontextmanager
async def _session(endpoint: Endpoint) -> AsyncIterator[Console]:
    with _socket(endpoint) as socket:
        with trio.fail_after(CONSOLE_SECONDS):
            await socket.connect(endpoint.path or (_address(endpoint), endpoint.port))
        yield Console(socket)


class Console:
    """One conversation with a console."""

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self._socket = socket
        self._client = Client("sim")

    async def ask(self, line: str) -> tuple[str, bool]:
        """The text of the answer to *line*, and whether it succeeded."""
        while self._client.banner is None:
            await self._next()
        self._client.command(line)
        text = ""
        while True:
            await self._send()
            event = await self._next()
            if isinstance(event, Part):
                text += event.text
            elif isinstance(event, End):
                return text, event.status == "ok"

    async def _next(self) -> object:
        while (event := self._client.next_event()) is None:
            if self._client.closed:
                raise Unanswered
            octets = await self._socket.recv(RECEIVE_OCTETS)
            self._client.receive(octets)
        return event

    async def _send(self) -> None:
        octets = self._client.octets_to_send()
        while octets:
            octets = octets[await self._socket.send(octets) :]


def _socket(endpoint: Endpoint) -> trio.socket.SocketType:
    families = {
        Family.UNIX: trio.socket.AF_UNIX,
        Family.INET: trio.socket.AF_INET,
        Family.INET6: trio.socket.AF_INET6,
    }
    return trio.socket.socket(families[endpoint.family])


def _address(endpoint: Endpoint) -> str:
    return {"*": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)
