"""What mail authentication needs of the host: DNS, the time, chance, and the public suffix list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import TypeVar

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, File, Open, Read
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.dns_records import DnsAnswer, Question, Unanswered
from momentum_trio.protocol.dmarc.public_suffix import LIST_OCTETS_MAX, PublicSuffixes

LOOK_SECONDS = 3600.0
"""How often the public suffix list is read again."""

TOO_LATE = Unanswered("timed out")

T = TypeVar("T")
Ask = Callable[[Question], Awaitable[DnsAnswer]]
"""The answer to one question. It raises nothing."""


class Desk:
    """Of one host. ask: in DNS."""

    def __init__(self, machine: Machine, ask: Ask) -> None:
        self._machine, self._ask = machine, ask
        self._path, self._looked_at, self._fault = "", float("-inf"), ""
        self._suffixes: PublicSuffixes | None = None
        self._turn = trio.Lock()

    def now(self) -> float:
        """Unix seconds."""
        return self._machine.clock.now()

    def sample(self) -> float:
        """From 0 up to, but not, 1."""
        return self._machine.entropy.fraction()

    async def run(self, asking: Generator[Question, DnsAnswer, T], seconds: float) -> T:
        """What *asking* comes to. What is asked after *seconds* is not answered any more."""
        limit = trio.current_time() + seconds
        try:
            question = next(asking)
            while True:
                question = asking.send(await self._answer(question, limit))
        except StopIteration as end:
            result: T = end.value
            return result

    async def answers(self, questions: tuple[Question, ...], seconds: float) -> dict[Question, DnsAnswer]:
        """To all *questions*, asked at once; those that take longer than *seconds* have none."""
        found: dict[Question, DnsAnswer] = {}
        limit = trio.current_time() + seconds

        async def ask(question: Question) -> None:
            found[question] = await self._answer(question, limit)

        async with trio.open_nursery() as nursery:
            for question in questions:
                nursery.start_soon(ask, question)
        return found

    async def _answer(self, question: Question, limit: float) -> DnsAnswer:
        with trio.move_on_at(limit):
            return await self._ask(question)
        return TOO_LATE

    # the public suffix list

    async def suffixes(self, path: str) -> PublicSuffixes | None:
        """Those in the file *path*; one that cannot be had leaves what was there before, and the paniclog says so.

        None: no path, or nothing was there before.
        """
        if not path:
            return None
        async with self._turn:
            if path != self._path or trio.current_time() - self._looked_at >= LOOK_SECONDS:
                await self._look(path)
        return self._suffixes

    async def _look(self, path: str) -> None:
        if path != self._path:
            self._suffixes = None
        self._path, self._looked_at = path, trio.current_time()
        try:
            octets = await self._read(path)
            self._suffixes = await self._machine.work.run(lambda: PublicSuffixes.parse(octets.decode("utf-8")))
        except OSError as fault:
            self._tell(f"{path}: {fault.strerror or fault}")
        except ValueError as fault:
            self._tell(f"{path}: {fault}")
        else:
            self._fault = ""

    async def _read(self, path: str) -> bytes:
        file = File(path)
        try:
            octets: bytes = (await self._machine.disk.perform([Open(file), Read(file, 0, LIST_OCTETS_MAX + 1)]))[1]
        finally:
            with trio.CancelScope(shield=True), suppress(OSError):
                await self._machine.disk.perform([Close(file)])
        if len(octets) > LIST_OCTETS_MAX:
            raise ValueError(f"larger than {LIST_OCTETS_MAX} octets")
        return octets

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            said = f"dmarc: public_suffix_file: {fault}; organizations are told by what was known before, or by DNS"
            self._machine.events.publish(Panic(self.now(), Level.WARNING, said))
        self._fault = fault
