"""What waits for one webhook, on disk: events in order, and how far they were taken (docs/protocols/webhook-store.md).

Events are appended and synced before any is sent, so what was taken is never ahead of what is there. Before a batch is
sent it is written down where it ends: after a crash the same batch is sent again, under the same id, and whoever keeps
the ids of batches has each event once. Each life begins a file of its own and never changes those of others; a file is
removed once all in it was taken and that is durable, or when too much waits: then the oldest goes, and the next batch
says how many events are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import trio

from momentum_trio.machine.disk import (
    READ_OCTETS_MAX,
    Close,
    Create,
    Datasync,
    Disk,
    File,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
    make_durable_directory,
)
from momentum_trio.machine.whole_file import read_file
from momentum_trio.webhook.segment import (
    EVENT_OCTETS_MAX,
    FRAME_OCTETS,
    HEADER_OCTETS,
    NAMES,
    Header,
    Kind,
    frame,
    frames,
)
from momentum_trio.webhook.survey import Found, Segment, survey

FILES_WANTED = 16
"""In about so many files all that may wait is kept: one of them is what is dropped at once."""
FILE_OCTETS_MIN, FILE_OCTETS_MAX = 64 * 1024, 32 << 20
GROUP_OCTETS_MAX = 256 * 1024
"""Written at once, but for a single event."""
BATCH_OCTETS_MAX = 1 << 20
NO_LIFE = bytes(8)
"""Of a batch without events."""
READ_OCTETS = BATCH_OCTETS_MAX + EVENT_OCTETS_MAX + FRAME_OCTETS
assert FILE_OCTETS_MAX + GROUP_OCTETS_MAX + EVENT_OCTETS_MAX < READ_OCTETS_MAX


class Place(NamedTuple):
    """Where the next frame is."""

    segment: Segment
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are sent together, of one file. first, last: their numbers. end: where the next batch begins.

    missing: how many before them are lost. Where none is left behind those, first is last + 1.
    """

    life: bytes
    first: int
    last: int
    missing: int
    events: tuple[bytes, ...]
    end: Place

    @property
    def id(self) -> str:
        """Of this batch alone, and the same each time it is sent."""
        return f"{self.life.hex()}-{self.first}-{self.last}"


