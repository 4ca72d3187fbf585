"""What a life finds: reads the log, keeps aside what is damaged, cuts tails, removes orphans. Idempotent.

Each step either changes nothing that a second recovery would read differently, or is repeated by it. Nothing is removed
before what replaces it is durable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec
import trio

from momentum_trio.machine.disk import (
    Close,
    Datasync,
    Disk,
    File,
    FileFacts,
    ListDirectory,
    Open,
    Read,
    Size,
    Stat,
    SyncDirectory,
    Truncate,
    Unlink,
)
from momentum_trio.mail.path import domain_of
from momentum_trio.mail.record import Level
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.frame import (
    SEGMENT_HEADER_OCTETS,
    FrameHeader,
    Kind,
    NotOurs,
    SegmentHeader,
    parse_segment_header,
)
from momentum_trio.spool.ledger import Ledger, Segment, Slot, Way, parse_segment_name
from momentum_trio.spool.message import Batch, Owed
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.scan import Damage, Found, Group, scan
from momentum_trio.spool.wire import Custody, Due, Wire, batch_of, retry_of

LOG, CONTENT, QUARANTINE, LOCK = "log", "content", "quarantine", "lock"
STEPS_AT_ONCE_MAX = 256
STRIDE_MESSAGES, STRIDE_ENVELOPE_OCTETS = 1000, 256 * 1024  # between two checkpoints


FILE_NAME = re.compile(r"[0-9a-f]{1,16}-[0-9a-f]{1,16}")
INCARNATIONS_MAX = 1 << 31  # no spool has that many lives
HIGH_WATER_MAX = 0xFFFFFFFF  # an identifier has eight hexadecimal digits for its second

Report = Callable[[Level, str], None]  # one line of the paniclog


@dataclass(slots=True)
class Recovered:
    """What was found. incarnation: the highest that ever was, -1 if none. batches: with undelivered messages only."""

    ledger: Ledger = field(default_factory=Ledger)
    batches: list[Batch] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)
    incarnation: int = -1
    high_water: int = 0
    last_number: int = 0


class Recovery:
    """One run over one spool, whose lock is held."""

    def __init__(self, disk: Disk, base: str, quarantine: Quarantine, report: Report, wire: Wire) -> None:
        self._disk, self._base, self._wire = disk, base, wire
        self._quarantine = quarantine
        self._report = report
        self._found = Recovered()
        self._headers: dict[int, SegmentHeader] = {}
        self._claims: dict[int, int] = {}  # how long a segment is, as the next one says
        self._custodies: dict[str, Custody] = {}

    async def run(self) -> Recovered:
        """Raises OSError; SpoolSick for a format of another version."""
        found = self._found
        segments = await self._segments()
        for segment in segments:
            await self._read_header(segment)
        self._settle_claims(segments)
        for segment in segments:
            await self._read(segment)
        await self._remove_empty_segments()
        await self._check_content()
        count = 0
        for batch_id, slot in found.ledger.slots.items():
            batch = batch_of(self._custodies.pop(batch_id))
            count += len(slot.open)
            if count >= STRIDE_MESSAGES:
                count = 0
                await trio.lowlevel.checkpoint()
            found.owed.extend(owed(found.ledger, slot, batch))
            messages = tuple(message for message in batch.messages if message.message_id in slot.open)
            found.batches.append(batch if len(messages) == len(batch.messages) else replace(batch, messages=messages))
        return found

    async def _segments(self) -> list[Segment]:
        directory = f"{self._base}/{LOG}"
        known: list[tuple[int, int, str]] = []
        for name in (await self._disk.perform([ListDirectory(directory)]))[0]:
            if (numbers := parse_segment_name(name)) is not None:
                known.append((*numbers, name))
            else:
                self._report(Level.NOTICE, f"spool: {LOG}/{name} is no segment and is left alone")
        return [Segment(number, salt, f"{directory}/{name}", 0) for number, salt, name in sorted(known)]

    async def _read_header(self, segment: Segment) -> None:
        """The header, if it is whole. Until it is scanned a segment's length is that of its file."""
        file, found = File(segment.path), self._found
        try:
            _, octets, segment.length = await self._disk.perform(
                [Open(file), Read(file, 0, SEGMENT_HEADER_OCTETS), Size(file)]
            )
        finally:
            await self._disk.perform([Close(file)])
        try:
            header = parse_segment_header(octets)
        except NotOurs as error:
            raise SpoolSick(f"{segment.path}: {error}") from error
        found.last_number = max(found.last_number, segment.number)
        if header is not None and header.number == segment.number:
            self._headers[segment.number] = header
            self._learn(header.incarnation, header.high_water)

    def _learn(self, incarnation: int, high_water: int) -> None:
        if incarnation < INCARNATIONS_MAX:
            self._found.incarnation = max(self._found.incarnation, incarnation)
        self._found.high_water = max(self._found.high_water, min(high_water, HIGH_WATER_MAX))

    def _settle_claims(self, segments: Sequence[Segment]) -> None:
        """How long each segment but the last must be."""
        for number in sorted(self._headers):
            header = self._headers[number]
            if header.previous:
                self._claims[header.previous] = header.previous_length
        for segment, following in pairwise(segments):
            if segment.number not in self._claims and following.length > SEGMENT_HEADER_OCTETS:
                self._claims[segment.number] = segment.length  # its successor's header is damaged
        present = {segment.number for segment in segments}
        for number, length in self._claims.items():
            if number not in present and segments[0].number < number and length > SEGMENT_HEADER_OCTETS:
                self._report(Level.ERROR, f"spool: segment {number:x} of {length} octets is missing")

    async def _read(self, segment: Segment) -> None:
        """Take what *segment* holds into the ledger; cut its tail."""
        file = File(segment.path)
        try:
            await self._disk.perform([Open(file, writable=True)])
            *groups, tail = await self._scan(segment, file)
            headed = segment.number in self._headers
            if not headed and segment.length >= SEGMENT_HEADER_OCTETS:
                await self._keep(segment, file, Damage(0, SEGMENT_HEADER_OCTETS), certain=bool(groups))
            if headed or groups or segment.number in self._claims:
                await self._read_groups(segment, file, groups, tail)
                self._found.ledger.segments.append(segment)
                return
        finally:
            await self._disk.perform([Close(file)])
        # its making was cut short: nothing in it was ever answered for
        await self._disk.perform([Unlink(segment.path, missing_ok=True), SyncDirectory(f"{self._base}/{LOG}")])

    async def _read_groups(self, segment: Segment, file: File, groups: list[Group], tail: Group) -> None:
        length = segment.length
        claim = self._claims.get(segment.number)
        if claim is not None:
            groups = [group for group in groups if group.after <= claim]
        after = groups[-1].after if groups else SEGMENT_HEADER_OCTETS
        synced = claim
        if synced is None:
            synced = max((group.marker.synced for group in groups if group.marker is not None), default=0)
        for group in groups:
            for damage in group.damages:
                await self._keep(segment, file, damage, certain=damage.after <= synced)
            await self._take(segment, file, group)
        segment.length = after
        if claim is not None and claim > after:  # no tail: the next segment was begun after this was durable
            await self._keep(segment, file, Damage(after, min(claim, length)), certain=True)
            tail.records = [record for record in tail.records if record.place + record.header.octets <= claim]
            await self._take(segment, file, tail)
            segment.length = max(after, min(claim, length))
        if length > segment.length:
            await self._disk.perform([Truncate(file, segment.length), Datasync(file)])
        elif claim is None:  # a life that was killed may have left it in the page cache alone
            await self._disk.perform([Datasync(file)])

    async def _remove_empty_segments(self) -> None:
        """Of lives that took no mail, but for the last: it holds the highest incarnation."""
        segments = self._found.ledger.segments
        empty = [each for each in list(segments)[:-1] if each.length == SEGMENT_HEADER_OCTETS]
        for some in slices([segment.path for segment in empty]):
            unlinks = [Unlink(path, missing_ok=True) for path in some]
            await self._disk.perform([*unlinks, SyncDirectory(f"{self._base}/{LOG}")])
        for segment in empty:
            segments.remove(segment)

    async def _scan(self, segment: Segment, file: File) -> list[Group]:
        """The groups and the tail."""
        groups: list[Group] = []
        scanning = scan(segment.salt)
        item = next(scanning)
        while True:
            octets = b""
            if isinstance(item, Group):
                groups.append(item)
            else:
                octets = (await self._disk.perform([Read(file, item.offset, item.size)]))[0]
            try:
                item = scanning.send(octets)
            except StopIteration:
                return groups

    async def _keep(self, segment: Segment, file: File, damage: Damage, *, certain: bool) -> None:
        """Put damaged octets aside and say so, once."""
        name = f"{segment.path.rpartition('/')[2]}-{damage.first:x}"
        size = max(0, damage.after - damage.first)
        if not await self._quarantine.keep(name, file, damage.first, damage.first + size):
            return
        what = "are damaged" if certain else "are damaged, or were not finished when power failed"
        self._report(
            Level.ERROR if certain else Level.WARNING,
            f"spool: {segment.path}: {size} octets at {damage.first} {what}; kept in quarantine as {name}",
        )

    async def _take(self, segment: Segment, file: File, group: Group) -> None:
        """Enter the records of *group* in the ledger."""
        if group.marker is not None:
            self._learn(group.marker.incarnation, group.marker.high_water)
        octets = 0
        for record in group.records:
            octets += len(record.envelope)
            if octets >= STRIDE_ENVELOPE_OCTETS:
                octets = 0
                await trio.lowlevel.checkpoint()
            try:
                readable = self._enter(segment, record)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                readable = False
            if not readable:
                damage = Damage(record.place, record.place + record.header.octets)
                await self._keep(segment, file, damage, certain=True)

    def _enter(self, segment: Segment, record: Found) -> bool:
        """Enter one record; false when it makes no sense. Raises as the decoders of ``Wire``."""
        ledger, wire, envelope = self._found.ledger, self._wire, record.envelope
        match record.header.kind:
            case Kind.BATCH:
                custody = wire.custody(envelope)
                if not sensible(custody, record.header.content_octets):
                    return False
                ledger.add(slot_of(segment, record.place, record.header, custody))
                self._custodies[custody.batch_id] = custody
                if custody.concluding is not None:
                    self._conclude(custody.concluding.message_ids)
            case Kind.SETTLED:
                settled = wire.settled(envelope)
                self._conclude(settled.ended.message_ids)
                self._postpone(settled.postponed)
            case Kind.MOVED:
                moved = wire.moved(envelope)
                ledger.move(moved.message_ids, moved.binding_group, moved.binding, moved.routing_domain)
            case Kind.CONCLUDED:
                self._conclude([each.message_id for each in wire.concluded(envelope).outcomes])
            case _:
                self._postpone(wire.postponed(envelope).retries)
        return True

    def _conclude(self, message_ids: Iterable[str]) -> None:
        for slot in self._found.ledger.conclude(message_ids):
            del self._custodies[slot.batch_id]

    def _postpone(self, dues: Iterable[Due]) -> None:
        self._found.ledger.postpone((due.message_id, retry) for due in dues if (retry := retry_of(due)) is not None)

    # -- large content -----------------------------------------------------------------------------------------------

    async def _check_content(self) -> None:
        """Each live record's file must be there, whole; each file that no live record names is removed."""
        directory, ledger = f"{self._base}/{CONTENT}", self._found.ledger
        present: set[str] = set((await self._disk.perform([ListDirectory(directory)]))[0])
        named = {slot.file: slot for slot in ledger.slots.values() if slot.file}
        sizes = await self._sizes(directory, sorted(present & named.keys()))
        for name, slot in named.items():
            size = sizes.get(name)
            if size == slot.content_octets:
                continue
            del self._custodies[slot.batch_id]
            ledger.remove(slot.batch_id)
            if size != 0 or slot.content_octets == 0:  # emptied: it was concluded on a full disk
                await self._lost(slot, size)
        kept = {slot.file for slot in ledger.slots.values()}
        orphans = sorted(present - kept - {name for name in present if not FILE_NAME.fullmatch(name)})
        for some in slices(orphans):
            await self._disk.perform([Unlink(f"{directory}/{name}", missing_ok=True) for name in some])
        await self._disk.perform([SyncDirectory(directory)])

    async def _sizes(self, directory: str, names: Sequence[str]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for some in slices(names):
            facts: list[FileFacts] = await self._disk.perform([Stat(f"{directory}/{name}") for name in some])
            sizes.update((name, fact.size) for name, fact in zip(some, facts, strict=True))
        return sizes

    async def _lost(self, slot: Slot, size: int | None) -> None:
        """The content of *slot* is not as it was written: keep the record and what there is of the content."""
        record, content = File(slot.segment.path), File(f"{self._base}/{CONTENT}/{slot.file}")
        name = f"{slot.segment.path.rpartition('/')[2]}-{slot.place:x}"
        try:
            await self._disk.perform([Open(record)])
            news = await self._quarantine.keep(name, record, slot.place, slot.place + slot.frame_octets)
            if size is not None:
                await self._disk.perform([Open(content)])
                news = await self._quarantine.keep(f"content-{slot.file}", content, 0, size) or news
        finally:
            await self._disk.perform([Close(record), Close(content)])
        if news:
            there = "is missing" if size is None else f"has {size} octets of {slot.content_octets}"
            self._report(
                Level.ERROR,
                f"spool: content {slot.file} of batch {slot.batch_id} {there}; kept in quarantine as {name}",
            )


def slices(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """*names* in parts that one ``perform`` takes."""
    for first in range(0, len(names), STEPS_AT_ONCE_MAX):
        yield names[first : first + STEPS_AT_ONCE_MAX]


def owed(ledger: Ledger, slot: Slot, batch: Batch) -> Iterator[Owed]:
    """The messages of *batch* not concluded."""
    for message in batch.messages:
        if message.message_id in slot.open:
            ticket = ledger.find(message.message_id)
            assert ticket is not None
            way = slot.ways.get(message.message_id, Way())
            yield Owed(
                ticket,
                way.routing_domain or domain_of(message.forward_path).lower(),
                way.binding_group or batch.binding_group,
                way.binding or batch.binding,
                batch.received_at,
                slot.open[message.message_id],
            )


def sensible(custody: Custody, inline_octets: int) -> bool:
    """Whether the fields agree: a hostile file must not lead us out of ``content/`` or to lengths that are not so."""
    if not custody.messages or custody.octets < 0:
        return False
    if custody.file:
        return FILE_NAME.fullmatch(custody.file) is not None and inline_octets == 0
    return custody.octets == inline_octets


def slot_of(segment: Segment, place: int, header: FrameHeader, custody: Custody) -> Slot:
    """The slot of a record that was read."""
    slot = Slot(
        custody.batch_id,
        segment,
        place,
        header.octets,
        header.envelope_octets,
        custody.octets,
        custody.file,
        custody.content_check,
        [each.message_id for each in custody.messages],
    )
    for each in custody.messages:
        slot.open[each.message_id] = retry_of(each)
        way = Way(each.binding_group, each.binding, each.routing_domain)
        if any(way):
            slot.ways[each.message_id] = way
    return slot
