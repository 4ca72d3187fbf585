"""What a life finds: reads the log, keeps aside what is damaged, cuts tails, removes orphans. Idempotent.

Each step either changes nothing that a second recovery would read differently, or is repeated by it. Nothing is removed
before what replaces it is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
from momentum_trio.mail.record import Level
from momentum_trio.spool.arrears import Arrears
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.frame import (
    SEGMENT_HEADER_OCTETS,
    Found,
    NotOurs,
    SegmentHeader,
    parse_segment_header,
)
from momentum_trio.spool.keys import Keys, Moment
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.replay import FILE_NAME, Replay
from momentum_trio.spool.scan import Damage, Group, Want, scan
from momentum_trio.spool.segment import Segment, parse_segment_name
from momentum_trio.spool.slot import Slot
from momentum_trio.spool.wire import Wire

LOG, CONTENT, QUARANTINE, LOCK = "log", "content", "quarantine", "lock"
STEPS_AT_ONCE_MAX = 256
STRIDE_RECORDS = 128  # between two checkpoints: few enough that what is made of them stays in the processor's cache


INCARNATIONS_MAX = 1 << 31  # no spool has that many lives
HIGH_WATER_MAX = 0xFFFFFFFF  # an identifier has eight hexadecimal digits for its second

Report = Callable[[Level, str], None]  # one line of the paniclog


@dataclass(slots=True)
class Recovered:
    """What was found. keys_max: how many are expected. incarnation: the highest that ever was, -1 if none."""

    keys_max: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    keys: Keys = field(init=False)
    arrears: Arrears = field(init=False)
    incarnation: int = -1
    high_water: int = 0
    last_number: int = 0

    def __post_init__(self) -> None:
        self.keys = Keys(self.ledger, self.keys_max)
        self.arrears = Arrears(self.ledger)


@dataclass(slots=True)
class SegmentRead:
    """What was read of one segment. after: offset behind the last group that counts. synced: as the markers say."""

    groups: int = 0
    after: int = SEGMENT_HEADER_OCTETS
    synced: int = 0
    damages: list[Damage] = field(default_factory=list)
    tail: Group = field(default_factory=lambda: Group(None))


class Recovery:
    """One run over one spool, whose lock is held. moment: of its beginning."""

    def __init__(
        self,
        disk: Disk,
        base: str,
        quarantine: Quarantine,
        report: Report,
        wire: Wire,
        moment: Moment,
        keys_max: int,
    ) -> None:
        self._disk, self._base = disk, base
        self._quarantine = quarantine
        self._report = report
        self._found = found = Recovered(keys_max)
        self._replay = Replay(found.ledger, found.keys, moment, wire, found.arrears.note)
        self._headers: dict[int, SegmentHeader] = {}
        self._claims: dict[int, int] = {}  # how long a segment is, as the next one says

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
        await found.arrears.settle()
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
        file, ledger = File(segment.path), self._found.ledger
        ledger.begin_segment(segment)
        try:
            await self._disk.perform([Open(file, writable=True)])
            headed = segment.number in self._headers
            read = await self._read_groups(segment, file)
            if not headed and segment.length >= SEGMENT_HEADER_OCTETS:
                await self._keep(segment, file, Damage(0, SEGMENT_HEADER_OCTETS), certain=bool(read.groups))
            if headed or read.groups or segment.number in self._claims:
                await self._end(segment, file, read)
                return
        finally:
            await self._disk.perform([Close(file)])
        # its making was cut short: nothing in it was ever answered for
        ledger.drop_segment(segment)
        await self._disk.perform([Unlink(segment.path, missing_ok=True), SyncDirectory(f"{self._base}/{LOG}")])

    async def _read_groups(self, segment: Segment, file: File) -> SegmentRead:
        """Take the groups that count, as many at once as a piece of the log holds."""
        read, records = SegmentRead(), list[Found]()
        claim = self._claims.get(segment.number)
        scanning = scan(segment.salt)
        item = next(scanning)
        while True:
            octets = b""
            if isinstance(item, Want):
                await self._take(segment, file, records)
                records.clear()
                octets = (await self._disk.perform([Read(file, item.offset, item.size)]))[0]
            elif item.marker is None:
                await self._take(segment, file, records)
                read.tail = item
                return read
            elif claim is None or item.after <= claim:
                read.groups += 1
                read.after = item.after
                read.synced = max(read.synced, item.marker.synced)
                read.damages += item.damages
                self._learn(item.marker.incarnation, item.marker.high_water)
                records += item.records
            item = scanning.send(octets)

    async def _end(self, segment: Segment, file: File, read: SegmentRead) -> None:
        """The groups are taken: keep what is damaged aside, take or cut off what follows them."""
        length = segment.length
        claim = self._claims.get(segment.number)
        synced = read.synced if claim is None else claim
        for damage in read.damages:
            await self._keep(segment, file, damage, certain=damage.after <= synced)
        segment.length = read.after
        if claim is not None and claim > read.after:  # no tail: the next segment was begun after this was durable
            await self._keep(segment, file, Damage(read.after, min(claim, length)), certain=True)
            await self._take(segment, file, [record for record in read.tail.records if record.after <= claim])
            segment.length = max(read.after, min(claim, length))
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
            self._found.ledger.drop_segment(segment)

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

    async def _take(self, segment: Segment, file: File, records: Sequence[Found]) -> None:
        """Enter *records* in the ledger."""
        for first in range(0, len(records), STRIDE_RECORDS):
            if first:
                await trio.lowlevel.checkpoint()
            for record in self._replay.enter(segment, records[first : first + STRIDE_RECORDS]):
                await self._keep(segment, file, Damage(record.place, record.after), certain=True)

    # -- large content -----------------------------------------------------------------------------------------------

    async def _check_content(self) -> None:
        """Each live record's file must be there, whole; each file that no live record names is removed."""
        directory, ledger = f"{self._base}/{CONTENT}", self._found.ledger
        present: set[str] = set((await self._disk.perform([ListDirectory(directory)]))[0])
        named = {slot.file: slot for slot in ledger.large()}
        sizes = await self._sizes(directory, sorted(present & named.keys()))
        for name, slot in named.items():
            size = sizes.get(name)
            if size == slot.content_octets:
                continue
            ledger.remove(slot.row)
            if size != 0 or slot.content_octets == 0:  # emptied: it was concluded on a full disk
                await self._lost(slot, size)
        kept = {slot.file for slot in ledger.large()}
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