class Store:
    """That of one webhook, in *folder*. life: the node's.

    backlog_octets: how much may wait, but for one group and one file of marks more; it may be changed.
    """

    def __init__(self, disk: Disk, folder: str, life: bytes, backlog_octets: int) -> None:
        self._disk, self._folder, self._life = disk, folder, life
        self.backlog_octets = backlog_octets
        self._segments: list[Segment] = []
        self._is_open = False  # the last of them takes frames
        self._files = 0  # number of the last one
        self._last = self._acknowledged = self._sending = 0
        self._unsaid = False  # that events were acknowledged, on the disk
        self._at: Place | None = None
        self._turn = trio.Lock()
        self._news = trio.Event()

    @property
    def waiting(self) -> int:
        """Events that were not acknowledged, lost ones included."""
        return self._last - self._acknowledged

    @property
    def octets(self) -> int:
        """Of the files."""
        return sum(segment.octets for segment in self._segments)

    async def open(self) -> Found:
        """Take over what earlier lives left, and begin a file. Raises OSError. Cancellation: nothing is lost."""
        await make_durable_directory(self._disk, self._folder)
        found = await survey(self._disk, self._folder)
        self._segments, self._files = found.segments, found.files
        self._last, self._acknowledged = found.last, found.acknowledged
        self._sending = found.sending
        await self._begin()
        await self._remove([self._path(name) for name in (*found.unfinished, *found.damaged)])
        await self._forget_taken()
        return found

    async def append(self, events: Sequence[bytes]) -> int:
        """Keep *events* (a group of ``groups``), so that a crash does not lose them; how many were dropped for them.

        Raises OSError: none of them is kept, as far as anybody knows. Cancellation: none is, or all are.
        """
        async with self._turn:
            await self._make_ready()
            numbered = enumerate(events, self._last + 1)
            await self._write(b"".join(self._frame(Kind.EVENT, number, event) for number, event in numbered))
            self._last += len(events)
            self._segments[-1].last = self._last
            self._news.set()
            return await self._make_room()

    async def next(self, events_max: int) -> Batch:
        """The batch that is due: the same one until it is acknowledged, but for what is dropped meanwhile.

        Waits until there are events. Raises OSError.
        """
        while True:
            async with self._turn:
                if self.waiting:
                    return await self._read(events_max)
                self._news = trio.Event()
            await self._news.wait()

    async def begin_sending(self, batch: Batch) -> None:
        """Write down where *batch* ends, durably. Raises OSError: it must not be sent then."""
        async with self._turn:
            if batch.last > self._sending:
                await self._make_ready()
                await self._write(self._taken_frame() + self._frame(Kind.SENDING, batch.last))
                self._sending, self._unsaid = batch.last, False

    async def acknowledge(self, batch: Batch) -> None:
        """*batch* was taken. Raises OSError: files stay that could be removed."""
        async with self._turn:
            assert self._acknowledged < batch.last <= self._last
            self._acknowledged, self._unsaid = batch.last, True
            self._at = batch.end if batch.end.segment in self._segments else None
            await self._forget_taken()

    async def close(self) -> None:
        """Say farewell: no event is missing. Raises OSError."""
        async with self._turn:
            if self._is_open:
                await self._write(self._taken_frame() + self._frame(Kind.FAREWELL, self._last))
                await self._seal()

    # -- writing

    async def _make_ready(self) -> None:
        """Have a file that takes frames."""
        if self._is_open and self._segments[-1].octets >= self._file_octets:
            await self._seal()
        if not self._is_open:
            await self._begin()

    @property
    def _file_octets(self) -> int:
        return min(max(self.backlog_octets // FILES_WANTED, FILE_OCTETS_MIN), FILE_OCTETS_MAX)

    def _frame(self, kind: Kind, number: int, payload: bytes = b"") -> bytes:
        return frame(self._segments[-1].header.seed, kind, number, payload)

    def _taken_frame(self) -> bytes:
        return self._frame(Kind.ACKNOWLEDGED, self._acknowledged) if self._unsaid else b""

    async def _write(self, octets: bytes) -> None:
        """Append to the last file, durably. After a failure nothing more goes into it: who knows what is there."""
        segment = self._segments[-1]
        try:
            await self._disk.perform([Write(segment.file, segment.octets, [octets]), Datasync(segment.file)])
        except OSError:
            await self._seal()
            raise
        segment.octets += len(octets)

    async def _seal(self) -> None:
        self._is_open = False
        await self._disk.perform([Close(self._segments[-1].file)])

    async def _begin(self) -> None:
        """Begin a file; it and its name are durable before anything goes into it."""
        self._files += 1
        header = Header(self._life, self._files, self._last + 1, self._acknowledged)
        file = File(self._path(NAMES.of(header.number)))
        try:
            await self._disk.perform(
                [Create(file), Write(file, 0, [header.octets()]), Sync(file), SyncDirectory(self._folder)]
            )
        except OSError:
            await self._disk.perform([Close(file), Unlink(file.path, missing_ok=True)])
            raise
        self._segments.append(Segment(header, file, self._last))
        self._is_open, self._unsaid = True, False

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    # -- removing

    async def _forget_taken(self) -> None:
        """Remove the files of which all was taken, once it is durable that it was."""
        gone = [segment for segment in self._segments[:-1] if segment.last <= self._acknowledged]
        if not gone:
            return
        await self._make_ready()
        if self._unsaid:
            await self._write(self._taken_frame())
            self._unsaid = False
        await self._drop(gone)

    async def _make_room(self) -> int:
        """Remove the oldest files while too much waits; how many events that were not taken went with them."""
        dropped = 0
        while len(self._segments) > 1 and self.octets > self.backlog_octets:
            oldest = self._segments[0]
            await self._drop([oldest])
            dropped += max(0, oldest.last - max(oldest.first - 1, self._acknowledged))
        return dropped

    async def _drop(self, gone: Sequence[Segment]) -> None:
        await self._remove([segment.file.path for segment in gone])
        self._segments = [segment for segment in self._segments if segment not in gone]
        if self._at is not None and self._at.segment in gone:
            self._at = None

    async def _remove(self, paths: Sequence[str]) -> None:
        if paths:
            unlinks = [Unlink(path, missing_ok=True) for path in paths]
            await self._disk.perform([*unlinks, SyncDirectory(self._folder)])

    # -- reading

    async def _read(self, events_max: int) -> Batch:
        """The next batch; where events are lost, of those behind them."""
        expected = self._acknowledged + 1
        at = self._at or Place(self._segments[0], HEADER_OCTETS)
        for segment in self._segments[self._segments.index(at.segment) :]:
            if segment.last >= expected:
                offset = at.offset if segment is at.segment else HEADER_OCTETS
                if (batch := await self._batch(Place(segment, offset), expected, events_max)) is not None:
                    return batch
        last = self._segments[-1]
        lost = self._last - expected + 1
        return Batch(NO_LIFE, self._last + 1, self._last, lost, (), Place(last, last.octets))

    async def _batch(self, at: Place, expected: int, events_max: int) -> Batch | None:
        """Events from *expected* on, or, where those are lost, from the first behind them on; None: none is left."""
        events: list[bytes] = []
        first = limit = octets = 0
        segment, end = at
        while not events and end < segment.octets:
            begun = end
            for each in frames(segment.header.seed, await self._octets(Place(segment, begun))):
                if each.kind is Kind.EVENT and expected <= each.number <= segment.last:
                    if not events:
                        first = each.number
                        limit = self._sending if self._sending >= first else first + events_max - 1
                    octets += len(each.payload)
                    if each.number > limit or (events and octets > BATCH_OCTETS_MAX):
                        break
                    events.append(each.payload)
                end = begun + each.end
            if end == begun:
                break  # it is damaged here
        if not events:
            return None
        last = first + len(events) - 1
        return Batch(segment.header.life, first, last, first - expected, tuple(events), Place(segment, end))

    async def _octets(self, at: Place) -> bytes:
        """What stands there, READ_OCTETS at most."""
        size = min(READ_OCTETS, at.segment.octets - at.offset)
        return await read_file(self._disk, at.segment.file.path, size, at.offset)


def groups(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """*events* in pieces that ``append`` takes."""
    group: list[bytes] = []
    octets = 0
    for event in events:
        assert len(event) <= EVENT_OCTETS_MAX
        if group and octets + len(event) > GROUP_OCTETS_MAX:
            yield group
            group, octets = [], 0
        group.append(event)
        octets += len(event)
    if group:
        yield group
