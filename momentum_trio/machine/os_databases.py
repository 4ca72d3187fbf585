"""SQLite databases, opened for one query each and never written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from momentum_trio.machine.contract import DatabaseFault, Row
from momentum_trio.machine.facts import PoolFacts
from momentum_trio.machine.os_pool import OsPool

WORKERS_MAX = 4
LOCKED_SECONDS = 3.0
"""How long a query waits for somebody who writes."""
INSTRUCTIONS_MAX = 5_000_000
"""Of SQLite's machine, for one query: some tenths of a second."""
VALUE_OCTETS_MAX = 64 * 1024
_INSTRUCTIONS_AT_ONCE = 10_000
_PERMITTED = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE))
_UNWANTED_FUNCTION = "load_extension"


class OsDatabases:
    """``machine.contract.Databases``."""

    __slots__ = ("_pool",)

    def __init__(self) -> None:
        self._pool = OsPool("Database", WORKERS_MAX)

    async def ask(self, path: str, query: str, values: Mapping[str, str], rows_max: int) -> list[Row]:
        """As the contract has it."""
        return await self._pool.run(partial(_asked, path, query, values, rows_max))

    def facts(self) -> PoolFacts:
        """How busy its worker threads are."""
        return self._pool.facts()


def _asked(path: str, query: str, values: Mapping[str, str], rows_max: int) -> list[Row]:
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", timeout=LOCKED_SECONDS, uri=True)
    except sqlite3.Error as fault:
        raise DatabaseFault(f"{path}: {fault}") from None
    try:
        return answered(connection, path, query, values, rows_max)
    finally:
        connection.close()


def answered(
    connection: sqlite3.Connection, path: str, query: str, values: Mapping[str, str], rows_max: int
) -> list[Row]:
    """What *query* has to say on *connection*, which is of use for nothing else after that. Raises DatabaseFault."""
    turns_left = INSTRUCTIONS_MAX // _INSTRUCTIONS_AT_ONCE

    def is_too_long() -> bool:
        nonlocal turns_left
        turns_left -= 1
        return turns_left < 0

    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA trusted_schema = 0")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_OCTETS_MAX)
        connection.set_authorizer(_judged)
        connection.set_progress_handler(is_too_long, _INSTRUCTIONS_AT_ONCE)
        connection.row_factory = sqlite3.Row
        return [Row(tuple(row.keys()), tuple(row)) for row in connection.execute(query, values).fetchmany(rows_max)]
    except (sqlite3.Error, sqlite3.Warning, UnicodeEncodeError) as fault:
        raise DatabaseFault(f"{path}: {fault}") from None


def _judged(action: int, _argument: str | None, name: str | None, _database: str | None, _inner: str | None) -> int:
    """A query reads; it opens, changes and loads nothing."""
    is_function = action == sqlite3.SQLITE_FUNCTION and (name or "").lower() != _UNWANTED_FUNCTION
    return sqlite3.SQLITE_OK if action in _PERMITTED or is_function else sqlite3.SQLITE_DENY
