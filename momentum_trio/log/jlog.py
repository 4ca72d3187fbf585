"""A durable log: lines are kept until each subscriber has checkpointed them (docs/protocols/jlog.md).

What ``append`` returned for is on the disk, and nothing else is ever read: no reader is ahead of what a crash leaves.
Each life that writes begins a segment of its own, and another after a write that failed. A segment is removed once all
subscribers have checkpointed its end and there is a later one. Checkpoints are files that others (``jlogctl``) may add
and remove meanwhile: they are read when they are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

import trio

from momentum_trio.config.log_place import SUBSCRIBERS_MAX
from momentum_trio.log.framing import FRAME_OCTETS
from momentum_trio.log.jlog_format import (
    CHECKPOINT_OCTETS,
    HEADER_OCTETS,
    ID_OCTETS,
    LINE_OCTETS_MAX,
    LOCK,
    NAMES,
    SEGMENT_OCTETS,
    Extent,
    Header,
    checkpoint_name,
    checkpoint_octets,
    extent,
    groups,
    parse_checkpoint,
    parse_header,
    subscriber_of,
)
from momentum_trio.machine.contract import Entropy
from momentum_trio.machine.disk import (
    Close,
    Create,
    Datasync,
    Disk,
    File,
    ListDirectory,
    Lock,
    Open,
    Rename,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
    make_durable_directory,
)
from momentum_trio.machine.whole_file import NEW, read_file, replace_file
from momentum_trio.mail.log_position import BEGINNING, SEGMENT_MAX, Position

APPEND_OCTETS_MAX = 2 * LINE_OCTETS_MAX
"""Of lines that are appended at once."""
SCAN_OCTETS_MAX = SEGMENT_OCTETS + 2 * APPEND_OCTETS_MAX
"""No segment is larger, whatever its frames add."""
FOLDER_MODE = 0o750
DAMAGED = ".damaged"
"""Behind the name of a segment that was set aside."""


class NoSuchPlace(ValueError):
    """A position that is none of this log, or behind the checkpoint; the text says which."""


@dataclass(slots=True, eq=False)
class Segment:
    """One file. end: octets of it that count. lines: in it, as far as it was counted."""

    header: Header
    end: int
    lines: int = 0

    @property
    def number(self) -> int:
        """As in its name."""
        return self.header.number


@dataclass(slots=True)
class Found:
    """What is in a folder. damaged: segments that cannot be read; unfinished: files that power cut short."""

    segments: list[Segment] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    last_number: int = -1


class Taken(NamedTuple):
    """Lines that were read, each with its end. end: where the next ones are. is_damaged: some before *end* are lost."""

    octets: bytes
    end: Position
    is_damaged: bool = False


class Jlog:
    """The log in *folder*; one object for each folder of a node. mode: of its files, made with these bits."""

    def __init__(self, disk: Disk, entropy: Entropy, folder: str, mode: int = 0o644) -> None:
        self._disk, self._entropy = disk, entropy
        self.folder, self.mode = folder, mode
        self.id = b""
        self._segments: list[Segment] = []
        self._last_number = -1
        self._file: File | None = None  # of the last segment, while it takes frames
        self._lock: File | None = None
        self._turn = trio.Lock()

    @property
    def octets(self) -> int:
        """What all its segments take on the disk."""
        return sum(segment.end for segment in self._segments)

    @property
    def segments(self) -> Sequence[Segment]:
        """Those that are there."""
        return self._segments

    @property
    def end(self) -> Position:
        """Behind the last line that is kept."""
        return Position(self._segments[-1].number, self._segments[-1].end) if self._segments else BEGINNING

    async def open(self, *, made: bool = True) -> Found | None:
        """Have the folder alone; None: it was open. made: it is made if it is not there.

        Raises OSError: BlockingIOError when another process has it. Cancellation: it is not open.
        """
        async with self._turn:
            if self._lock is not None:
                return None
            if made:
                await make_durable_directory(self._disk, self.folder, FOLDER_MODE)
            lock = File(f"{self.folder}/{LOCK}")
            try:
                await self._disk.perform([Open(lock, writable=True, create=self.mode), Lock(lock)])
                found = await self.look(trusting=False)
                leftovers = [*found.unfinished, *await self._unfinished_checkpoints()]
                await self._remove(leftovers)
                await self._bring_back()
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._disk.perform([Close(lock)])
                raise
            self._lock = lock
            return found

    async def _bring_back(self) -> None:
        """Who is ahead of what is there, since somebody took segments away, is at its end: he gets what comes."""
        for subscriber, position in (await self.checkpoints()).items():
            if position > self.end:
                await self._keep(subscriber, self.end)

    async def close(self) -> None:
        """Let others have it."""
        async with self._turn:
            await self._seal()
            if self._lock is not None:
                lock, self._lock = self._lock, None
                await self._disk.perform([Close(lock)])

    # -- writing

    async def append(self, lines: Iterable[bytes]) -> None:
        """Keep *lines* (APPEND_OCTETS_MAX at most, with their ends), so that a crash does not lose them.

        Raises OSError: none of them is kept. Cancellation: none is, or all are.
        """
        assert self._lock is not None
        async with self._turn:
            if self._file is None or self._segments[-1].end >= SEGMENT_OCTETS:
                await self._begin()
            assert self._file is not None
            segment = self._segments[-1]
            following, parts = segment.header.first + segment.lines, []
            for octets, count in groups(lines):
                parts.append(segment.header.lines(following, octets))
                following += count
            try:
                await self._disk.perform([Write(self._file, segment.end, parts), Datasync(self._file)])
            except OSError:
                await self._seal()  # who knows what is there: the next segment says that it ends before
                raise
            segment.end += sum(map(len, parts))
            segment.lines = following - segment.header.first

    async def _begin(self) -> None:
        """Begin a segment; it and its name are durable before anything goes into it."""
        await self._seal()
        number = self._last_number + 1
        if number > SEGMENT_MAX:
            raise OSError(28, "its segments have no more numbers")  # ENOSPC
        last = self._segments[-1] if self._segments else None
        log_id = self.id or self._entropy.octets(ID_OCTETS)
        first = last.header.first + last.lines if last else 0
        header = Header(log_id, number, last.number if last else 0, last.end if last else 0, first)
        file = File(self._path(NAMES.of(number)))
        try:
            await self._disk.perform(
                [Create(file, self.mode), Write(file, 0, [header.octets()]), Sync(file), SyncDirectory(self.folder)]
            )
        except OSError:
            await self._disk.perform([Close(file), Unlink(file.path, missing_ok=True)])
            raise
        self._segments.append(Segment(header, HEADER_OCTETS))
        self.id, self._last_number, self._file = log_id, number, file
        await self._clean()

    async def _seal(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            await self._disk.perform([Close(file)])

    # -- reading

    async def read(self, after: Position, octets_max: int) -> Taken:
        """Lines behind *after*, of one segment: about *octets_max* octets, one frame at least; none: there are none.

        Raises OSError.
        """
        is_damaged = False
        for segment in list(self._segments):
            end = segment.end
            offset = max(after.offset if segment.number == after.segment else 0, HEADER_OCTETS)
            if segment.number < after.segment or offset >= end:
                continue
            taken = await self._read(segment, offset, end, octets_max)
            if taken.octets:
                return taken._replace(is_damaged=is_damaged)
            is_damaged = True
        return Taken(b"", max(after, self.end) if is_damaged else after, is_damaged)

    async def _read(self, segment: Segment, offset: int, end: int, octets_max: int) -> Taken:
        size = min(octets_max + LINE_OCTETS_MAX + FRAME_OCTETS, end - offset)
        octets = await read_file(self._disk, self._path(NAMES.of(segment.number)), size, offset)
        parts, length, at = list[bytes](), 0, 0
        for each in segment.header.frames(octets):
            if parts and length + len(each.payload) > octets_max:
                break
            parts.append(each.payload)
            length, at = length + len(each.payload), each.end
        return Taken(b"".join(parts), Position(segment.number, offset + at))

    # -- subscribers

    async def checkpoints(self) -> dict[str, Position]:
        """How far each subscriber has got. One whose checkpoint cannot be read is at the beginning. Raises OSError."""
        (names,) = await self._disk.perform([ListDirectory(self.folder)])
        found = {}
        for subscriber in sorted(filter(None, map(subscriber_of, names))):
            try:
                octets = await read_file(self._disk, self._path(checkpoint_name(subscriber)), CHECKPOINT_OCTETS + 1)
            except FileNotFoundError:
                continue  # erased meanwhile
            found[subscriber] = parse_checkpoint(self.id, subscriber, octets) or BEGINNING
        return found

    async def subscribe(self, subscribers: Iterable[str]) -> None:
        """Have a checkpoint for each of *subscribers*; new ones begin with the oldest line. Raises OSError."""
        async with self._turn:
            held = await self.checkpoints()
            for subscriber in subscribers:
                if subscriber not in held:
                    if len(held) >= SUBSCRIBERS_MAX:
                        raise OSError(28, f"it has {SUBSCRIBERS_MAX} subscribers already")
                    held[subscriber] = BEGINNING
                    await self._keep(subscriber, BEGINNING)

    async def erase(self, subscriber: str) -> bool:
        """Forget *subscriber*; whether there was one. What was kept for him alone goes. Raises OSError."""
        async with self._turn:
            if subscriber not in await self.checkpoints():
                return False
            await self._remove([checkpoint_name(subscriber)])
            await self._clean()
            return True

    async def checkpoint(self, subscriber: str, position: Position) -> None:
        """*subscriber* has all up to *position*, durably.

        Raises: NoSuchPlace; KeyError: nobody is called so; OSError: the checkpoint is this or the one before.
        """
        async with self._turn:
            held = (await self.checkpoints())[subscriber]
            if position == held:
                return
            if position < held:
                raise NoSuchPlace(f"{position} is behind the checkpoint {held}")
            if not await self.is_boundary(position):
                raise NoSuchPlace(f"{position} is no place of this log")
            await self._keep(subscriber, position)
            await self._clean()

    async def clean(self) -> int:
        """Remove what every subscriber has checkpointed; how many segments. Raises OSError."""
        async with self._turn:
            return await self._clean()

    async def _keep(self, subscriber: str, position: Position) -> None:
        octets = checkpoint_octets(self.id, subscriber, position)
        await replace_file(self._disk, self._path(checkpoint_name(subscriber)), octets, self.mode)

    async def is_boundary(self, position: Position) -> bool:
        """Whether a frame begins there, or lines end. Raises OSError."""
        for segment in self._segments:
            if segment.number == position.segment:
                if position.offset in (HEADER_OCTETS, segment.end):
                    return True
                if not HEADER_OCTETS < position.offset < segment.end:
                    return False
                return bool((await self._read(segment, position.offset, segment.end, 0)).octets)
        return False

    async def _clean(self) -> int:
        positions = (await self.checkpoints()).values()
        gone = [
            segment
            for segment in self._segments[:-1]
            if all(position >= (segment.number, segment.end) for position in positions)
        ]
        if gone:
            await self._remove([NAMES.of(segment.number) for segment in gone])
            self._segments = [segment for segment in self._segments if segment not in gone]
        return len(gone)

    # -- what is there

    async def look(self, *, trusting: bool = True) -> Found:
        """Know what is there; nothing is changed. Raises OSError.

        trusting: what can be read is durable; else it is made so: it may be in memory alone since a kill.
        """
        (names,) = await self._disk.perform([ListDirectory(self.folder)])
        found = Found()
        headers: list[Header] = []
        for number in sorted(number for name in names if (number := NAMES.number(name)) is not None):
            found.last_number = number
            name = NAMES.of(number)
            octets = await read_file(self._disk, self._path(name), HEADER_OCTETS + 1)
            header = parse_header(octets)
            if header is None or header.number != number:
                (found.damaged if len(octets) > HEADER_OCTETS else found.unfinished).append(name)
            else:
                headers.append(header)
        await self._survey(found, headers, trusting=trusting)
        self._segments, self._last_number = found.segments, found.last_number
        self.id = found.segments[-1].header.id if found.segments else self.id
        return found

    async def _survey(self, found: Found, headers: Sequence[Header], *, trusting: bool) -> None:
        for header, following in zip_longest(headers, headers[1:]):
            if header.id != headers[-1].id:
                found.damaged.append(NAMES.of(header.number))
            elif following is not None and following.previous == header.number and following.id == header.id:
                found.segments.append(Segment(header, following.end, following.first - header.first))
            else:
                found.segments.append(Segment(header, *await self._extent(header, trusting=trusting)))

    async def _extent(self, header: Header, *, trusting: bool) -> Extent:
        file = File(self._path(NAMES.of(header.number)))
        if not trusting:
            try:
                await self._disk.perform([Open(file), Datasync(file)])
            finally:
                with trio.CancelScope(shield=True):
                    await self._disk.perform([Close(file)])
        return extent(header, await read_file(self._disk, file.path, SCAN_OCTETS_MAX))

    async def analysed(self) -> list[tuple[Segment, Extent]]:
        """Each segment, and how far what is in it can be read. Raises OSError."""
        found = []
        for segment in self._segments:
            octets = await read_file(self._disk, self._path(NAMES.of(segment.number)), SCAN_OCTETS_MAX)
            found.append((segment, extent(segment.header, octets[: segment.end])))
        return found

    async def set_aside(self, names: Sequence[str]) -> None:
        """Give damaged segments another name, with which they are none. Raises OSError."""
        aside = [Rename(self._path(name), self._path(name + DAMAGED)) for name in names]
        await self._disk.perform([*aside, SyncDirectory(self.folder)])

    async def _unfinished_checkpoints(self) -> list[str]:
        (names,) = await self._disk.perform([ListDirectory(self.folder)])
        return [name for name in names if name.endswith(NEW)]

    async def _remove(self, names: Sequence[str]) -> None:
        if names:
            unlinks = [Unlink(self._path(name), missing_ok=True) for name in names]
            await self._disk.perform([*unlinks, SyncDirectory(self.folder)])

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"
