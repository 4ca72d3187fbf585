"""SQLite over the simulated disk: the file is read, and SQLite has it in memory.

A database in WAL mode does not answer: what it holds is in several files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing

import trio

from momentum_trio.machine.contract import DatabaseFault, Row
from momentum_trio.machine.disk import Close, Disk, File, Open, Read
from momentum_trio.machine.os_databases import answered

ASK_SECONDS = 0.002  # what a query takes in a worker
FILE_OCTETS_MAX = 16 * 1024 * 1024


class SimDatabases:
    """``machine.contract.Databases``; as with a worker, cancellation waits for the answer."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def ask(self, path: str, query: str, values: Mapping[str, str], rows_max: int) -> list[Row]:
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.CancelScope(shield=True):
            octets = await self._read(path)
            await trio.sleep(ASK_SECONDS)
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                connection.deserialize(octets)
            except sqlite3.Error as fault:
                raise DatabaseFault(f"{path}: {fault}") from None
            return answered(connection, path, query, values, rows_max)

    async def _read(self, path: str) -> bytes:
        disk, file = self._disk, File(path)
        try:
            octets: bytes = (await disk.perform([Open(file), Read(file, 0, FILE_OCTETS_MAX)]))[1]
        except OSError as fault:
            raise DatabaseFault(f"{path}: {fault.strerror}") from None
        finally:
            await disk.perform([Close(file)])
        return octets
