"""The log: appends groups of records to the active segment, seals segments, begins new ones. One writer, no queue.

``committer.py`` is its only caller, and never lets two calls overlap.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from momentum_trio.machine.contract import Entropy
from momentum_trio.machine.disk import Close, Create, Datasync, Disk, File, Sync, SyncDirectory, Truncate, Unlink, Write
from momentum_trio.spool.fault import SpoolFault, SpoolFull, SpoolSick
from momentum_trio.spool.frame import (
    MARKER_OCTETS,
    SEGMENT_HEADER_OCTETS,
    Frame,
    Marker,
    SegmentHeader,
)
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.segment import Segment, segment_name

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LAZY_OCTETS_MAX = 1024 * 1024  # of lazy frames not synced; more than that is synced with its group
CARRIED_OCTETS_MAX = 16 * 1024 * 1024  # of lazy frames a failing disk could not take; the oldest go first

Report = Callable[[str], None]  # one line of the paniclog


def spool_fault(error: OSError) -> SpoolFault:
    """The fault to tell of *error*."""
    said = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    return (SpoolFull if error.errno in NO_ROOM else SpoolSick)(said)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a group. places: offset of each frame in *segment*."""

    segment: Segment
    places: list[int]


class Log:
    """Appends.

    lazy frames (outcomes, retries) need not be synced before they are answered for. They are remembered until a sync
    has covered them; when that sync fails they are written anew into the next segment.
    """

    def __init__(
        self,
        disk: Disk,
        entropy: Entropy,
        report: Report,
        directory: str,
        segment_octets: int,
        mode: int,
        ledger: Ledger,
        incarnation: int,
        high_water: Callable[[], int],
    ) -> None:
        self.ledger = ledger
        self.incarnation = incarnation
        self.segment_octets = segment_octets
        self.carried: list[Frame] = []  # lazy frames to write again, first of all
        self.unsynced_octets = 0
        self.last_number = 0
        self._disk, self._entropy, self._report = disk, entropy, report
        self._directory, self._mode = directory, mode
        self._high_water = high_water
        self._file: File | None = None  # the active segment; None: the next group begins one
        self._segment: Segment | None = None
        self._group = 0
        self._lazy: list[Frame] = []  # in the active segment, not synced yet
        self._lazy_octets = 0
        self._synced_length = 0  # of the active segment: durable
        self._trusted_length = 0  # of the active segment: answered for

    @property
    def active(self) -> Segment | None:
        """The segment that is written to."""
        return self._segment if self._file is not None else None

    async def begin_segment(self) -> None:
        """Make a new, durable, empty segment the active one. Raises OSError; then there is none.

        Segments before it in which nothing stands (a nearly full disk makes them: each refused group seals one) are
        removed: the new header speaks of the last one that holds something.
        """
        assert self._file is None
        empty: list[Segment] = []
        before: Segment | None = None
        for segment in reversed(self.ledger.segments):
            if segment.length > SEGMENT_HEADER_OCTETS or segment.records:
                before = segment
                break
            empty.append(segment)
        number = self.last_number + 1
        salt = int.from_bytes(self._entropy.octets(4), "big")
        path = f"{self._directory}/{segment_name(number, salt)}"
        header = SegmentHeader(
            number,
            salt,
            self.incarnation,
            self._high_water(),
            before.number if before is not None else 0,
            before.length if before is not None else 0,
        )
        file = File(path)
        self.last_number = number
        try:
            await self._disk.perform(
                [
                    Create(file, self._mode),
                    Write(file, 0, [header.octets()]),
                    Sync(file),
                    SyncDirectory(self._directory),
                ]
            )
        except OSError:
            await self._try(Close(file), Unlink(path, missing_ok=True))
            raise
        self._segment = Segment(number, salt, path, SEGMENT_HEADER_OCTETS)
        self._file, self._group = file, 0
        self._synced_length = self._trusted_length = SEGMENT_HEADER_OCTETS
        self.ledger.begin_segment(self._segment)
        unlinks = [Unlink(segment.path, missing_ok=True) for segment in empty]
        if empty and await self._try(*unlinks, SyncDirectory(self._directory)):
            for segment in empty:
                self.ledger.drop_segment(segment)

    async def append(self, frames: Sequence[Frame], lazy: Sequence[Frame], *, sync: bool) -> Appended:
        """Write *frames* and *lazy* (and what was carried) as one group; *sync*: and make it durable.

        Raises: SpoolFull, SpoolSick. Then none of *frames* is in the log or (after a failed sync, and reported) they
            may be; the lazy ones are carried.
        """
        lazy = [*self.carried, *lazy]
        try:
            appended = await self._append(frames, lazy, sync=sync)
        except OSError as error:
            self._carry([*self._lazy, *lazy])
            raise await self._sealed(error, len(frames)) from error
        self.carried = []
        return appended

    async def _append(self, frames: Sequence[Frame], lazy: Sequence[Frame], *, sync: bool) -> Appended:
        octets = MARKER_OCTETS + sum(frame.octets for frame in frames) + sum(frame.octets for frame in lazy)
        active = self.active
        if active is not None and SEGMENT_HEADER_OCTETS < active.length > self.segment_octets - octets:
            await self.finish_segment()
        if self._file is None:
            await self.begin_segment()
        segment, file = self._segment, self._file
        assert segment is not None
        assert file is not None
        place = segment.length
        places: list[int] = []
        chunks: list[bytes] = []
        for frame in (*frames, *lazy):
            places.append(place)
            chunks.extend(segment.salt.chunks(frame, place))
            place += frame.octets
        marker = Marker(
            segment.number, self._group + 1, len(places), self.incarnation, self._high_water(), self._synced_length
        )
        chunks.extend(segment.salt.chunks(segment.salt.marker(marker), place))
        place += MARKER_OCTETS
        sync = sync or self._lazy_octets + sum(frame.octets for frame in lazy) > LAZY_OCTETS_MAX
        write = Write(file, segment.length, chunks)
        await self._disk.perform([write, Datasync(file)] if sync else [write])
        self._group += 1
        self._lazy.extend(lazy)
        self._lazy_octets += sum(frame.octets for frame in lazy)
        self.unsynced_octets += octets
        segment.length = place
        if frames:
            self._trusted_length = place
        if sync:
            self._now_synced()
        return Appended(segment, places)

    async def sync(self) -> None:
        """Make durable what was written. Raises SpoolFull, SpoolSick; the lazy frames are carried then."""
        if self._file is None or not self.unsynced_octets:
            return
        try:
            await self._disk.perform([Datasync(self._file)])
        except OSError as error:
            self._carry([*self._lazy, *self.carried])
            raise await self._sealed(error, 0) from error
        self._now_synced()

    def _carry(self, frames: list[Frame]) -> None:
        octets = sum(frame.octets for frame in frames)
        first = 0
        while octets > CARRIED_OCTETS_MAX:
            octets -= frames[first].octets
            first += 1
        if first:
            self._report(f"spool: {first} outcomes could not be written; after a crash they may be delivered twice")
        self.carried = frames[first:]
        self._lazy, self._lazy_octets = [], 0

    def _now_synced(self) -> None:
        assert self._segment is not None
        self._synced_length = self._trusted_length = self._segment.length
        self._lazy, self._lazy_octets = [], 0
        self.unsynced_octets = 0

    async def finish_segment(self) -> None:
        """Make the active segment durable and end it. Raises OSError."""
        assert self._file is not None
        steps = [Datasync(self._file), Close(self._file)] if self.unsynced_octets else [Close(self._file)]
        await self._disk.perform(steps)
        self._now_synced()
        self._file = None

    async def _sealed(self, error: OSError, count: int) -> SpoolFault:
        """End the active segment for good after *error*: nothing is written to it, or believed of its end, any more.

        What was acknowledged stays: all that was synced, and what was answered as WRITTEN.
        """
        fault = spool_fault(error)
        file, segment = self._file, self._segment
        self.unsynced_octets = 0
        if file is None or segment is None:
            return fault
        self._file = None
        segment.length = self._trusted_length
        cut = await self._try(Truncate(file, segment.length), Datasync(file))
        await self._try(Close(file))
        if count and not (cut and isinstance(fault, SpoolFull)):
            fault.doubtful = True
        self._report(f"spool: segment {segment.number:x} is sealed at {segment.length} octets: {error}")
        return fault

    async def drop_dead_segments(self) -> None:
        """Remove the oldest segments as long as nothing in them lives. Raises OSError.

        One by one, each durable before the next: a later segment's outcomes speak of an earlier one's messages.
        """
        segments = self.ledger.segments
        while segments and not segments[0].records and segments[0] is not self.active and len(segments) > 1:
            await self._disk.perform([Unlink(segments[0].path, missing_ok=True), SyncDirectory(self._directory)])
            self.ledger.drop_segment(segments[0])

    async def close(self) -> None:
        """Close the active segment; nothing is synced."""
        if self._file is not None:
            await self._try(Close(self._file))
            self._file = None

    async def _try(self, *steps: Truncate | Datasync | Close | Unlink | SyncDirectory) -> bool:
        """Carry out *steps*; whether it went well."""
        try:
            await self._disk.perform(steps)
        except OSError:
            return False
        return True
