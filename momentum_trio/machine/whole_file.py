"""A file, or a part of one, read at once; a file replaced by another at once."""

from __future__ import annotations

import trio

from momentum_trio.machine.disk import (
    Close,
    Disk,
    File,
    Open,
    Read,
    Rename,
    Sync,
    SyncDirectory,
    Truncate,
    Write,
)

NEW = ".new"
"""What the name of a file ends with that is to take another's place. One that a crash has left is nobody's."""


async def read_file(disk: Disk, path: str, octets_max: int, offset: int = 0) -> bytes:
    """*octets_max* octets, at most, of the file at *path*, from *offset* on. Raises OSError. Cancellation: as none."""
    file = File(path)
    try:
        octets: bytes = (await disk.perform([Open(file), Read(file, offset, octets_max)]))[1]
    finally:
        with trio.CancelScope(shield=True):
            await disk.perform([Close(file)])
    return octets


async def replace_file(disk: Disk, path: str, octets: bytes, mode: int = 0o640) -> None:
    """Let the file at *path* hold *octets*, durably; after a crash it holds these or what it held before.

    Raises: OSError: it holds one or the other, and which of them may change with the next loss of power.
    """
    folder, file = path.rpartition("/")[0], File(path + NEW)
    try:
        await disk.perform(
            [
                Open(file, writable=True, create=mode),
                Truncate(file, 0),
                Write(file, 0, [octets]),
                Sync(file),
                Rename(file.path, path),
                SyncDirectory(folder),
            ]
        )
    finally:
        with trio.CancelScope(shield=True):
            await disk.perform([Close(file)])
