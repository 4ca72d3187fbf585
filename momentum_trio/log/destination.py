"""One log file: lines wait in memory, within a bound, and are appended in batches.

Log files are rotated from outside: somebody renames the file and asks for it to be opened again. A durable log is
another kind of destination (``jlog_destination``).
"""

from __future__ import annotations

import posixpath
from typing import Any

from momentum_trio.machine.disk import Append, Close, Disk, File, MakeDirectory, Open, Read, Size, Step, Truncate

PENDING_OCTETS_MAX = 16 * 1024 * 1024
FLUSH_LINES_MAX = 8192


class Pending:
    """Lines on their way to the disk.

    path: what the destination is called. mode: of its files. lost: lines dropped since the last ``take_lost``, because
    the disk would not take them fast enough or at all. is_to_reopen: ``reopen`` was asked for, and is done by the next
    flush.
    """

    def __init__(self, path: str, mode: int) -> None:
        self.path, self.mode = path, mode
        self.lost = 0
        self.pending_octets = 0  # counted in characters: a bound, not an account
        self._lines: list[str] = []
        self.is_to_reopen = False

    def put(self, line: str) -> bool:
        """Queue *line*, which has no line end. False: it was dropped, the bound is reached."""
        if self.pending_octets + len(line) > PENDING_OCTETS_MAX:
            self.lost += 1
            return False
        self._lines.append(line)
        self.pending_octets += len(line) + 1
        return True

    def reopen(self) -> None:
        """Let the next flush open the path anew: the file was renamed."""
        self.is_to_reopen = True

    def take_lost(self) -> int:
        """How many lines were lost since somebody last asked."""
        lost, self.lost = self.lost, 0
        return lost

    @property
    def waiting(self) -> bool:
        """Whether there are lines that are not written out yet."""
        return bool(self._lines)

    def _written(self, count: int) -> None:
        """The first *count* of them wait no more."""
        self.pending_octets -= sum(map(len, self._lines[:count])) + count
        del self._lines[:count]


class Destination(Pending):
    """A file and the lines on their way to it."""

    def __init__(self, path: str, mode: int) -> None:
        super().__init__(path, mode)
        self._file: File | None = None
        self._size = 0
        self._torn = False  # the file ends in the middle of a line

    async def flush(self, disk: Disk) -> None:
        """Append what waits, at most FLUSH_LINES_MAX lines: one disk job once the file is open.

        The file is opened, and made, even if nothing waits: that it cannot be is known before its first line.
        Raises: OSError. The lines stay queued, and what the disk took of them is cut off again, so that the next flush
            repeats nothing.
        Cancellation: before the job nothing has happened; afterwards the lines are written.
        """
        if self.is_to_reopen:
            await self.close(disk)
            self.is_to_reopen = False
        file = self._file or await self._open(disk)
        if not self._lines:
            return
        count = min(len(self._lines), FLUSH_LINES_MAX)
        octets = "\n".join((*self._lines[:count], "")).encode("utf-8", "backslashreplace")
        if self._torn:
            octets = b"\n" + octets
        try:
            await disk.perform([Append(file, [octets])])
        except OSError:
            await self._cut_back(disk, file)
            raise
        self._size += len(octets)
        self._torn = False
        self._written(count)

    async def close(self, disk: Disk) -> None:
        """Give the descriptor back; what waits stays queued."""
        if (file := self._file) is not None:
            self._file = None
            await _close(disk, file)

    async def _open(self, disk: Disk) -> File:
        file = File(self.path)
        steps: list[Step[Any]] = [Open(file, writable=True, create=self.mode), Size(file)]
        try:
            try:
                size = (await disk.perform(steps))[-1]
            except FileNotFoundError:
                size = (await disk.perform([MakeDirectory(posixpath.dirname(self.path)), *steps]))[-1]
            # an earlier life may have ended in the middle of a line
            self._torn = size > 0 and await disk.perform([Read(file, size - 1, 1)]) != [b"\n"]
        except OSError:
            await _close(disk, file)
            raise
        self._file, self._size = file, size
        return file

    async def _cut_back(self, disk: Disk, file: File) -> None:
        """Remove the part of a failed append that did reach the file."""
        try:
            (size,) = await disk.perform([Size(file)])
            await disk.perform([Truncate(file, min(size, self._size))])
        except OSError:
            pass  # a line may be half there: seen when the file is opened again
        self._file = None
        await _close(disk, file)


async def _close(disk: Disk, file: File) -> None:
    try:
        await disk.perform([Close(file)])
    except OSError:
        pass  # the descriptor is gone either way, and what was appended was never promised to be durable
