"""Content on its way in: in memory while small, in a file of its own once large.

At most KEPT_OPEN_MAX of these files stay open between two pieces, so that clients that are slow to send large content
do not take the descriptors of the others. The rest are synced before each closing: what a disk says of a failed write
it says to who has the file open.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, Self

import trio

from momentum_trio.machine.disk import (
    Close,
    Create,
    Datasync,
    Disk,
    File,
    Open,
    Read,
    Step,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
)
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.log import spool_fault

PIECE_OCTETS = 256 * 1024  # large content goes to its file in pieces of about this length


class EntryState(Enum):
    """Where an entry stands."""

    OPEN = 1
    COMMITTED = 2
    DISCARDED = 3


class Entry:
    """Made by ``Spool.begin``. As ``async with spool.begin() as entry`` it is discarded at the end unless committed.

    octets: length so far. file: name of its file once it is large, else empty. check: CRC-32 of what is in the file.
    """

    __slots__ = (
        "_disk",
        "_failed",
        "_file",
        "_files",
        "_finished",
        "_inline_octets_max",
        "_kept_open",
        "_mode",
        "_parts",
        "_pending",
        "check",
        "octets",
        "state",
    )

    def __init__(self, disk: Disk, files: ContentFiles, inline_octets_max: int, mode: int) -> None:
        self.octets = 0
        self.check = 0
        self.state = EntryState.OPEN
        self._disk, self._files, self._mode = disk, files, mode
        self._inline_octets_max = inline_octets_max
        self._parts: list[bytes] = []
        self._pending = 0
        self._finished = self._failed = False
        self._file: File | None = None
        self._kept_open = False

    @property
    def file(self) -> str:
        """The name of its file, or empty."""
        return self._file.path.rpartition("/")[2] if self._file is not None else ""

    async def write(self, octets: bytes | bytearray | memoryview) -> None:
        """Add to the content.

        Raises: SpoolFull, SpoolSick: the entry is fit only to be discarded then.
        Cancellation: the same. No checkpoint as long as the content is small.
        """
        assert self.state is EntryState.OPEN
        assert not self._failed
        self._parts.append(bytes(octets))
        self.octets += len(octets)
        self._pending += len(octets)
        if self.octets > self._inline_octets_max and (self._file is None or self._pending >= PIECE_OCTETS):
            await self._spill()

    async def read(self, offset: int, size: int) -> bytes:
        """Some of what was written so far, from *offset* on: at most *size* octets, none at the end alone.

        Raises: SpoolFull, SpoolSick, as a read that fails. No checkpoint for what is in memory.
        """
        assert self.state is EntryState.OPEN
        assert not self._failed
        in_file = self.octets - self._pending
        if self._file is None or offset >= in_file:
            held = b"".join(self._parts)
            self._parts = [held]
            return held[offset - in_file : offset - in_file + size]
        file = File(self._file.path)
        try:
            octets: bytes = (await self._disk.perform([Open(file), Read(file, offset, min(size, in_file - offset))]))[1]
        except OSError as error:
            raise spool_fault(error) from error
        finally:
            with trio.CancelScope(shield=True), suppress(OSError):
                await self._disk.perform([Close(file)])
        return octets

    async def _spill(self, *, last: bool = False) -> None:
        steps: list[Step[None]] = []
        if self._file is None:
            self._file = File(self._files.path(self._files.new_name()))
            steps.append(Create(self._file, self._mode))
        elif not self._kept_open:
            steps.append(Open(self._file, writable=True))
        file = self._file
        steps.append(Write(file, self.octets - self._pending, self._parts))
        if last:
            steps += [Sync(file), Close(file), SyncDirectory(self._files.directory)]
        elif not self._kept_open:
            self._kept_open = self._files.keep_open()
        if not last and not self._kept_open:
            steps += [Datasync(file), Close(file)]
        self._failed = True  # unless this ends well: a second sync would not tell what the first one lost
        try:
            await self._disk.perform(steps)
        except OSError as error:
            with trio.CancelScope(shield=True), suppress(OSError):
                await self._disk.perform([Close(file)])
            self._let_go()
            raise spool_fault(error) from error
        self._failed = False
        if last:
            self._let_go()
        for part in self._parts:
            self.check = zlib.crc32(part, self.check)
        self._parts, self._pending = [], 0

    async def put_in_front(self, octets: bytes) -> None:
        """Add to the content before all there is. Large content is copied once: its file has no room in front.

        Raises and cancellation: as ``write``.
        """
        assert self.state is EntryState.OPEN
        assert not self._failed
        old, written = self._file, self.octets - self._pending
        if old is None:
            self._parts.insert(0, octets)
            self.octets, self._pending = self.octets + len(octets), self._pending + len(octets)
            if self.octets > self._inline_octets_max:
                await self._spill()
            return
        parts, check, was_open = self._parts, self.check, self._kept_open
        self._let_go()
        self._file, self._parts, self._pending, self.octets, self.check = None, [], 0, 0, 0
        try:
            await self.write(octets)
            await self._copy(old, written, check, was_open=was_open)
            for part in parts:
                await self.write(part)
        finally:
            await self._remove(old)

    async def _copy(self, old: File, octets: int, check: int, *, was_open: bool) -> None:
        """Write what is in the file *old*, checked: what a disk lost meanwhile is not there twice."""
        steps: list[Step[Any]] = [] if was_open else [Open(old)]
        seen, self._failed = 0, True  # unless this ends well
        for at in range(0, octets, PIECE_OCTETS):
            try:
                piece: bytes = (await self._disk.perform([*steps, Read(old, at, min(PIECE_OCTETS, octets - at))]))[-1]
            except OSError as error:
                raise spool_fault(error) from error
            steps, seen, self._failed = [], zlib.crc32(piece, seen), False
            await self.write(piece)
        if seen != check:
            self._failed = True
            raise SpoolSick(f"{old.path}: what was written cannot be read back")

    def _let_go(self) -> None:
        """The file is closed."""
        if self._kept_open:
            self._kept_open = False
            self._files.let_go()

    async def finish(self) -> bytes:
        """The content if small; if large, make its file durable and return nothing. Raises as ``write``."""
        assert self.state is EntryState.OPEN
        assert not self._failed
        if self._file is not None:
            if not self._finished:
                await self._spill(last=True)
                self._finished = True
            return b""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    async def discard(self) -> None:
        """Forget the content. Does nothing after a commit or a second time, so that clean-up can always call it.

        Cancellation: shielded while its file is removed. A failure to remove it is made good later.
        """
        if self.state is not EntryState.OPEN:
            return
        self.state = EntryState.DISCARDED
        self._parts = []
        if self._file is not None:
            try:
                await self._remove(self._file)
            finally:
                self._let_go()

    async def _remove(self, file: File) -> None:
        with trio.CancelScope(shield=True):
            try:
                await self._disk.perform([Close(file), Unlink(file.path, missing_ok=True)])
            except OSError:
                self._files.retire(file.path.rpartition("/")[2])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()
