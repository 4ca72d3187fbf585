"""Takes over what is queued in another spool, message by message, until nothing is left there.

The other spool is opened as any is: its lock is taken, it is recovered, what is damaged goes to its quarantine. Some
batches at a time are committed here and synced; only then are they concluded there. So a message is always in custody
of one of the two, and at the next attempt after a crash those that are in both are found here by their ids, and only
concluded there. One that was delivered from here between the crash and that attempt is delivered twice, as after any
outcome that was lost: at most the batches of one turn.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

import trio
from msgspec.structs import replace

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import ListDirectory
from momentum_trio.mail.identifier import FORM, INCARNATION_MAX
from momentum_trio.mail.path import domain_of
from momentum_trio.mail.record import Imported, ImportResult, Level, Panic
from momentum_trio.spool.entry import Entry
from momentum_trio.spool.fault import SpoolFault, SpoolSick
from momentum_trio.spool.message import Batch, Conclusion, Held, Owed
from momentum_trio.spool.recovery import LOG
from momentum_trio.spool.spool import Spool, SpoolTerms, open_spool

BATCHES_AT_ONCE = 64
PIECE_OCTETS = 256 * 1024
RENAMED_MAX = 8
"""Other identifiers that are tried for a batch whose own are taken; beyond that it is left where it is."""

Taken = Callable[[Owed], None]
"""Told of each message that is in custody here now, and was not before; it must not block."""


@dataclass(slots=True)
class ImportCount:
    """Messages that were taken over, and that were left where they were; for each its record says why."""

    taken: int = 0
    left: int = 0


@dataclass(slots=True)
class _Crossing:
    """Messages of one batch that are in custody here. news: they were not before this attempt."""

    there: list[int]
    held: list[Held]
    new_ids: list[str]
    news: bool


async def take_over(machine: Machine, spool: Spool, terms: SpoolTerms, taken: Taken) -> ImportCount:
    """Have *spool* take over the messages of the spool that *terms* tell of.

    Identifiers are kept, unless something else in custody here has them. Each message is published as an ``Imported``.
    Raises: SpoolLocked, when a host has the other spool; SpoolFull, SpoolSick, when it is none or cannot be opened, or
        when *spool* cannot take more: what was not taken is still there, and a later call goes on.
    Cancellation: as a crash: nothing is lost, a later call goes on.
    """
    try:
        await machine.disk.perform([ListDirectory(f"{terms.base}/{LOG}")])
    except OSError as error:
        raise SpoolSick(f"{terms.base} is no spool: {error}") from error
    importing = _Importing(machine, spool, terms.base, taken)
    async with open_spool(machine, terms) as other:
        await importing.keys(other)
        batches = _by_batch(other)
        while importing.fault is None and (turn := list(islice(batches, BATCHES_AT_ONCE))):
            await importing.turn(other, turn)
    if importing.fault is not None:
        raise importing.fault
    return importing.count


def _by_batch(other: Spool) -> Iterator[list[int]]:
    """What is owed there, by batch: the messages of one follow each other."""
    for _, owed in groupby(other.owed(), key=lambda each: other.batch_id(each.ticket)):
        yield [each.ticket for each in owed]


class _Importing:
    """fault: why it cannot go on."""

    def __init__(self, machine: Machine, spool: Spool, directory: str, taken: Taken) -> None:
        self._machine, self._spool = machine, spool
        self._directory, self._taken = directory, taken
        self.count = ImportCount()
        self.fault: SpoolFault | None = None
        self._reserved: set[str] = set()  # identifiers of this turn

    async def keys(self, other: Spool) -> None:
        """Take idempotency keys over, before the messages: what is sent again meanwhile is not taken twice.

        They stay there too, until their time is over.
        """
        left = 0
        try:
            async for some in other.keys_in_time():
                left_of_these = await self._spool.take_keys(some)
                left += left_of_these
        except SpoolFault as error:
            self.fault = error
        if left:
            text = f"spool: {left} idempotency keys of {self._directory} are not known here: there is no room for more"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.WARNING, text))

    async def turn(self, other: Spool, batches: list[list[int]]) -> None:
        """Take some batches over: all are durable here before one is concluded there."""
        crossings: list[_Crossing] = []
        self._reserved.clear()
        try:
            async with trio.open_nursery() as nursery:
                for tickets in batches:
                    nursery.start_soon(self._cross, other, tickets, crossings)
            await self._end(other, crossings)
        except SpoolFault as error:
            self.fault = error
        finally:
            for crossing in crossings:  # whatever happened, they are in custody here
                if crossing.news:
                    for here, held in self._stand(crossing):
                        self._taken(owed_of(here, held))

    def _stand(self, crossing: _Crossing) -> Iterator[tuple[int, Held]]:
        """Those of them that are not concluded here, by their tickets here."""
        for new_id, held in zip(crossing.new_ids, crossing.held, strict=True):
            if (ticket := self._spool.find(new_id)) is not None:
                yield ticket, held

    async def _end(self, other: Spool, crossings: list[_Crossing]) -> None:
        """Keep where each message stood, see it durable, and end its custody there."""
        stand = [pair for crossing in crossings for pair in self._stand(crossing)]
        for here, held in stand:
            now, batch = (await self._spool.held(here)).batch, held.batch
            if (now.binding_group, now.binding) != (batch.binding_group, batch.binding):
                await self._spool.move([here], binding_group=batch.binding_group, binding=batch.binding)
        retries = [(here, held.retry) for here, held in stand if self._spool.retry(here) is None]
        await self._spool.settle([], [(here, retry) for here, retry in retries if retry is not None])
        await self._spool.sync()
        for crossing in crossings:
            for there, new_id in zip(crossing.there, crossing.new_ids, strict=True):
                self._publish(other.message_id(there), new_id, ImportResult.TAKEN)
            self.count.taken += len(crossing.there)
        await other.settle([(there, Conclusion.DELIVERED) for crossing in crossings for there in crossing.there], [])

    async def _cross(self, other: Spool, tickets: list[int], crossings: list[_Crossing]) -> None:
        """Take one batch over, unless it is here already."""
        try:
            held = [await other.held(ticket) for ticket in tickets]
        except SpoolSick:
            self._leave(other, tickets, ImportResult.ENVELOPE_UNREADABLE)
            return
        batch = held[0].batch
        if (number := await self._here(batch)) is not None:
            crossings.append(_Crossing(tickets, held, _renamed_ids(held, number), news=False))
            return
        if (number := self._free(batch)) is None:
            self._leave(other, tickets, ImportResult.NOT_WRITTEN)
            return
        async with self._spool.begin() as entry:
            result = await self._copy(other, batch.batch_id, entry)
            if result is None:
                result = await self._commit(entry, tickets, held, number, crossings)
            if result is not None:
                self._leave(other, tickets, result)

    async def _here(self, batch: Batch) -> int | None:
        """By which renaming *batch* is in custody here, if an attempt before this one brought it."""
        for number in range(RENAMED_MAX + 1):
            try:
                [ticket, *_] = self._spool.tickets(renamed(batch.batch_id, number))
                here = (await self._spool.held(ticket)).batch
            except (KeyError, SpoolSick):
                continue
            if _likeness(here) == _likeness(batch):
                return number
        return None

    def _free(self, batch: Batch) -> int | None:
        """By which renaming no identifier of *batch* is in custody here."""
        identifiers = [batch.batch_id, *(message.message_id for message in batch.messages)]
        for number in range(RENAMED_MAX + 1):
            wanted = {renamed(each, number) for each in identifiers}
            if not wanted & self._reserved and not any(map(self._spool.knows, wanted)):
                self._reserved |= wanted
                return number
        return None

    async def _copy(self, other: Spool, batch_id: str, entry: Entry) -> ImportResult | None:
        """Bring the content; what hindered it."""
        try:
            check = other.content_check(batch_id)
            if check is None:
                content = await other.content(batch_id)
                return await self._write(entry, content)
            offset = seen = 0
            while piece := await other.read(batch_id, offset, PIECE_OCTETS):
                if (result := await self._write(entry, piece)) is not None:
                    return result
                offset, seen = offset + len(piece), zlib.crc32(piece, seen)
        except SpoolSick:
            return ImportResult.CONTENT_UNREADABLE
        return None if seen == check else ImportResult.CONTENT_UNREADABLE

    async def _write(self, entry: Entry, octets: bytes) -> ImportResult | None:
        try:
            await entry.write(octets)
        except SpoolFault as error:
            self.fault = error
            return ImportResult.NOT_WRITTEN
        return None

    async def _commit(
        self, entry: Entry, tickets: list[int], held: list[Held], number: int, crossings: list[_Crossing]
    ) -> ImportResult | None:
        """Take custody; what hindered it."""
        batch, new_ids = held[0].batch, _renamed_ids(held, number)
        messages = tuple(replace(each.message, message_id=new) for each, new in zip(held, new_ids, strict=True))
        batch = replace(batch, batch_id=renamed(batch.batch_id, number), messages=messages)
        try:
            await self._spool.commit(entry, batch)
        except SpoolFault as error:
            self.fault = error
            return ImportResult.NOT_WRITTEN
        crossings.append(_Crossing(tickets, held, new_ids, news=True))
        return None

    def _leave(self, other: Spool, tickets: list[int], result: ImportResult) -> None:
        self.count.left += len(tickets)
        for ticket in tickets:
            self._publish(other.message_id(ticket), "", result)

    def _publish(self, old_id: str, new_id: str, result: ImportResult) -> None:
        now = self._machine.clock.now()
        self._machine.events.publish(Imported(now, old_id, new_id, result, self._directory))


def renamed(identifier: str, number: int) -> str:
    """Another identifier for the same thing, always the same: as if another life of the spool had given it."""
    if not number:
        return identifier
    if FORM.fullmatch(identifier) is None:
        return f"{identifier}-{number}"
    life = (int(identifier[6:11]) + number) % (INCARNATION_MAX + 1)
    return f"{identifier[:6]}{life:05d}{identifier[11:]}"


def _renamed_ids(held: list[Held], number: int) -> list[str]:
    return [renamed(each.message.message_id, number) for each in held]


def _likeness(batch: Batch) -> tuple[object, ...]:
    """What two batches with one identifier share if they are one and the same."""
    return batch.connection_id, batch.received_at, batch.reverse_path, batch.peer_address, batch.octets


def owed_of(ticket: int, held: Held) -> Owed:
    """A message in custody as the queue is told of it."""
    batch, message = held.batch, held.message
    domain = message.routing_domain or domain_of(message.forward_path).lower()
    return Owed(ticket, domain, batch.binding_group, batch.binding, batch.begins_at, held.retry)
