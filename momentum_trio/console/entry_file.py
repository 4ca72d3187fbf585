"""Files that say who may come in and what he may say: read anew each time they are needed, so that a change acts."""

from __future__ import annotations

import trio

from momentum_trio.config.back_end import BackEnd
from momentum_trio.machine.disk import Close, Disk, File, FileKind, Open, Read, Stat

OCTETS_MAX = 256 * 1024
"""A larger file is not read: it would be in memory whole, and looked through for every command."""
_OTHERS_WRITE = 0o002


async def text_of(disk: Disk, back_end: BackEnd) -> str:
    """The text of the file that *back_end* names; octets that are no UTF-8 become surrogates, which nothing equals.

    Raises: OSError that says why it is not read (``reason``): the scheme is not of a file, it is missing, no plain
    file, too large, or everybody may write it. Cancellation: the file is closed.
    """
    if not back_end.is_file:
        raise OSError(f"{back_end.uri}: the scheme is not built")
    path = back_end.path
    await check_mode(disk, path)
    octets = await _read(disk, path)
    if len(octets) > OCTETS_MAX:
        raise OSError(f"{path} is larger than {OCTETS_MAX} octets")
    return octets.decode("utf-8", "surrogateescape")


async def check_mode(disk: Disk, path: str) -> None:
    """Raises OSError that says so, where there is no plain file at *path* or everybody may write it."""
    (facts,) = await disk.perform([Stat(path)])
    if facts.kind is not FileKind.FILE:
        raise OSError(f"{path} is not a plain file")
    if facts.mode & _OTHERS_WRITE:
        raise OSError(f"{path} has mode {facts.mode:04o}, so that everybody may write it")


def reason(fault: OSError) -> str:
    """Why a file is not read, its path in front."""
    return str(fault) if fault.strerror is None else f"{fault.filename}: {fault.strerror}"


async def _read(disk: Disk, path: str) -> bytes:
    file = File(path)
    try:
        octets: bytes = (await disk.perform([Open(file), Read(file, 0, OCTETS_MAX + 1)]))[1]
    finally:
        with trio.CancelScope(shield=True):
            await disk.perform([Close(file)])
    return octets
