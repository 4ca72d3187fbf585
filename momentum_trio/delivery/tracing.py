"""``trace smtp``: what outbound conversations say, written to files while somebody wants to know.

A conversation that no tracer is for goes over its wire as it is. What is traced waits in memory, within a bound, for
one task that writes it; what there was no room for is counted and said in the file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import trio

from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.trace_options import TraceOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Clock, Wire
from momentum_trio.machine.disk import Append, Close, Create, File
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.smtp.transcript import Line, Transcript

TRACERS_MAX = 16
WAITING_OCTETS_MAX = 1024 * 1024
"""Of one tracer, not written yet."""

FILE_OCTETS_MAX = 256 * 1024 * 1024
NAME_MAX = 200
EVERY = "*"


class TraceRefused(Exception):
    """Why nothing is traced."""


class Tracer:
    """One of them. binding, domain: of the conversations that it is for, ``*`` for all; path: of its file."""

    def __init__(self, number: int, binding: str, domain: str, path: str, wake: Callable[[], None]) -> None:
        self.number, self.binding, self.domain, self.path = number, binding, domain, path
        self.file = File(path)
        self.waiting: list[bytes] = []
        self._octets_waiting = self._octets_written = 0
        self._lost = 0
        self._wake = wake

    def is_for(self, feed: Feed) -> bool:
        """Whether the conversations of *feed* are traced."""
        return self.binding in (EVERY, feed.binding) and self.domain in (EVERY, feed.domain)

    def take(self, line: str) -> None:
        """Have *line* written, if there is room."""
        octets = line.encode() + b"\n"
        if self._is_full:
            return
        if self._octets_waiting + len(octets) > WAITING_OCTETS_MAX:
            self._lost += 1
            return
        self._octets_waiting += len(octets)
        self.waiting.append(octets)
        self._wake()

    @property
    def _is_full(self) -> bool:
        return self._octets_written + self._octets_waiting >= FILE_OCTETS_MAX

    def drawn(self) -> list[bytes]:
        """What waits, to be written now."""
        chunks, self.waiting = self.waiting, []
        self._octets_written += self._octets_waiting
        self._octets_waiting = 0
        if self._lost:
            chunks.append(b"... %d lines were too many\n" % self._lost)
            self._lost = 0
        if chunks and self._is_full:
            chunks.append(b"... the file is as long as it may become\n")
        return chunks


class Tracers:
    """Those of one node. options: where they may write, as they were at its start."""

    def __init__(self, machine: Machine, options: TraceOptions) -> None:
        self._machine, self._options = machine, options
        self._tracers: dict[int, Tracer] = {}
        self._last = 0
        self._woken = trio.Event()
        self._writing = trio.Lock()

    def __iter__(self) -> Iterator[Tracer]:
        return iter(self._tracers.values())

    def wire(self, wire: Wire, feed: Feed, descriptor: int, place: Place) -> Wire:
        """*wire*, for a conversation that begins; a traced one if a tracer is for it."""
        wanted = [tracer for tracer in self._tracers.values() if tracer.is_for(feed)]
        if not wanted:
            return wire
        about = f"{descriptor} {feed.domain} {place.address_text}"
        return TracedWire(wire, Trace(wanted, about, self._machine.clock))

    async def add(self, binding: str, domain: str, path: str) -> Tracer:
        """Begin to trace into a new file. Raises TraceRefused.

        path: a name in Trace_SMTP_Directory, or the same with the directory before it.
        """
        path = within(path, self._options.directory)
        async with self._writing:
            if len(self._tracers) >= TRACERS_MAX:
                raise TraceRefused(f"there are {TRACERS_MAX} tracers already")
            tracer = Tracer(self._last + 1, binding, domain.lower(), path, self._wake)
            try:
                await self._machine.disk.perform([Create(tracer.file, self._options.mode)])
            except OSError as fault:
                raise TraceRefused(f"{path}: {fault.strerror or fault}") from fault
            self._last = tracer.number
            self._tracers[tracer.number] = tracer
        return tracer

    async def remove(self, number: int) -> bool:
        """End it, with all written that waits; whether there was one. Its conversations go on."""
        tracer = self._tracers.pop(number, None)
        if tracer is None:
            return False
        with trio.CancelScope(shield=True):
            await self._write(tracer, last=True)
        return True

    async def run(self) -> None:
        """Write what is traced, until cancelled; then all tracers end."""
        try:
            while True:
                await self._woken.wait()
                self._woken = trio.Event()
                for tracer in list(self._tracers.values()):
                    await self._write(tracer)
        finally:
            for number in list(self._tracers):
                await self.remove(number)

    def _wake(self) -> None:
        self._woken.set()

    async def _write(self, tracer: Tracer, *, last: bool = False) -> None:
        async with self._writing:
            if not last and tracer.number not in self._tracers:
                return
            try:
                await self._machine.disk.perform([Append(tracer.file, tracer.drawn())])
            except OSError as fault:
                last = True
                self._tracers.pop(tracer.number, None)
                text = f"trace smtp #{tracer.number} ended: {tracer.path}: {fault.strerror or fault}"
                self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, text))
            if last:
                await self._machine.disk.perform([Close(tracer.file)])


def within(path: str, directory: str) -> str:
    """*path* as a file of *directory*, which it has to be. Raises TraceRefused."""
    if not directory.startswith("/"):
        raise TraceRefused("Trace_SMTP_Directory names no directory")
    directory = posixpath.normpath(directory)
    folder, name = posixpath.split(path)
    if folder and posixpath.normpath(folder) != directory:
        raise TraceRefused(f"{path}: files are made in {directory} alone (Trace_SMTP_Directory)")
    if name in ("", ".", "..") or len(name) > NAME_MAX or not name.isprintable():
        raise TraceRefused(f"{path}: this is no name of a file")
    return posixpath.join(directory, name)


class Trace:
    """What one conversation says, for *tracers*. about: which one, for people."""

    def __init__(self, tracers: Sequence[Tracer], about: str, clock: Clock) -> None:
        self._tracers, self._about, self._clock = tracers, about, clock
        self._transcript = Transcript()
        self._say("=", "connected")

    def sent(self, octets: bytes | memoryview) -> None:
        """Note what the client, this host, has sent."""
        self._take(self._transcript.sent(octets))

    def received(self, octets: bytes) -> None:
        """The server sent this; nothing: it will send no more."""
        self._take(self._transcript.received(octets))
        if not octets:
            self.ended("closed by the server")

    def ended(self, how: str) -> None:
        """The connection is of no more use."""
        self._take(self._transcript.rest())
        self._say("=", how)

    def _take(self, lines: Sequence[Line]) -> None:
        for direction, text in lines:
            self._say(direction, text)

    def _say(self, direction: str, text: str) -> None:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        for tracer in self._tracers:
            tracer.take(f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d} {self._about} {direction} {text}")


class TracedWire:
    """A wire that is listened to, as ``machine.contract.Wire``."""

    def __init__(self, wire: Wire, trace: Trace) -> None:
        self._wire, self._trace = wire, trace

    def above(self, wire: Wire) -> TracedWire:
        """The same conversation goes on over *wire*, which stands on this one's."""
        return TracedWire(wire, self._trace)

    async def send(self, octets: bytes | memoryview, /) -> int:
        """As Wire has it; what went is noted."""
        try:
            count = await self._wire.send(octets)
        except OSError as fault:
            self._trace.ended(fault.strerror or "broken")
            raise
        self._trace.sent(octets[:count])
        return count

    async def recv(self, octets_max: int, /) -> bytes:
        """As Wire has it; what came is noted."""
        try:
            octets = await self._wire.recv(octets_max)
        except OSError as fault:
            self._trace.ended(fault.strerror or "broken")
            raise
        self._trace.received(octets)
        return octets

    async def recv_into(self, buffer: memoryview, /) -> int:
        """As Wire has it; what came is noted."""
        octets = await self.recv(len(buffer))
        buffer[: len(octets)] = octets
        return len(octets)
