"""A file read at once."""

from __future__ import annotations

import trio

from momentum_trio.machine.disk import Close, Disk, File, Open, Read


async def read_file(disk: Disk, path: str, octets_max: int) -> bytes:
    """The first *octets_max* octets of the file at *path*. Raises OSError. Cancellation: the file is closed."""
    file = File(path)
    try:
        octets: bytes = (await disk.perform([Open(file), Read(file, 0, octets_max)]))[1]
    finally:
        with trio.CancelScope(shield=True):
            await disk.perform([Close(file)])
    return octets
