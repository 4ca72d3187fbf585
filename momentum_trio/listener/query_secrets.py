"""What is kept of passwords in databases, found by a query; answers with a row in them are known for a while.

What is asked for is kept as a MAC under a key of this life of the host: a query may have the password in it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field

import trio

from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.scheme_options import CRYPT, PASSWORD, REALM, URI, USERNAME, expanded
from momentum_trio.config.secret_query import SecretQuery
from momentum_trio.console.entry_file import check_mode
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import DatabaseFault, Row
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5

_KEY_OCTETS = 32
_CRYPT = {CRAM_MD5: "hmac_md5", DIGEST_MD5: "digest-md5"}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants to prove who he is, by what. password: of mechanisms that show it."""

    mechanism: str
    user: str
    realm: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a password, and in which form."""

    form: str
    secret: str = field(repr=False)


class QuerySecrets:
    """Those of one node's clients."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: OrderedDict[bytes, tuple[float, Row]] = OrderedDict()  # until when
        self._key = machine.entropy.octets(_KEY_OCTETS)

    async def kept(self, held: BackEnd, asker: Asker) -> Kept | None:
        """What is kept of the password of *asker*; None: there is no such user, or nothing that can be used.

        Raises: OSError, where the database does not answer. Cancellation: a query under way is waited for.
        """
        assert held.query is not None
        row = await self._row(held, held.query, asker)
        return None if row is None else _kept(held.query, row)

    async def is_right(self, held: BackEnd, asker: Asker) -> bool:
        """Whether the query finds the password of *asker* right. Raises and is cancelled as ``kept``."""
        assert held.query is not None
        row = await self._row(held, held.query, asker)
        return row is not None and bool(row.values) and _is_true(row.values[0])

    async def _row(self, held: BackEnd, query: SecretQuery, asker: Asker) -> Row | None:
        values = _values(held, query, asker)
        mark = self._mark(query, values)
        known = self._known.get(mark)
        if known is not None and known[0] > trio.current_time():
            return known[1]
        databases = self._machine.databases
        if databases is None:
            raise DatabaseFault(f"{query.path}: there are no databases on this machine")
        await check_mode(self._machine.disk, query.path)
        rows = await databases.ask(query.path, query.query, values, 1)
        if not rows:
            return None
        if query.kept_seconds:
            self._remember(mark, rows[0], query)
        return rows[0]

    def _mark(self, query: SecretQuery, values: dict[str, str]) -> bytes:
        said = repr((query, values)).encode("utf-8", "surrogateescape")
        return hmac.new(self._key, said, hashlib.sha256).digest()

    def _remember(self, mark: bytes, row: Row, query: SecretQuery) -> None:
        self._known[mark] = trio.current_time() + query.kept_seconds, row
        self._known.move_to_end(mark)
        while len(self._known) > query.kept_max:
            self._known.popitem(last=False)


def _values(held: BackEnd, query: SecretQuery, asker: Asker) -> dict[str, str]:
    words = {
        USERNAME: asker.user,
        PASSWORD: asker.password,
        REALM: asker.realm,
        URI: held.uri,
        CRYPT: _CRYPT.get(asker.mechanism, "clear"),
    }
    return {name: expanded(template, words) for name, template in query.parameters}


def _kept(query: SecretQuery, row: Row) -> Kept | None:
    found = dict(zip((name.lower() for name in row.names), row.values, strict=True))
    secret = found.get(query.password_column.lower()) if query.password_column else row.values[0]
    form: object = query.form
    if query.form_column:
        form = dict(query.forms).get(str(found.get(query.form_column.lower())), "")
    return Kept(str(form), secret) if isinstance(secret, str) and secret and form else None


def _is_true(value: object) -> bool:
    """Whether a column says yes: a number other than 0."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and int(value[:20]) != 0
    return isinstance(value, int | float) and value != 0
