"""SMTP sessions that go on while their host is reconfigured, and the operator who reconfigures it.

A session comes again when it is told so in the documented words (421 and Reconfig_Message). Whatever else goes wrong is
counted in words: a connection refused or reset, one that ends unasked, a reply other than the one that belongs there.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio
from host import Host

from momentum_trio.cli.console_link import Endpoint, Link

SECONDS = 60.0
"""For any one reply, connection or reload: only a hang takes so long."""
PAUSE_SECONDS = 0.2
"""Between two messages of a session, on average."""
DELAYED_SECONDS = 0.9
"""A connection that took so long had its first packet dropped: TCP tries again after a second."""
COME_AGAIN = "421 4.3.2 Reconfiguration in progress"
MAILBOXES = 10


class ComeAgain(Exception):
    """The host said the documented 421, and closed."""


class Unexpected(Exception):
    """What the host said or did instead of what belonged there."""


@dataclass
class Seen:
    """By all sessions. accepted: subjects answered 250. delayed: of the connections. came_again: after the 421."""

    accepted: set[str] = field(default_factory=set)
    connections: int = 0
    delayed: int = 0
    came_again: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class Conversation:
    """One connection of a session."""

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self._socket, self._held = socket, b""

    async def say(self, text: str, code: str) -> None:
        """Send *text* and wait for the reply, which is to have *code*."""
        await self._socket.send(text.encode())
        await self.expect(code)

    async def expect(self, code: str) -> None:
        """Wait for a reply, which is to have *code*."""
        with trio.fail_after(SECONDS):
            while (line := await self._line())[3:4] == "-":
                pass
            if line == COME_AGAIN:
                if self._held or await self._socket.recv(1):
                    raise Unexpected("octets behind the 421")
                raise ComeAgain
        if line[:3] != code:
            raise Unexpected(f"{line} instead of {code}")

    async def _line(self) -> str:
        while b"\r\n" not in self._held:
            if not (octets := await self._socket.recv(4096)):
                raise Unexpected(f"an end instead of a reply, after {self._held!r}")
            self._held += octets
        line, _, self._held = self._held.partition(b"\r\n")
        return line.decode()


class Crowd:
    """*count* sessions with the host on *port*: every other one stays, the others connect for each message."""

    def __init__(self, port: int, count: int) -> None:
        self.seen = Seen()
        self._port, self._count = port, count
        self._leaving = False

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Seen]:
        """What they see while they are at work for the block; each finishes what it is at, says QUIT, and they end."""
        async with trio.open_nursery() as nursery:
            for number in range(self._count):
                nursery.start_soon(self._session, f"session{number}", number % 2 == 0, random.Random(number))
            try:
                yield self.seen
            finally:
                self._leaving = True

    async def _session(self, name: str, stays: bool, dice: random.Random) -> None:
        while not self._leaving:
            try:
                with await self._connected() as socket:
                    await self._converse(Conversation(socket), name, stays, dice)
            except ComeAgain:
                self.seen.came_again += 1
            except (OSError, trio.TooSlowError, Unexpected) as fault:
                self.seen.failures[f"{type(fault).__name__}: {fault}"] += 1
            await trio.sleep(dice.uniform(0, 2 * PAUSE_SECONDS))

    async def _connected(self) -> trio.socket.SocketType:
        socket, began = trio.socket.socket(), trio.current_time()
        try:
            with trio.fail_after(SECONDS):
                await socket.connect(("127.0.0.1", self._port))
        except BaseException:
            socket.close()
            raise
        self.seen.connections += 1
        self.seen.delayed += trio.current_time() - began > DELAYED_SECONDS
        return socket

    async def _converse(self, conversation: Conversation, name: str, stays: bool, dice: random.Random) -> None:
        await conversation.expect("220")
        await conversation.say("EHLO client.example\r\n", "250")
        await self._message(conversation, name, dice)
        while stays and not self._leaving:
            await trio.sleep(dice.uniform(0, 2 * PAUSE_SECONDS))
            await self._message(conversation, name, dice)
        await conversation.say("QUIT\r\n", "221")

    async def _message(self, conversation: Conversation, name: str, dice: random.Random) -> None:
        subject = f"{name}-{dice.getrandbits(64):x}"
        await conversation.say("MAIL FROM:<a@b.example>\r\n", "250")
        await conversation.say(f"RCPT TO:<box{dice.randrange(MAILBOXES)}@example.com>\r\n", "250")
        await conversation.say("DATA\r\n", "354")
        await conversation.say(f"Subject: {subject}\r\nFrom: <a@b.example>\r\n\r\nx\r\n.\r\n", "250")
        self.seen.accepted.add(subject)


class Operator:
    """Reconfigures *host* by its console and by SIGHUP; *told* takes what the host tells its service manager.

    generation: the one that holds.
    """

    def __init__(self, host: Host, link: Link, told: trio.socket.SocketType) -> None:
        self._host, self._link, self._told = host, link, told
        self.generation = 1

    async def reload(self, config: str, *, by_signal: bool) -> None:
        """Let *config*, written to the file, hold. Raises AssertionError where it is not the next generation."""
        self._host.config.write_text(config)
        self.generation += 1
        with trio.fail_after(SECONDS):
            if by_signal:
                self._host.process.send_signal(signal.SIGHUP)
                assert (await self._told.recv(4096)).startswith(b"RELOADING=1\n")
                held = f"READY=1\nSTATUS=Generation {self.generation} of the configuration holds"
                assert (await self._told.recv(4096)).decode() == held
            else:
                assert await self.ask("config reload") == {"generation": self.generation, "warnings": []}

    async def ask(self, line: str) -> Any:
        """What the console answers to *line*, as data."""
        return await trio.to_thread.run_sync(self._ask, line)

    def _ask(self, line: str) -> object:
        parts: list[str] = []
        end = self._link.command(line, "json", parts.append)
        assert end.status == "ok", parts
        return msgspec.json.decode("".join(parts))


@asynccontextmanager
async def operating(host: Host, told: trio.socket.SocketType) -> AsyncIterator[Operator]:
    """An operator for the block, with one session at the console; *told* is bound where NOTIFY_SOCKET says."""
    with trio.fail_after(SECONDS):
        assert (await told.recv(4096)).startswith(b"READY=1\n")
    link = Link(Endpoint.parse(str(host.control)), SECONDS)
    try:
        yield Operator(host, link, told)
    finally:
        link.close()
