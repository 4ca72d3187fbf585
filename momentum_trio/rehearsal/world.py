"""The world of a rehearsal: a clock that the session sets, a connection in memory, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar, cast

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Process
from momentum_trio.machine.disk import Step
from momentum_trio.machine.events import Events

T = TypeVar("T")


class Unavailable(AssertionError):
    """A rehearsed session asked for a part of the world that a rehearsal has not: a fault of ours."""


class SetClock:
    """A wall clock that goes with trio's, from a time that is set."""

    def __init__(self) -> None:
        self._offset = 0.0

    def set(self, now: float) -> None:
        """From here on it is *now*, Unix seconds, and time goes on from there."""
        self._offset = now - trio.current_time()

    def now(self) -> float:
        """Unix seconds."""
        return trio.current_time() + self._offset


class NoDisk:
    """A disk that nobody can use: whoever asks it raises Unavailable."""

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        """Always wrong."""
        raise Unavailable("disk")


class NoEntropy:
    """Nothing is left to chance: what may happen does."""

    def octets(self, count: int) -> NoReturn:
        """Always wrong."""
        raise Unavailable("entropy")

    def fraction(self) -> float:
        """The least there is."""
        return 0.0


class NoWork:
    """Workers that nobody can use: whoever asks them raises Unavailable."""

    async def run(self, function: Callable[[], T]) -> T:
        """Always wrong."""
        raise Unavailable("work")


class NameAlone:
    """A process of which the host's name is known, and nothing else."""

    def __init__(self) -> None:
        self.hostname = ""


class RehearsalMachine:
    """A machine of these parts. clock, names: to be set for each session."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.names = NameAlone()
        self.events = Events()
        process = cast("Process", self.names)  # a session asks for nothing but the name
        self.machine = Machine(self.clock, NoDisk(), NoEntropy(), NoWork(), process, self.events)


class Wire:
    """Our end of a connection in memory, as a session knows it: a socket, and the wire above it.

    The client's side: ``feed``, ``leave``, ``settled``.
    """

    def __init__(self) -> None:
        self._octets = bytearray()
        self._came = trio.Event()
        self._quiet = trio.Event()
        self._left = False
        self.ended = trio.Event()

    # the server's side

    async def recv(self, octets_max: int, /) -> bytes:
        """As a socket's. Where nothing is there, the client is told that it is his turn."""
        await trio.lowlevel.checkpoint()
        while not self._octets and not self._left:
            self._quiet.set()
            await self._came.wait()
        octets = bytes(self._octets[:octets_max])
        del self._octets[:octets_max]
        return octets

    async def send(self, octets: bytes | memoryview, /) -> int:
        """As a socket's; what was said is in the notes of the session."""
        return len(octets)

    async def finish(self) -> None:
        """As that of TLS; nothing has to be said."""

    def shutdown(self, how: int) -> None:
        """The server has said its last; the client leaves."""
        self.end()

    # the client's side

    def feed(self, octets: bytes) -> None:
        """Say *octets*."""
        self._octets += octets
        self._wake()

    def leave(self) -> None:
        """Say nothing more."""
        self._left = True
        self._wake()

    def end(self) -> None:
        """The server is done."""
        self.ended.set()
        self.leave()
        self._quiet.set()

    async def settled(self) -> None:
        """Wait until the server waits for more, or is done."""
        await self._quiet.wait()

    def _wake(self) -> None:
        if not self.ended.is_set():
            self._quiet = trio.Event()
        self._came.set()
        self._came = trio.Event()
