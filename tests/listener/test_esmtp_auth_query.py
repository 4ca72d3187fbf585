"""AUTH against an SQLite database: auth_ds and Datasource (the manual's modules auth_ds and ds_core)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from esmtp_host import host, tree_of
from test_esmtp_auth import MECHANISMS, SECRET, authenticate
from tls_talk import CERTIFICATE, CONFIG, machine, talks
from trio.testing import MockClock

from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.secret_query import SecretQuery, query_of
from momentum_trio.listener.credentials import WAITING_MAX, Busy, Credentials
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import unoffered
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Row
from momentum_trio.machine.os_databases import OsDatabases
from momentum_trio.mail.record import Panic
from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.password_hash import SALT_OCTETS, made

RIGHT, WRONG, LATER = (
    "235 2.7.0 authentication succeeded",
    "535 5.7.8 authentication credentials invalid",
    "454 4.7.0 temporary authentication failure",
)
HASHED = made("scrypt", SECRET, b"s" * SALT_OCTETS)
KEPT = {"clear": SECRET, "digest-md5": digest_of("ann", "mx.example", SECRET), "hash": HASHED}
SERVED = {
    "clear": MECHANISMS,
    "digest-md5": ("PLAIN", "LOGIN", "DIGEST-MD5"),
    "hash": ("PLAIN", "LOGIN"),
}
BY_NAME = "SELECT password, kind FROM users WHERE name = :user"
IN_QUERY = "SELECT count(*) FROM users WHERE name = :user AND password = :pass"
PATIENCE_SECONDS = 600.0


@pytest.fixture
def quick_clock(mock_clock: MockClock) -> MockClock:
    """Workers take real time, pauses need not."""
    mock_clock.rate = 20
    return mock_clock


def users(folder: Path, kept: Mapping[str, tuple[str, str]]) -> Path:
    """A database of *kept*: by user what is kept of his password, and the kind of that."""
    path = folder / "users.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE users (name TEXT, password TEXT, kind TEXT)")
        connection.executemany("INSERT INTO users VALUES (?, ?, ?)", ((u, *secret) for u, secret in kept.items()))
    connection.close()
    path.chmod(0o600)
    return path


def config(
    path: Path, authenticate: str, *mechanisms: str, query: str = BY_NAME, source: str = "", uri: str = "sqlite"
) -> str:
    schemes = f"""
Datasource "accounts" {{ uri = ( "{uri}:{path}" ) {source} }}
auth_ds {{ Scheme "sql" {{ Authenticate {{
  query = "{query}" cache = "accounts" map = [ user = "%{{username}}" pass = "%{{password}}" ] {authenticate}
}} }} }}
"""
    back_ends = "".join(f'Auth{name}Parameters = [ uri = "sql://" ]\n' for name in ("Plain", "Login"))
    back_ends += "".join(f'Auth{name}Parameters = [ uri = "SQL://" ]\n' for name in ("CramMD5", "DigestMD5"))
    offered = " ".join(f'"{word}"' for word in ("STARTTLS", *(f"AUTH {name}" for name in mechanisms or MECHANISMS)))
    return schemes.replace('pass = "%{password}"', "" if "returns" in authenticate else 'pass = "%{password}"') + (
        CONFIG.format(listener=back_ends, listen=CERTIFICATE, extensions=offered)
    )


class CountedDatabases(OsDatabases):
    """Counts the queries; those who ask wait for the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.gate = trio.Event()
        self.gate.set()

    async def ask(self, path: str, query: str, values: Mapping[str, str], rows_max: int) -> list[Row]:
        self.count += 1
        await self.gate.wait()
        return await super().ask(path, query, values, rows_max)


def with_databases() -> tuple[Machine, CountedDatabases]:
    databases = CountedDatabases()
    return replace(machine(), databases=databases), databases


