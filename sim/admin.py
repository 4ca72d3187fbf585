"""Somebody at the admin console of a node. What he was told is kept outside the simulated process (``Watch``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, File, Open, Rename, Sync, SyncDirectory, Truncate, Write
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import End, Part

from .console_line import ConsoleLine, How, read, said
from .evidence import Exchange
from .life import FIRST_PID
from .sockets.credentials import UCRED

CONSOLE_SECONDS = 30.0
LATE_SECONDS = 60.0
"""How late a commit may be rolled back that nobody confirmed: the host may be slow, or stopped for a while."""
RECEIVE_OCTETS = 65536
SHOW = "config showrecurse"
FIRST, SECOND, ONLOOKER = "first", "second", "onlooker"  # whose sessions there are
NO_SESSION = -1  # of what is done without one

_CHANGING = ("set", "unset", "reload", "rollback", "confirm", "commit")


@dataclass(frozen=True, slots=True)
class Said:
    """What the console answered to a conversation.

    answer: to the line that failed, which is the last then, else to all. lines: each that was said, and whether it
    succeeded. first: the whole configuration before it; before: that since the last line that changed it; after: the
    same once a line failed, or once the time was over in which a commit had to be confirmed and was not; else empty.
    """

    answer: str
    ok: bool
    before: str
    after: str = ""
    lines: tuple[tuple[str, bool], ...] = ()
    first: str = ""


class Unanswered(Exception):
    """The console closed or said nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while somebody talks to the console of *host*.

    note: told of each line before it is said; its answer is filled in. now: virtual seconds since the load began.
    listening: where the host's TCP sockets listen. numbers: of the sessions.
    """

    host: str
    note: Callable[[Exchange], object]
    now: Callable[[], float]
    listening: Callable[[], frozenset[str]]
    numbers: Iterator[int]


async def say(machine: Machine, endpoint: Endpoint, text: str, watch: Watch) -> Said:
    """Say the lines of *text* (``console_line.How``) to the console at *endpoint* of this host, up to one that fails.

    Its sessions end with the last line. Raises OSError, TooSlowError, Unanswered.
    """
    async with Talk(machine, endpoint, watch) as talk:
        return await talk.through(text.split("\n"))


async def look(machine: Machine, endpoint: Endpoint, watch: Watch) -> str:
    """The configuration that the console shows. Raises OSError, TooSlowError, Unanswered."""
    async with Talk(machine, endpoint, watch) as talk:
        return await talk.configuration()


class Talk:
    """One conversation, in up to three sessions: the third only looks on."""

    def __init__(self, machine: Machine, endpoint: Endpoint, watch: Watch) -> None:
        self._machine, self._endpoint, self._watch = machine, endpoint, watch
        self._consoles: dict[str, Console] = {}
        self._transacting: set[str] = set()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()

    async def through(self, lines: Sequence[str]) -> Said:
        """Say them all, up to one that fails."""
        first = before = await self.configuration()
        answers: list[str] = []
        told: list[tuple[str, bool]] = []
        for number, text in enumerate(lines, 1):
            answered = await self._do(read(text), text)
            told += [(line, ok) for line, _, ok in answered]
            answers += [answer for _, answer, _ in answered]
            if not any(ok for _, _, ok in answered):
                return Said(answers[-1], False, before, await self.configuration(), tuple(told), first)
            if number < len(lines) and settled(told) and self._changes(text):
                before = await self.configuration()
        after = ""
        if (seconds := unconfirmed_seconds(told)) is not None:
            after = await self._undone(before, seconds)
        return Said("".join(answers), True, before, after, tuple(told), first)

    async def configuration(self) -> str:
        """What holds now."""
        answer, _ = await self._ask(ONLOOKER, SHOW)
        return answer

    async def _do(self, line: ConsoleLine, text: str) -> list[tuple[str, str, bool]]:
        """What was said then, the answer, and whether that was yes."""
        match line.how:
            case How.WAIT:
                await trio.sleep(float(line.text))
                return [(text, "", True)]
            case How.FILE | How.REPLACE:
                await self._write(line, text)
                return [(text, "", True)]
            case How.LEAVE:
                await self._leave(line.text)
                return [(text, "", True)]
            case How.BOTH:
                return await self._ask_both(line.text)
            case _:
                who = SECOND if line.how is How.ANOTHER else FIRST
                return [(text, *await self._ask(who, line.text))]

    def _changes(self, text: str) -> bool:
        """Whether *text*, which succeeded, may have changed what holds."""
        words = said(text).split()
        who = SECOND if read(text).how is How.ANOTHER else FIRST
        return words[:1] == ["config"] and words[1:2] != [] and words[1] in _CHANGING and who not in self._transacting

    # sessions

    async def _ask(self, who: str, line: str) -> tuple[str, bool]:
        with trio.fail_after(CONSOLE_SECONDS):
            console = await self._console(who)
            return await self._answered(who, console, self._noted(console, line))

    async def _answered(self, who: str, console: Console, exchange: Exchange) -> tuple[str, bool]:
        answer, ok = await console.ask(exchange.line)
        exchange.answer, exchange.ok, exchange.ended = answer, ok, self._watch.now()
        if exchange.line == SHOW:
            exchange.listening = self._watch.listening()
        self._follow(who, exchange.line, ok=ok)
        return answer, ok

    async def _ask_both(self, line: str) -> list[tuple[str, str, bool]]:
        """Begun in one moment; what was told that it made the later generation comes last."""
        consoles: dict[str, Console] = {}
        for who in (FIRST, SECOND):
            with trio.fail_after(CONSOLE_SECONDS):
                consoles[who] = await self._console(who)
        exchanges = {who: self._noted(console, line) for who, console in consoles.items()}
        faults: list[OSError | trio.TooSlowError | Unanswered] = []

        async def ask(who: str) -> None:
            try:
                with trio.fail_after(CONSOLE_SECONDS):
                    await self._answered(who, consoles[who], exchanges[who])
            except (OSError, trio.TooSlowError, Unanswered) as fault:
                faults.append(fault)

        async with trio.open_nursery() as nursery:
            for who in exchanges:
                nursery.start_soon(ask, who)
        if faults:
            raise faults[0]
        beginning = {FIRST: How.SAY, SECOND: How.ANOTHER}
        ordered = sorted(exchanges.items(), key=lambda item: item[1].generation)
        return [(beginning[who].value + line, each.answer, each.ok is True) for who, each in ordered]

    async def _leave(self, line: str) -> None:
        with trio.fail_after(CONSOLE_SECONDS):
            console = await self._console(FIRST)
            self._noted(console, line)
            await console.leave(line)
        del self._consoles[FIRST]
        self._transacting.discard(FIRST)

    def _follow(self, who: str, line: str, *, ok: bool) -> None:
        """Know whether *who* has a transaction."""
        words = line.split()
        if ok and words[:2] == ["config", "begin"]:
            self._transacting.add(who)
        elif ok and words[:2] in (["config", "commit"], ["config", "rollback"]):
            self._transacting.discard(who)

    async def _console(self, who: str) -> Console:
        if who not in self._consoles:
            session = _session(self._endpoint, next(self._watch.numbers))
            self._consoles[who] = await self._open.enter_async_context(session)
        return self._consoles[who]

    def _noted(self, console: Console, line: str) -> Exchange:
        exchange = Exchange(self._watch.host, console.life, console.number, line, self._watch.now())
        self._watch.note(exchange)
        return exchange

    async def _undone(self, before: str, seconds: float) -> str:
        """What holds *seconds* later, and up to LATE_SECONDS after that while it is not what it was *before*."""
        await trio.sleep(seconds)
        after = await self.configuration()
        with trio.move_on_after(LATE_SECONDS):
            while after != before:
                await trio.sleep(1)
                after = await self.configuration()
        return after

    # files

    async def _write(self, line: ConsoleLine, text: str) -> None:
        exchange = Exchange(self._watch.host, 0, NO_SESSION, text, self._watch.now())
        self._watch.note(exchange)
        path = f"{line.path}.new" if line.how is How.REPLACE else line.path
        file = File(path)
        synced = [Sync(file)] if line.how is How.REPLACE else []
        disk = self._machine.disk
        try:
            octets = line.text.encode() + b"\n"
            await disk.perform(
                [Open(file, writable=True, create=0o644), Truncate(file, 0), Write(file, 0, [octets]), *synced]
            )
        finally:
            await disk.perform([Close(file)])
        if line.how is How.REPLACE:
            await disk.perform([Rename(path, line.path), SyncDirectory(line.path.rpartition("/")[0])])
        exchange.ended, exchange.ok = self._watch.now(), True


def unconfirmed_seconds(lines: Sequence[tuple[str, bool]]) -> float | None:
    """How long the commit among *lines* waits to be confirmed; None when there is none, or it was."""
    seconds = None
    for line, _ in lines:
        words = said(line).split()
        if words[:3] == ["config", "commit", "confirmed"]:
            seconds = float(words[3])
        elif words in (["config", "confirm"], ["config", "rollback"]):
            seconds = None
    return seconds


def settled(lines: Sequence[tuple[str, bool]]) -> bool:
    """Whether nothing that *lines* asked for may still happen: no commit waits, no answer was left behind."""
    return unconfirmed_seconds(lines) is None and not any(read(line).how is How.LEAVE for line, _ in lines)


@asynccontextmanager
async def _session(endpoint: Endpoint, number: int) -> AsyncIterator[Console]:
    with _socket(endpoint) as socket:
        await socket.connect(endpoint.path or (_address(endpoint), endpoint.port))
        yield Console(socket, number)


class Console:
    """One session. life: the number of the process it is with, where that can be told (a Unix socket's); else 0."""

    def __init__(self, socket: trio.socket.SocketType, number: int = 0) -> None:
        self._socket, self.number = socket, number
        self._client = Client("sim")
        self.life = 0
        if socket.family == trio.socket.AF_UNIX:
            credentials = socket.getsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_PEERCRED, UCRED.size)
            self.life = UCRED.unpack(credentials)[0] - FIRST_PID

    async def ask(self, line: str) -> tuple[str, bool]:
        """The text of the answer to *line*, and whether it succeeded."""
        await self._begin(line)
        text = ""
        while True:
            await self._send()
            event = await self._next()
            if isinstance(event, Part):
                text += event.text
            elif isinstance(event, End):
                return text, event.status == "ok"

    async def leave(self, line: str) -> None:
        """Say *line*, and close before the answer comes."""
        await self._begin(line)
        await self._send()
        self._socket.close()

    async def _begin(self, line: str) -> None:
        while self._client.banner is None:
            await self._next()
        self._client.command(line)

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
