"""Durable custody of accepted mail: begin, write, commit -> Receipt; read for delivery; conclude.

``docs/protocols/spool.md`` tells the format and the rule of recovery. One spool has one owner (a lock file), one log,
one committer. What is acknowledged with a SYNCED receipt survives loss of power; outcomes are lazy: one that is lost
with power costs a duplicate delivery, never a message.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    Disk,
    File,
    Lock,
    MakeDirectory,
    Open,
    Read,
    SyncDirectory,
    make_durable_directory,
)
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.mail.record import Level, Panic
from momentum_trio.spool.committer import Committer, Request
from momentum_trio.spool.compaction import Compaction, read_custody
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.entry import Entry, EntryState
from momentum_trio.spool.fault import ContentDamaged, SpoolFault, SpoolFull, SpoolLocked, SpoolSick
from momentum_trio.spool.frame import (
    ENVELOPE_OCTETS_MAX,
    FRAME_HEADER_OCTETS,
    INLINE_OCTETS_MAX,
    MARKER_OCTETS,
    SEGMENT_HEADER_OCTETS,
    Frame,
    Kind,
)
from momentum_trio.spool.ledger import Segment, Slot, Way
from momentum_trio.spool.log import Log, spool_fault
from momentum_trio.spool.message import Batch, Conclusion, Durability, Held, Message, Owed, Receipt, Retry
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.recovery import CONTENT, LOCK, LOG, QUARANTINE, Recovered, Recovery, slot_of
from momentum_trio.spool.wire import Moved, Wire, batch_of, custody_of, cut, ended_of, settled_of

__all__ = [
    "Batch",
    "Conclusion",
    "ContentDamaged",
    "Durability",
    "Entry",
    "Held",
    "Message",
    "Owed",
    "Receipt",
    "Retry",
    "Spool",
    "SpoolFault",
    "SpoolFull",
    "SpoolLocked",
    "SpoolSick",
    "SpoolTerms",
    "open_spool",
]

T = TypeVar("T")

DIRECTORY_MODE = 0o750
CACHE_OCTETS_MAX = 32 * 1024 * 1024  # content just committed, kept for its first delivery
READ_PIECE_OCTETS = 1024 * 1024
READ_TRIES_MAX = 3  # a record may be copied forward, and its segment removed, while it is being read
SEGMENT_OCTETS_MIN = 1024
FIRST_INCARNATIONS = 100_000


@dataclass(frozen=True, slots=True)
class SpoolTerms:
    """What a spool depends on.

    base: its directory, made if it is not there. segment_octets: when a log segment is full. large_message_octets:
    content above it gets a file of its own. force_fsync: SYNCED receipts, else WRITTEN ones. mode: of its files.
    """

    base: str
    segment_octets: int = 64 * 1024 * 1024
    large_message_octets: int = 64 * 1024
    force_fsync: bool = True
    mode: int = 0o640

    def __post_init__(self) -> None:
        assert self.segment_octets >= SEGMENT_OCTETS_MIN

    @property
    def inline_octets_max(self) -> int:
        """The longest content that goes into the log: several must fit a segment."""
        return min(self.large_message_octets, self.segment_octets // 4, INLINE_OCTETS_MAX)


def held_of(slot: Slot, message_id: str, batch: Batch) -> Held:
    """What ``held`` answers."""
    way = slot.ways.get(message_id, Way())
    messages = tuple(
        replace(message, routing_domain=slot.ways.get(message.message_id, Way()).routing_domain)
        for message in batch.messages
        if message.message_id in slot.open
    )
    batch = replace(
        batch,
        messages=messages,
        binding_group=way.binding_group or batch.binding_group,
        binding=way.binding or batch.binding,
    )
    [message] = [message for message in messages if message.message_id == message_id]
    return Held(batch, message, slot.open[message_id])


class Cache:
    """Content by batch, within CACHE_OCTETS_MAX; the oldest goes first."""

    def __init__(self, octets_max: int = CACHE_OCTETS_MAX) -> None:
        self._octets_max = octets_max
        self._octets = 0
        self._content: OrderedDict[str, bytes] = OrderedDict()

    def put(self, batch_id: str, content: bytes) -> None:
        """Keep *content* for a while."""
        self._content[batch_id] = content
        self._octets += len(content)
        while self._octets > self._octets_max:
            self._octets -= len(self._content.popitem(last=False)[1])

    def get(self, batch_id: str) -> bytes | None:
        """The content, if it is still here."""
        return self._content.get(batch_id)

    def drop(self, batch_id: str) -> None:
        """It is no longer needed."""
        self._octets -= len(self._content.pop(batch_id, b""))


class Spool:
    """Made by ``open_spool``."""

    def __init__(self, machine: Machine, terms: SpoolTerms, found: Recovered, incarnation: int) -> None:
        self.terms = terms
        self._machine, self._disk = machine, machine.disk
        self._ledger = found.ledger
        self._recovered = deque(found.batches)
        self._owed = deque(found.owed)
        self._wire = Wire()
        self._cache = Cache()
        self._identifiers = Identifiers(incarnation, found.high_water)
        self._log = Log(
            self._disk,
            machine.entropy,
            self._report_error,
            f"{terms.base}/{LOG}",
            terms.segment_octets,
            terms.mode,
            self._ledger,
            incarnation,
            lambda: self._identifiers.second,
        )
        self._log.last_number = found.last_number
        self._files = ContentFiles(self._disk, f"{terms.base}/{CONTENT}", self._report_error, incarnation)
        quarantine = Quarantine(self._disk, f"{terms.base}/{QUARANTINE}", terms.mode)
        compaction = Compaction(
            self._disk, self._ledger, self._wire, quarantine, self._report_error, terms.segment_octets
        )
        self._committer = Committer(
            self._log, compaction, self._files, self._report_error, force_fsync=terms.force_fsync
        )
        self._durability = Durability.SYNCED if terms.force_fsync else Durability.WRITTEN

    # -- taking custody ----------------------------------------------------------------------------------------------

    def next_id(self) -> str:
        """A new identifier (message, batch or connection) that no life of this spool has given before."""
        return self._identifiers.next(self._machine.clock.now())

    def begin(self) -> Entry:
        """A new, empty entry."""
        return Entry(self._disk, self._files, self.terms.inline_octets_max, self.terms.mode)

    async def commit(self, entry: Entry, batch: Batch, *, concluding: Sequence[tuple[int, Conclusion]] = ()) -> Receipt:
        """Take custody of *entry* as *batch* (whose ``octets`` need not be set): after this a crash does not lose it.

        concluding: tickets of messages whose custody ends with it, all or nothing: a report, and what it reports.

        Returns: a Receipt, the only thing a final 250 can be made from (RFC 5321 section 6.1).
        Raises: SpoolFull, when the disk has no room; SpoolSick, when it failed. Custody stays with the peer, and the
            entry with the caller, who discards it.
        Cancellation: before hand-over to the committer, as if never called; after it, shielded until the outcome is
            known, since a record in a group cannot be recalled.
        """
        assert entry.state is EntryState.OPEN
        assert batch.messages
        if batch.octets != entry.octets:
            batch = replace(batch, octets=entry.octets)
        content = await entry.finish()
        ended = self._named(concluding)
        custody = custody_of(batch, entry.file, entry.check, ended_of(ended) if ended else None)
        envelope = self._wire.encode(custody)
        if len(envelope) > ENVELOPE_OCTETS_MAX:
            raise SpoolFull(f"an envelope of {len(envelope)} octets; at most {ENVELOPE_OCTETS_MAX} are kept")
        frame = Frame.of(Kind.BATCH, envelope, content)

        tickets: list[int] = []

        def kept(segment: Segment, place: int) -> None:
            entry.state = EntryState.COMMITTED
            tickets.extend(self._ledger.add(slot_of(segment, place, frame.header, custody)))
            if not custody.file:
                self._cache.put(batch.batch_id, content)
            self._conclude(ended)

        await self._committer.put(Request(batch.batch_id, frame, demands_sync=True, kept=kept))
        return Receipt(batch, self._durability, tickets)

    # -- delivery ----------------------------------------------------------------------------------------------------

    @property
    def recovered(self) -> Iterator[Batch]:
        """Batches found at opening, with their undelivered messages only; each is handed out once."""
        while self._recovered:
            yield self._recovered.popleft()

    def retry_of(self, batch_id: str, message_id: str) -> Retry | None:
        """What ``postpone`` last recorded of a message, in this life or an earlier one."""
        slot = self._ledger.slots.get(batch_id)
        return slot.open.get(message_id) if slot is not None else None

    def owed(self) -> Iterator[Owed]:
        """Messages found at opening, in the order of the log; each is handed out once."""
        while self._owed:
            yield self._owed.popleft()

    def find(self, message_id: str) -> int | None:
        """The ticket of a message in custody."""
        return self._ledger.find(message_id)

    def message_id(self, ticket: int) -> str:
        """Raises KeyError when it was concluded."""
        return self._ledger.at(ticket)[1]

    def retry(self, ticket: int) -> Retry | None:
        """What was last recorded of it. Raises KeyError when it was concluded."""
        slot, message_id = self._ledger.at(ticket)
        return slot.open[message_id]

    async def held(self, ticket: int) -> Held:
        """The message of *ticket* with its envelope.

        Raises: KeyError, when it was concluded; ContentDamaged; SpoolSick.
        """
        for _ in range(READ_TRIES_MAX):
            slot, message_id = self._ledger.at(ticket)
            octets = await self._read(slot.segment.path, slot.place, slot.frame_octets)
            read = read_custody(slot, octets, self._wire) if octets is not None else None
            if self._ledger.at(ticket) != (slot, message_id):
                continue
            if read is not None:
                return held_of(slot, message_id, batch_of(read[0]))
            break
        raise ContentDamaged(f"the record of message {self.message_id(ticket)} cannot be read")

    async def content(self, batch_id: str) -> bytes:
        """The whole content, checked.

        Raises: KeyError, when the batch is not in custody (any more); ContentDamaged; SpoolSick.
        """
        if (content := self._cache.get(batch_id)) is not None:
            return content
        for _ in range(READ_TRIES_MAX):
            slot = self._ledger.slots[batch_id]
            if slot.file:
                content = await self.read(batch_id, 0, slot.content_octets)
                if zlib.crc32(content) != slot.content_check:
                    raise ContentDamaged(f"the content of batch {batch_id} is not as it was written")
                return content
            octets = await self._read(slot.segment.path, slot.place, slot.frame_octets)
            read = read_custody(slot, octets, self._wire) if octets is not None else None
            if read is not None:
                return read[1]
            if self._ledger.slots.get(batch_id) is slot:
                break
        raise ContentDamaged(f"the record of batch {batch_id} cannot be read")

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        """A part of the content; fewer octets only at its end. Not checked against its CRC. Raises as ``content``."""
        if (content := self._cache.get(batch_id)) is not None:
            return content[offset : offset + size]
        for _ in range(READ_TRIES_MAX):
            slot = self._ledger.slots[batch_id]
            size = max(0, min(size, slot.content_octets - offset))
            if slot.file:
                path, place = self._files.path(slot.file), offset
            else:
                path = slot.segment.path
                place = slot.place + FRAME_HEADER_OCTETS + slot.envelope_octets + offset
            octets = await self._read(path, place, size)
            if octets is not None and len(octets) == size:
                return octets
            if self._ledger.slots.get(batch_id) is slot:
                break
        raise ContentDamaged(f"the content of batch {batch_id} cannot be read")

    async def _read(self, path: str, place: int, size: int) -> bytes | None:
        """Octets of a file, or None when it is not there. Raises SpoolSick."""
        file = File(path)
        pieces = [Read(file, place + at, min(READ_PIECE_OCTETS, size - at)) for at in range(0, size, READ_PIECE_OCTETS)]
        try:
            results = await self._disk.perform([Open(file), *pieces, Close(file)])
        except FileNotFoundError:
            return None
        except OSError as error:
            with trio.CancelScope(shield=True), suppress(OSError):
                await self._disk.perform([Close(file)])
            raise SpoolSick(str(error)) from error
        return b"".join(results[1:-1])

    async def settle(self, concluded: Sequence[tuple[int, Conclusion]], postponed: Sequence[tuple[int, Retry]]) -> None:
        """Record what came of attempts at messages; returns when it is written, or is sure to be tried again.

        Lazy: it is durable with the next group that is synced, after about a second at the latest. Lost with power, it
        costs a duplicate delivery. Messages that are not in custody are passed over. Raises SpoolSick only when the
        spool is closed.
        Cancellation: before hand-over to the committer, as if never called; after it, shielded.
        """
        await self._settle(self._named(concluded), self._named(postponed))

    async def _settle(
        self, concluded: Sequence[tuple[str, Conclusion]], postponed: Sequence[tuple[str, Retry]]
    ) -> None:
        postponed = [(message_id, replace(retry, reason=cut(retry.reason))) for message_id, retry in postponed]
        frame = Frame.of(Kind.SETTLED, self._wire.encode(settled_of(concluded, postponed)))

        def handed() -> None:
            self._conclude(concluded)
            self._ledger.postpone(postponed)

        await self._committer.put(Request("outcomes", frame, demands_sync=False, handed=handed))

    def _named(self, tickets: Sequence[tuple[int, T]]) -> list[tuple[str, T]]:
        """The same by message id: a ticket may pass to another message while a request waits."""
        named: list[tuple[str, T]] = []
        for ticket, what in tickets:
            with suppress(KeyError):
                named.append((self._ledger.at(ticket)[1], what))
        return named

    def _conclude(self, concluded: Sequence[tuple[str, Conclusion]]) -> None:
        for slot in self._ledger.conclude(message_id for message_id, _ in concluded):
            self._cache.drop(slot.batch_id)
            if slot.file:
                self._files.retire(slot.file)

    async def move(
        self,
        tickets: Sequence[int],
        *,
        binding_group: str | None = None,
        binding: str | None = None,
        routing_domain: str | None = None,
    ) -> None:
        """Have messages go another way; None: as before. An empty *routing_domain*: their paths' domains again.

        Durable when it returns. Messages that are not in custody are passed over.
        Raises: SpoolFull, SpoolSick: nothing was moved then.
        Cancellation: as of ``commit``.
        """
        message_ids = [message_id for message_id, _ in self._named([(ticket, None) for ticket in tickets])]
        moved = Moved(message_ids, binding_group, binding, routing_domain)

        def kept(_segment: Segment, _place: int) -> None:
            self._ledger.move(message_ids, binding_group, binding, routing_domain)

        frame = Frame.of(Kind.MOVED, self._wire.encode(moved))
        await self._committer.put(Request("a move", frame, demands_sync=True, kept=kept))

    async def conclude(self, batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> None:
        """As ``settle``, by message ids of one batch. To go."""
        await self._settle(outcomes, ())

    async def postpone(self, batch_id: str, retries: Sequence[tuple[str, Retry]]) -> None:
        """As ``settle``, by message ids of one batch. To go."""
        await self._settle((), retries)

    # -- figures -----------------------------------------------------------------------------------------------------

    @property
    def batches_in_custody(self) -> int:
        """Batches with a message not concluded."""
        return len(self._ledger.slots)

    @property
    def log_octets(self) -> int:
        """Length of the log on disk."""
        return self._ledger.log_octets

    @property
    def live_octets(self) -> int:
        """Octets of it that are records in custody. log_octets <= 2 x live_octets + 2 segments when idle."""
        return self._ledger.live_octets

    # -- life --------------------------------------------------------------------------------------------------------

    async def begin_log(self) -> None:
        """Make this life's first segment, which makes its incarnation durable. Raises OSError."""
        await self._log.begin_segment()

    async def run(self) -> None:
        """The committer, until ``close``."""
        with trio.CancelScope(shield=True):
            await self._committer.run()

    def close(self) -> None:
        """Let the committer write what waits, and end."""
        self._committer.close()

    def _report_error(self, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, text))