async def tried(text: str, mechanism: str, *claims: tuple[str, str]) -> list[str]:
    """The final replies to a dialogue for each user and password of *claims*."""
    said = []
    async with host(text, machine=with_databases()[0]) as at:
        for user, password in claims:
            async with talks(at) as talk:
                talk.patience_seconds = PATIENCE_SECONDS
                await talk.ask("EHLO client.example")
                said.append(await authenticate(talk, mechanism, user, password))
    return said


@pytest.mark.parametrize(("form", "mechanism"), [(form, name) for form, names in SERVED.items() for name in names])
async def test_a_secret_of_each_form_by_each_mechanism_that_can_use_it(
    form: str, mechanism: str, tmp_path: Path, quick_clock: MockClock
) -> None:
    text = config(users(tmp_path, {"ann": (KEPT[form], "")}), f'returns_password = true type = "{form}"')
    claims = (("ann", SECRET), ("ann", "wrong"), ("' OR '1'='1", SECRET))
    assert await tried(text, mechanism, *claims) == [RIGHT, WRONG, WRONG]


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_form_that_a_column_tells(mechanism: str, tmp_path: Path, quick_clock: MockClock) -> None:
    of_users = {"ann": (SECRET, "C"), "bob": (HASHED, "H"), "eve": (SECRET, "unknown"), "fay": ("", "C")}
    more = 'returns_password = true password_column = "PASSWORD" type_column = "kind"'
    text = config(users(tmp_path, of_users), f'{more} type_map = [ C = "clear" H = "hash" ]')
    claims = (("ann", SECRET), ("bob", SECRET), ("eve", SECRET), ("fay", SECRET), ("bob", HASHED))
    of_bob = RIGHT if mechanism in ("PLAIN", "LOGIN") else WRONG
    assert await tried(text, mechanism, *claims) == [RIGHT, of_bob, WRONG, WRONG, WRONG]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_a_query_that_judges_itself(mechanism: str, tmp_path: Path, quick_clock: MockClock) -> None:
    text = config(users(tmp_path, {"ann": (SECRET, "")}), "", query=IN_QUERY)
    claims = (("ann", SECRET), ("ann", "wrong"), ("ann", "x' OR '1'='1"))
    assert await tried(text, mechanism, *claims) == [RIGHT, WRONG, WRONG]


@pytest.mark.parametrize("answer", ["0", "'0'", "NULL", "'no'", "''", "0.0", "x'01'", "1 WHERE 0"])
async def test_what_is_no_yes_is_a_no(answer: str, tmp_path: Path, quick_clock: MockClock) -> None:
    assert await tried(config(users(tmp_path, {}), "", query=f"SELECT {answer}"), "PLAIN", ("ann", SECRET)) == [WRONG]


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("broken", ["missing", "damaged", "writable", "query"])
async def test_a_database_that_does_not_answer_is_454(
    broken: str, mechanism: str, tmp_path: Path, quick_clock: MockClock
) -> None:
    path = users(tmp_path, {"ann": (SECRET, "")})
    query = "SELECT password FROM nowhere WHERE name = :user" if broken == "query" else BY_NAME
    if broken == "missing":
        path.unlink()
    elif broken == "damaged":
        path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    elif broken == "writable":
        path.chmod(0o666)
    async with host(config(path, "returns_password = true", query=query), machine=with_databases()[0]) as at:
        async with talks(at) as talk:
            talk.patience_seconds = PATIENCE_SECONDS
            await talk.ask("EHLO client.example")
            assert await authenticate(talk, mechanism) == LATER
            assert (await talk.ask("MAIL FROM:<a@b.example>"))[:3] == "250"
        (said,) = [record.text for record in at.records if isinstance(record, Panic)]
        assert str(path) in said
        assert SECRET not in said


