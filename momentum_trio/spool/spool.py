"""Durable custody of accepted mail: begin, write, commit -> Receipt; read for delivery; conclude.

``docs/protocols/spool.md`` tells the format and the rule of recovery. One spool has one owner (a lock file), one log,
one committer. What is acknowledged with a SYNCED receipt survives loss of power; outcomes are lazy: one that is lost
with power costs a duplicate delivery, never a message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
from momentum_trio.spool.arrivals import Arrival, Arrivals, groups_of
from momentum_trio.spool.claims import Claim, Claims
from momentum_trio.spool.committer import Committer, Request
from momentum_trio.spool.compaction import Compaction
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.entry import Entry
from momentum_trio.spool.fault import ContentDamaged, SpoolFault, SpoolFull, SpoolLocked, SpoolSick
from momentum_trio.spool.frame import INLINE_OCTETS_MAX, MARKER_OCTETS, SEGMENT_HEADER_OCTETS, Frame, Kind
from momentum_trio.spool.key import KEY_SECONDS_MAX, Answer, Denial, Earlier
from momentum_trio.spool.keys import Moment
from momentum_trio.spool.latencies import Latencies
from momentum_trio.spool.log import Log, spool_fault
from momentum_trio.spool.message import Batch, Conclusion, Durability, Held, Message, Owed, Receipt, Retry
from momentum_trio.spool.outcomes import Outcomes, parts
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.reading import Reading
from momentum_trio.spool.recent import Recent
from momentum_trio.spool.recovery import CONTENT, LOCK, LOG, QUARANTINE, Recovered, Recovery
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import Ended, Keyed, KeysHeld, Moved, Settled, Wire

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
        self._arrivals = Arrivals(
            machine.clock,
            self._ledger,
            self._keys,
            self._recent,
            self._outcomes,
            self._wire,
            terms.inline_octets_max,
            terms.key_seconds,
        )
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
        arrival = self._arrivals.of_entry(entry, await entry.finish(), batch, claim, concluding)
        await self._committer.put(self._arrivals.request([arrival]))
        return self._receipt(arrival)

    async def commit_all(
        self, messages: Sequence[tuple[Entry | bytes, Batch, Claim | None]]
    ) -> list[Receipt | SpoolFull | SpoolSick]:
        """The same of several at once, each for itself; they share as few groups of the log as they fit.

        Small content (``inline_octets_max``) may come as octets, without an entry.

        Returns: of each its Receipt, or what ``commit`` would have raised.
        Cancellation: before the first is handed over, as if never called; after it, shielded until all is known.
        """
        arrivals, judged = self._arrivals, list[Arrival | SpoolFull | SpoolSick]()
        for content, batch, claim in messages:
            try:
                if isinstance(content, bytes):
                    judged.append(arrivals.of(content, batch, claim))
                else:
                    judged.append(arrivals.of_entry(content, await content.finish(), batch, claim))
            except (SpoolFull, SpoolSick) as fault:
                judged.append(fault)
        sound = [each for each in judged if isinstance(each, Arrival)]
        if groups := groups_of(sound, self._committer.group_octets_max):
            requests = list(map(arrivals.request, groups))
            await self._committer.put_all(requests)
            for request, group in zip(requests, groups, strict=True):
                for arrival in group:
                    arrival.fault = request.fault
        return [self._outcome(each) if isinstance(each, Arrival) else each for each in judged]

    def _outcome(self, arrival: Arrival) -> Receipt | SpoolFull | SpoolSick:
        fault = arrival.fault
        assert fault is None or isinstance(fault, SpoolFull | SpoolSick)
        return fault or self._receipt(arrival)

    def _receipt(self, arrival: Arrival) -> Receipt:
        assert arrival.tickets  # it is in custody
        return Receipt(arrival.batch, self._durability, arrival.tickets)

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