@asynccontextmanager
async def open_spool(machine: Machine, terms: SpoolTerms) -> AsyncIterator[Spool]:
    """Recover the spool at ``terms.base`` and keep it for the block.

    At the end of the block, however it ends, what was handed over is written and synced. Sessions end before it.

    Raises: SpoolLocked, when another process has it; SpoolFull, SpoolSick, when it cannot be opened. These come bare;
        what the block raises comes in an ExceptionGroup, as from any nursery.
    """
    lock = File(f"{terms.base}/{LOCK}")
    try:
        spool = await _opened(machine, terms, lock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spool.run, name="committer")
            try:
                yield spool
            finally:
                spool.close()
    finally:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Close(lock)])


async def _make_directories(disk: Disk, base: str) -> None:
    """Make what is not there, every name that leads to it durable. Raises OSError."""
    await make_durable_directory(disk, base, DIRECTORY_MODE)
    made = [MakeDirectory(f"{base}/{name}", DIRECTORY_MODE) for name in (LOG, CONTENT, QUARANTINE)]
    await disk.perform([*made, SyncDirectory(base)])


async def _opened(machine: Machine, terms: SpoolTerms, lock: File) -> Spool:
    disk, base = machine.disk, terms.base

    def report(level: Level, text: str) -> None:
        machine.events.publish(Panic(machine.clock.now(), level, text))

    try:
        await _make_directories(disk, base)
        await disk.perform([Open(lock, writable=True, create=terms.mode)])
        try:
            await disk.perform([Lock(lock)])
        except BlockingIOError as error:
            raise SpoolLocked(f"{base} belongs to another process ({lock.path} is locked)") from error
        quarantine = Quarantine(disk, f"{base}/{QUARANTINE}", terms.mode)
        found = await Recovery(disk, base, quarantine, report, Wire()).run()
        if found.incarnation < 0:
            incarnation = int.from_bytes(machine.entropy.octets(4), "big") % FIRST_INCARNATIONS
        else:
            incarnation = found.incarnation + 1
        spool = Spool(machine, terms, found, incarnation)
        await spool.begin_log()
    except OSError as error:
        raise spool_fault(error) from error
    return spool


assert SEGMENT_OCTETS_MIN > SEGMENT_HEADER_OCTETS + MARKER_OCTETS
