"""Databases of both arms: equal answers, equal refusals; nothing that is asked changes anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from momentum_trio.machine import disk as d
from momentum_trio.machine.contract import DatabaseFault, Databases, Row
from momentum_trio.machine.disk import File
from momentum_trio.machine.os_databases import VALUE_OCTETS_MAX, OsDatabases
from sim.databases import SimDatabases
from sim.disk import SimStore

SCHEMA = """
CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT, age INTEGER, picture BLOB);
INSERT INTO users VALUES ('ann', 'sécret', 42, x'00ff'), ('bob', 'x''y', NULL, NULL);
"""


class Arm:
    """Databases, and where to put one."""

    def __init__(self, databases: Databases, folder: Path, store: SimStore | None = None) -> None:
        self._databases, self._folder, self._disk = databases, folder, store.mount() if store else None

    async def put(self, name: str, octets: bytes) -> str:
        """Make a file of *octets*; where it is."""
        if self._disk is None:
            (self._folder / name).write_bytes(octets)
            return str(self._folder / name)
        file = File(f"/{name}")
        await self._disk.perform([d.Create(file, 0o600), d.Append(file, [octets]), d.Close(file)])
        return f"/{name}"

    async def ask(self, path: str, query: str, values: Mapping[str, str] | None = None, rows_max: int = 9) -> list[Row]:
        return await self._databases.ask(path, query, values or {}, rows_max)


@pytest.fixture(params=["os", "sim"])
def arm(request: pytest.FixtureRequest, tmp_path: Path) -> Arm:
    store = SimStore() if request.param == "sim" else None
    return Arm(OsDatabases() if store is None else SimDatabases(store.mount()), tmp_path, store)


@pytest.fixture
async def path(arm: Arm, tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "original") as connection:
        connection.executescript(SCHEMA)
    connection.close()
    return await arm.put("u 1?#%.db", (tmp_path / "original").read_bytes())


async def test_rows_have_names_and_values(arm: Arm, path: str) -> None:
    """Rows are in their order, each with the names of its columns and their values."""
    rows = await arm.ask(path, "SELECT name, password AS Secret, age, picture FROM users ORDER BY name")
    names = ("name", "Secret", "age", "picture")
    assert rows == [Row(names, ("ann", "sécret", 42, b"\x00\xff")), Row(names, ("bob", "x'y", None, None))]
    assert [row.values for row in await arm.ask(path, "SELECT name FROM users ORDER BY 1", rows_max=1)] == [("ann",)]


@pytest.mark.parametrize("prefix", [":", "@", "$"])
async def test_a_parameter_is_bound_and_no_text_of_the_query(arm: Arm, path: str, prefix: str) -> None:
    """A parameter is a value, whatever it looks like, with each prefix that SQLite has."""
    query = f"SELECT age FROM users WHERE name = {prefix}user"
    assert [row.values for row in await arm.ask(path, query, {"user": "ann", "unused": "x"})] == [(42,)]
    for name in ("' OR 1=1 --", "ann'; DROP TABLE users; --", ""):
        assert await arm.ask(path, query, {"user": name}) == []


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM users",
        "INSERT INTO users VALUES ('eve', 'x', 1, NULL)",
        "CREATE TEMP TABLE t (a)",
        "ATTACH ':memory:' AS other",
        "PRAGMA query_only = 0",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "SELECT password FROM nothing",
        "SELECT nonsense(",
        "SELECT :absent",
        f"SELECT zeroblob({VALUE_OCTETS_MAX + 1})",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    ],
)
async def test_what_is_no_question_that_can_be_answered_is_a_fault(arm: Arm, path: str, query: str) -> None:
    """What changes something, attaches, asks for ever or is no SQL is a fault, and nothing is changed."""
    with pytest.raises(DatabaseFault, match="db: "):
        await arm.ask(path, query)
    assert len(await arm.ask(path, "SELECT * FROM users")) == 2


async def test_a_value_that_is_no_text_is_a_fault(arm: Arm, path: str) -> None:
    """A value whose text is no UTF-8 is a fault."""
    with pytest.raises(DatabaseFault):
        await arm.ask(path, "SELECT :a", {"a": "\udcff"})


async def test_what_is_no_database_is_a_fault(arm: Arm) -> None:
    """A file that is missing, or broken, is a fault."""
    with pytest.raises(DatabaseFault, match=r"missing\.db: "):
        await arm.ask("/nowhere/missing.db", "SELECT 1")
    path = await arm.put("broken.db", b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(DatabaseFault, match=r"broken\.db: "):
        await arm.ask(path, "SELECT * FROM users")
