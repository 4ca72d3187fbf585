"""Durable custody of accepted mail: begin, write, commit -> Receipt; read for delivery; conclude.

``docs/protocols/spool.md`` tells the format and the rule of recovery. One spool has one owner (a lock file), one log,
one committer. What is acknowledged with a SYNCED receipt survives loss of power; outcomes are lazy: one that is lost
with power costs a duplicate delivery, never a message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    Disk,
    File,
    Lock,
    MakeDirectory,
    Open,
    SyncDirectory,
    make_durable_directory,
)
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.mail.record import Level, Panic
from momentum_trio.spool.claims import Claim, Claims
from momentum_trio.spool.committer import Committer, Request
from momentum_trio.spool.compaction import Compaction
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.entry import Entry, EntryState
from momentum_trio.spool.fault import ContentDamaged, SpoolFault, SpoolFull, SpoolLocked, SpoolSick
from momentum_trio.spool.frame import (
    ENVELOPE_OCTETS_MAX,
    INLINE_OCTETS_MAX,
    MARKER_OCTETS,
    SEGMENT_HEADER_OCTETS,
    Frame,
    Kind,
)
from momentum_trio.spool.key import DIGEST_OCTETS, KEY_SECONDS_MAX, Answer, Denial, Earlier
from momentum_trio.spool.keys import Moment
from momentum_trio.spool.latencies import Latencies
from momentum_trio.spool.log import Log, spool_fault
from momentum_trio.spool.message import Batch, Conclusion, Durability, Held, Message, Owed, Receipt, Retry
from momentum_trio.spool.outcomes import Named, Outcomes, ended_of, parts
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.reading import Reading
from momentum_trio.spool.recent import Recent
from momentum_trio.spool.recovery import CONTENT, LOCK, LOG, QUARANTINE, Recovered, Recovery
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import (
    Custody,
    Ended,
    Keyed,
    KeysHeld,
    Moved,
    Settled,
    Wire,
    custody_of,
    keyed_of,
)

__all__ = [
    "Answer",
    "Batch",
    "Claim",
    "Conclusion",
    "ContentDamaged",
    "Denial",
    "Durability",
    "Earlier",
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
SEGMENT_OCTETS_MIN = 1024
RECORD_OCTETS_MAX = 256 * 1024  # of outcomes or moves, about; more go into several records
GATHERED_MAX = 1000  # conclusions that nobody waits for; then whoever brings more waits for that
MOVED_OCTETS = 32  # of one message in such a record, at most
KEYS_AT_ONCE_MAX = 64  # in a record that brings them from another spool
FIRST_INCARNATIONS = 100_000


@dataclass(frozen=True, slots=True)
class SpoolTerms:
    """What a spool depends on.

    base: its directory, made if it is not there. segment_octets: when a log segment is full. large_message_octets:
    content above it gets a file of its own. force_fsync: SYNCED receipts, else WRITTEN ones. mode: of its files.
    key_seconds: how long an idempotency key is kept; 0: none is taken. keys_max: how many are kept at a time.
    """

    base: str
    segment_octets: int = 64 * 1024 * 1024
    large_message_octets: int = 64 * 1024
    force_fsync: bool = True
    mode: int = 0o640
    key_seconds: int = 3600
    keys_max: int = 1_000_000

    def __post_init__(self) -> None:
        assert self.segment_octets >= SEGMENT_OCTETS_MIN
        assert 0 <= self.key_seconds <= KEY_SECONDS_MAX

    @property
    def inline_octets_max(self) -> int:
        """The longest content that goes into the log: several must fit a segment."""
        return min(self.large_message_octets, self.segment_octets // 4, INLINE_OCTETS_MAX)


class _Coming(msgspec.Struct, eq=False, gc=False):
    """A batch on its way into custody.

    content: where it is small. entry: the one it came in; None: it came as octets. claim: to its key, of which *keys*
    is the record. ended: whose custody ends with its coming. tickets: of its messages, once they are in custody.
    fault: why they are not.
    """

    batch: Batch
    custody: Custody
    frame: Frame
    content: bytes
    entry: Entry | None = None
    claim: Claim | None = None
    keys: Frame | None = None
    ended: Sequence[Named[Conclusion]] = ()
    tickets: Sequence[int] = ()
    fault: SpoolFault | None = None

    @property
    def octets(self) -> int:
        """Of its records."""
        return self.frame.octets + (0 if self.keys is None else self.keys.octets)


class Spool:
    """Made by ``open_spool``. inline_octets_max: of content that goes into the log."""

    def __init__(self, machine: Machine, terms: SpoolTerms, found: Recovered, incarnation: int) -> None:
        self.terms = terms
        self._machine, self._disk = machine, machine.disk
        self._ledger = found.ledger
        self._keys, self._arrears = found.keys, found.arrears
        self._wire = Wire()
        self._recent = Recent()
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
        self._reading = Reading(self._disk, self._files, self._ledger, self._keys, self._wire, self._recent)
        self.claims = Claims(self._keys, self._reading, terms.keys_max, terms.key_seconds)
        quarantine = Quarantine(self._disk, f"{terms.base}/{QUARANTINE}", terms.mode)
        compaction = Compaction(
            self._disk, self._ledger, self._keys, self._wire, quarantine, self._report_error, terms.segment_octets
        )
        record_octets_max = min(RECORD_OCTETS_MAX, terms.segment_octets // 4)
        self._outcomes = Outcomes(self._ledger, self._recent, self._files, self._wire, record_octets_max)
        self._committer = Committer(
            self._log,
            compaction,
            self._files,
            self._keys,
            self._report_error,
            self._outcomes.take,
            force_fsync=terms.force_fsync,
        )
        self._moved_max = max(1, record_octets_max // MOVED_OCTETS)
        self.inline_octets_max = terms.inline_octets_max
        self._durability = Durability.SYNCED if terms.force_fsync else Durability.WRITTEN

    # -- taking custody ----------------------------------------------------------------------------------------------

    @property
    def is_well(self) -> bool:
        """Whether what was to be written last was."""
        return self._committer.is_well

    def next_id(self) -> str:
        """A new identifier (message, batch or connection) that no life of this spool has given before."""
        return self.id_at(self._machine.clock.now())

    def id_at(self, now: float) -> str:
        """As ``next_id``, of who knows already that it is *now*."""
        return self._identifiers.next(now)

    def begin(self) -> Entry:
        """A new, empty entry."""
        return Entry(self._disk, self._files, self.inline_octets_max, self.terms.mode)

    async def commit(
        self,
        entry: Entry,
        batch: Batch,
        *,
        concluding: Sequence[tuple[int, Conclusion]] = (),
        claim: Claim | None = None,
    ) -> Receipt:
        """Take custody of *entry* as *batch* (whose ``octets`` need not be set): after this a crash does not lose it.

        concluding: tickets of messages whose custody ends with it, all or nothing: a report, and what it reports.
        claim: of the idempotency key that is kept with it, all or nothing, and outlives it.

        Returns: a Receipt, the only thing a final 250 can be made from (RFC 5321 section 6.1).
        Raises: SpoolFull, when the disk has no room; SpoolSick, when it failed. Custody stays with the peer, and the
            entry with the caller, who discards it.
        Cancellation: before hand-over to the committer, as if never called; after it, shielded until the outcome is
            known, since a record in a group cannot be recalled.
        """
        coming = self._coming_in(entry, await entry.finish(), batch, claim, concluding)
        await self._committer.put(self._request([coming]))
        return self._receipt(coming)

    async def commit_all(
        self, messages: Sequence[tuple[Entry | bytes, Batch, Claim | None]]
    ) -> list[Receipt | SpoolFull | SpoolSick]:
        """The same of several at once, each for itself; they share as few groups of the log as they fit.

        Small content (``inline_octets_max``) may come as octets, without an entry.

        Returns: of each its Receipt, or what ``commit`` would have raised.
        Cancellation: before the first is handed over, as if never called; after it, shielded until all is known.
        """
        judged: list[_Coming | SpoolFull | SpoolSick] = []
        for content, batch, claim in messages:
            try:
                if isinstance(content, bytes):
                    judged.append(self._coming(content, batch, claim))
                else:
                    judged.append(self._coming_in(content, await content.finish(), batch, claim))
            except (SpoolFull, SpoolSick) as fault:
                judged.append(fault)
        if groups := self._groups([each for each in judged if isinstance(each, _Coming)]):
            requests = list(map(self._request, groups))
            await self._committer.put_all(requests)
            for request, group in zip(requests, groups, strict=True):
                for coming in group:
                    coming.fault = request.fault
        return [self._outcome(each) if isinstance(each, _Coming) else each for each in judged]

    def _outcome(self, coming: _Coming) -> Receipt | SpoolFull | SpoolSick:
        fault = coming.fault
        assert fault is None or isinstance(fault, SpoolFull | SpoolSick)
        return fault or self._receipt(coming)

    def _receipt(self, coming: _Coming) -> Receipt:
        assert coming.tickets  # it is in custody
        return Receipt(coming.batch, self._durability, coming.tickets)

    def _coming_in(
        self,
        entry: Entry,
        content: bytes,
        batch: Batch,
        claim: Claim | None,
        concluding: Sequence[tuple[int, Conclusion]] = (),
    ) -> _Coming:
        """What is to be written for *entry*, whose *content*, where it is small, is whole. Raises SpoolFull."""
        ended = self._outcomes.named(concluding) if concluding else []
        if batch.octets != entry.octets:
            batch = batch.with_octets(entry.octets)
        custody = custody_of(batch, entry.file, entry.check, ended_of(ended) if ended else None)
        frame, keys = self._frame(custody, content), None if claim is None else self._key_record(claim, batch)
        return _Coming(batch, custody, frame, content, entry, claim, keys, ended)

    def _coming(self, content: bytes, batch: Batch, claim: Claim | None) -> _Coming:
        """What is to be written for *content*, which is small. Raises SpoolFull."""
        assert len(content) == batch.octets <= self.inline_octets_max
        custody = custody_of(batch, "", 0)
        frame, keys = self._frame(custody, content), None if claim is None else self._key_record(claim, batch)
        return _Coming(batch, custody, frame, content, None, claim, keys)

    def _frame(self, custody: Custody, content: bytes) -> Frame:
        assert custody.messages
        envelope = self._wire.encode(custody)
        if len(envelope) > ENVELOPE_OCTETS_MAX:
            raise SpoolFull(f"an envelope of {len(envelope)} octets; at most {ENVELOPE_OCTETS_MAX} are kept")
        return Frame.of(Kind.BATCH, envelope, content)

    def _groups(self, coming: Sequence[_Coming]) -> list[list[_Coming]]:
        """As few as may be, none of them more than fits a group of the log, but for one batch alone."""
        groups, octets, octets_max = list[list[_Coming]](), 0, self._committer.group_octets_max
        for each in coming:
            octets += each.octets
            if not groups or octets > octets_max:
                groups.append([])
                octets = each.octets
            groups[-1].append(each)
        return groups

    def _request(self, together: Sequence[_Coming]) -> Request:
        """To write all of *together*, each with its key directly behind it, so that neither is there alone."""
        frames = list[Frame]()
        for coming in together:
            frames.append(coming.frame)
            if coming.keys is not None:
                frames.append(coming.keys)

        def kept(segment: Segment, places: Sequence[int]) -> None:
            place = iter(places)
            for coming in together:
                self._enter(coming, segment, next(place))
                if coming.claim is not None and coming.keys is not None:
                    self._keep(coming.claim, coming.keys, segment, next(place))

        return Request([coming.batch.batch_id for coming in together], frames, demands_sync=True, kept=kept)

    def _enter(self, coming: _Coming, segment: Segment, place: int) -> None:
        """It is in the log, and in custody."""
        if coming.entry is not None:
            coming.entry.state = EntryState.COMMITTED
        ledger, custody = self._ledger, coming.custody
        tickets = coming.tickets = ledger.add(segment, place, coming.frame, custody)
        self._recent.put(ledger.messages.batch[tickets[0]], coming.batch, None if custody.file else coming.content)
        if coming.ended:
            self._outcomes.conclude(coming.ended)

    def _keep(self, claim: Claim, keys: Frame, segment: Segment, place: int) -> None:
        """The key of *claim* is in the log."""
        self._keys.add(segment, place, keys.octets, [(claim.name, trio.current_time() + self.terms.key_seconds)])

    def _key_record(self, claim: Claim, batch: Batch) -> Frame:
        """The record of a key. Raises SpoolFull when it would be longer than one may be."""
        assert claim.answer is not None
        assert len(claim.digest) == DIGEST_OCTETS
        earlier = Earlier(claim.digest, batch.batch_id, claim.answer)
        keyed = keyed_of(claim.name, earlier, self._machine.clock.now(), self.terms.key_seconds)
        envelope = self._wire.encode(KeysHeld([keyed]))
        if len(envelope) > ENVELOPE_OCTETS_MAX:
            raise SpoolFull(f"an answer of {len(envelope)} octets; at most {ENVELOPE_OCTETS_MAX} are kept with a key")
        return Frame.of(Kind.KEYS, envelope)

    # -- delivery ----------------------------------------------------------------------------------------------------

    def owed(self) -> Iterator[Owed]:
        """Messages found at opening, in the order of the log; each is handed out once."""
        return self._arrears.owed()

    def find(self, message_id: str) -> int | None:
        """The ticket of a message in custody."""
        return self._ledger.find(message_id)

    def message_id(self, ticket: int) -> str:
        """Raises KeyError when it was concluded."""
        self._ledger.batch_of(ticket)
        return self._ledger.messages.ids[ticket]

    def knows(self, identifier: str) -> bool:
        """Whether a batch or a message in custody has it."""
        return self._ledger.knows(identifier)

    def batch_id(self, ticket: int) -> str:
        """Raises KeyError when it was concluded."""
        return self._ledger.batches.ids[self._ledger.batch_of(ticket)]

    def tickets(self, batch_id: str) -> list[int]:
        """Of the messages of a batch that are not concluded. Raises KeyError when none is in custody."""
        return list(self._ledger.open(self._ledger.row(batch_id)))

    def retry(self, ticket: int) -> Retry | None:
        """What was last recorded of it, in this life or an earlier one. Raises KeyError when it was concluded."""
        self._ledger.batch_of(ticket)
        return self._ledger.retry(ticket)

    async def held(self, ticket: int) -> Held:
        """The message of *ticket* with its envelope.

        Raises: KeyError, when it was concluded; ContentDamaged; SpoolSick.
        """
        return await self._reading.held(ticket)

    async def content(self, batch_id: str) -> bytes:
        """The whole content, checked.

        Raises: KeyError, when the batch is not in custody (any more); ContentDamaged; SpoolSick.
        """
        return await self._reading.content(batch_id)

    def content_check(self, batch_id: str) -> int | None:
        """CRC-32 of large content, which ``read`` does not check; None for other. Raises KeyError."""
        return self._reading.content_check(batch_id)

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        """A part of the content; fewer octets only at its end. Not checked against its CRC. Raises as ``content``."""
        return await self._reading.part(batch_id, offset, size)

    async def settle(self, concluded: Sequence[tuple[int, Conclusion]], postponed: Sequence[tuple[int, Retry]]) -> None:
        """Record what came of attempts at messages; returns when it is written, or is sure to be tried again.

        Lazy: it is durable with the next group that is synced, after about a second at the latest. Lost with power, it
        costs a duplicate delivery. Messages that are not in custody are passed over. Raises SpoolSick only when the
        spool is closed.
        Cancellation: shielded, for outcomes are facts.
        """
        for request in self._outcomes.requests(concluded, postponed):
            await self._committer.put(request)

    def conclude_soon(self, concluded: Sequence[tuple[int, Conclusion]]) -> bool:
        """The same for conclusions that need not be written when it returns: they go with the next group, or alone
        within GATHERING_SECONDS. Until then a crash of this program loses them, too.

        Returns: False, and nothing was done, when GATHERED_MAX wait already, or the spool is closed.
        """
        if self._outcomes.gathered >= GATHERED_MAX or not self._committer.expect():
            return False
        self._outcomes.gather(concluded)
        return True

    async def _each_shielded(self, requests: Sequence[Request]) -> None:
        """One after the other; once the first is handed over none is left out."""
        begun = False
        for request in requests:
            with trio.CancelScope(shield=begun):
                await self._committer.put(request)
            begun = True

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
        Raises: SpoolFull, SpoolSick: some of very many may have been moved then.
        Cancellation: before hand-over to the committer, as if never called; after it, shielded.
        """
        some = parts(tickets, self._moved_max)
        await self._each_shielded([self._moved(part, binding_group, binding, routing_domain) for part in some])

    def _moved(
        self, tickets: Sequence[int], binding_group: str | None, binding: str | None, routing_domain: str | None
    ) -> Request:
        named = self._outcomes.named([(ticket, None) for ticket in tickets])
        moved = Moved([each.message_id for each in named], binding_group, binding, routing_domain)

        def kept(_segment: Segment, _places: Sequence[int]) -> None:
            still = [each.ticket for each in named if self._outcomes.still(each)]
            for ticket in still:
                self._recent.drop(self._ledger.batch_of(ticket))
            self._ledger.move(still, binding_group, binding, routing_domain)

        frame = Frame.of(Kind.MOVED, self._wire.encode(moved))
        return Request(["a move"], [frame], demands_sync=True, kept=kept)

    async def keys_in_time(self) -> AsyncIterator[list[Keyed]]:
        """Idempotency keys in their time, some at a time. Raises SpoolSick."""
        ordinal = -1
        while later := [segment for segment in self._ledger.segments if segment.ordinal > ordinal]:
            ordinal = later[0].ordinal
            async for keys in self._reading.keys(later[0]):
                yield keys

    async def take_keys(self, keys: Sequence[Keyed]) -> int:
        """Keep keys of another spool, but for those that are known here. Durable when it returns.

        Returns: how many there was no room for.
        Raises: SpoolFull, SpoolSick. Cancellation: as of ``commit``.
        """
        asked = [(each, self.claims.taken_over(each.name)) for each in keys]
        claims = [claim for _, claim in asked if isinstance(claim, Claim)]
        try:
            for some in parts([each for each, claim in asked if isinstance(claim, Claim)], KEYS_AT_ONCE_MAX):
                await self._committer.put(self._keys_taken(some))
        finally:
            for claim in claims:
                claim.release()
        return sum(claim is Denial.FULL for _, claim in asked)

    def _keys_taken(self, keys: Sequence[Keyed]) -> Request:
        moment = Moment(self._machine.clock.now(), trio.current_time())
        frame = Frame.of(Kind.KEYS, self._wire.encode(KeysHeld(list(keys), copied=True)))

        def kept(segment: Segment, places: Sequence[int]) -> None:
            self._keys.add(segment, places[0], frame.octets, [(each.name, moment.until(each)) for each in keys])

        return Request(["idempotency keys"], [frame], demands_sync=True, kept=kept)

    async def sync(self) -> None:
        """Make durable what was committed and settled before. Raises SpoolFull, SpoolSick.

        Cancellation: as of ``commit``.
        """
        frame = Frame.of(Kind.SETTLED, self._wire.encode(Settled(Ended([], []), [])))
        await self._committer.put(Request(["a sync"], [frame], demands_sync=True, always_synced=True))

    # -- figures -----------------------------------------------------------------------------------------------------

    @property
    def batches_in_custody(self) -> int:
        """Batches with a message not concluded."""
        return len(self._ledger)

    @property
    def log_octets(self) -> int:
        """Length of the log on disk."""
        return self._ledger.log_octets

    @property
    def live_octets(self) -> int:
        """Octets of it that live: records of batches in custody, of keys in their time.

        log_octets <= 2 x live_octets + 2 segments when idle.
        """
        return self._ledger.live_octets

    @property
    def keys_kept(self) -> int:
        """Idempotency keys in their time."""
        return len(self._keys)

    @property
    def latencies(self) -> Latencies:
        """How long groups of records took to be written, and synced where that was owed."""
        return self._committer.latencies

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
        moment = Moment(machine.clock.now(), trio.current_time())
        found = await Recovery(disk, base, quarantine, report, Wire(), moment, terms.keys_max).run()
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
