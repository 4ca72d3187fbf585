"""Damaged octets are kept for a person to look at, never thrown away, never read again by us."""

from __future__ import annotations

from momentum_trio.machine.disk import (
    Close,
    Disk,
    File,
    FileFacts,
    Open,
    Read,
    Stat,
    Sync,
    SyncDirectory,
    Truncate,
    Write,
)

KEPT_OCTETS_MAX = 64 * 1024 * 1024  # of one damage
PIECE_OCTETS = 1024 * 1024


class Quarantine:
    """Files named for the place the octets come from; keeping the same place twice changes nothing."""

    def __init__(self, disk: Disk, directory: str, mode: int) -> None:
        self.directory = directory
        self._disk, self._mode = disk, mode

    async def keep(self, name: str, source: File, first: int, after: int) -> bool:
        """Copy octets of the open file *source*. Returns whether they were not kept before. Raises OSError."""
        size = min(after - first, KEPT_OCTETS_MAX)
        if await self._has(name, size):
            return False
        file = File(f"{self.directory}/{name}")
        try:
            await self._disk.perform([Open(file, writable=True, create=self._mode), Truncate(file, 0)])
            for at in range(0, size, PIECE_OCTETS):
                piece = (await self._disk.perform([Read(source, first + at, min(PIECE_OCTETS, size - at))]))[0]
                await self._disk.perform([Write(file, at, [piece])])
            await self._disk.perform([Sync(file), SyncDirectory(self.directory)])
        finally:
            await self._disk.perform([Close(file)])
        return True

    async def _has(self, name: str, size: int) -> bool:
        try:
            facts: FileFacts = (await self._disk.perform([Stat(f"{self.directory}/{name}")]))[0]
        except FileNotFoundError:
            return False
        return facts.size == size