async def test_an_answer_is_known_for_a_while_and_no_longer(mock_clock: MockClock, tmp_path: Path) -> None:
    mock_clock.rate = 4
    world, databases = with_databases()
    text = config(users(tmp_path, {"ann": (SECRET, "")}), "returns_password = true")

    async def known(password: str) -> str:
        async with talks(at) as talk:
            talk.patience_seconds = PATIENCE_SECONDS
            await talk.ask("EHLO client.example")
            return await authenticate(talk, "CRAM-MD5", password=password)

    async with host(text, machine=world) as at:
        assert [await known(SECRET) for _ in range(3)] == [RIGHT] * 3
        assert await known("wrong") == WRONG
        assert databases.count == 1
        users(tmp_path, {"ann": ("other", "")})
        assert await known(SECRET) == RIGHT
        mock_clock.jump(60)
        assert await known(SECRET) == WRONG
        assert await known("other") == RIGHT
        assert databases.count == 2


@pytest.mark.parametrize(("source", "count"), [("no_cache = true", 2), ("cache_size = 1", 2), ("", 1)])
async def test_what_a_datasource_says_of_its_cache_acts(source: str, count: int, tmp_path: Path) -> None:
    world, databases = with_databases()
    text = config(users(tmp_path, {"ann": (SECRET, ""), "bob": (SECRET, "")}), "returns_password = true", source=source)
    async with host(text, machine=world) as at:
        for user in ("ann", "bob", "ann"):
            async with talks(at) as talk:
                await talk.ask("EHLO client.example")
                assert await authenticate(talk, "PLAIN", user) == RIGHT
    assert databases.count == count + 1


async def test_so_many_wait_for_a_database_and_the_next_is_told_to_come_again(tmp_path: Path) -> None:
    world, databases = with_databases()
    credentials, databases.gate = Credentials(world), trio.Event()
    tree = tree_of(config(users(tmp_path, {"ann": (SECRET, "")}), "returns_password = true"))
    query = query_of(tree.chain_global(), "sql")
    assert isinstance(query, SecretQuery)
    held, found = BackEnd("sql", "", query=query), []

    async def ask() -> None:
        found.append(await credentials.secrets("CRAM-MD5", held, "ann", "mx.example"))

    async with trio.open_nursery() as nursery:
        for _ in range(WAITING_MAX):
            nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked(0.05)
        with pytest.raises(Busy):
            await ask()
        databases.gate.set()
    assert found == [{"ann": SECRET}] * WAITING_MAX


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('Scheme "sql"', 'Scheme "other"'), "there is no Scheme 'sql' in auth_ds"),
        (("auth_ds {", "auth_ds { enabled = false"), "there is no Scheme 'sql' in auth_ds"),
        (('cache = "accounts"', 'cache = "x"'), "there is no Datasource 'x'"),
        (("sqlite:/", "mysql:user=root;password=x;/"), "Datasource 'accounts' has to have one uri, sqlite:/PATH"),
        ((f'query = "{BY_NAME}"', ""), "Authenticate of Scheme 'sql' has no query"),
    ],
)
def test_why_a_mechanism_is_not_offered_is_said(change: tuple[str, str], why: str, tmp_path: Path) -> None:
    said = unoffered_at(config(tmp_path / "u", "returns_password = true").replace(*change))
    assert len(said) == len(MECHANISMS)
    assert all(why in line for line in said)
    assert "root" not in "".join(said)


def unoffered_at(text: str) -> list[str]:
    """What the Listen of *text* does not offer, and why."""
    tree = tree_of(text)
    (listen,) = tree.listens("esmtp_listener")
    chain = tree.chain_for("esmtp_listener", listen.endpoint, None)
    return list(unoffered(chain, SessionOptions.resolve(chain)))


@pytest.mark.parametrize("form", SERVED)
def test_a_mechanism_that_cannot_use_what_is_kept_is_not_offered(form: str, tmp_path: Path) -> None:
    said = unoffered_at(config(tmp_path / "u", f'returns_password = true type = "{form}"'))
    left = [name for name in MECHANISMS if name not in SERVED[form]]
    assert [line.split()[1] for line in said] == left


def test_a_query_that_judges_itself_is_for_passwords_in_clear(tmp_path: Path) -> None:
    said = unoffered_at(config(tmp_path / "u", "", query=IN_QUERY))
    assert [line.split()[1] for line in said] == ["CRAM-MD5", "DIGEST-MD5"]
