"""Whether a password is right: by a file or a database that holds it, or a hash of it which costs time to try.

Hashes are tried in workers, so many at once; those who wait beyond WAITING_MAX are told to come again. A password that
was right is known for KNOWN_SECONDS, since a client that sends much authenticates on each connection; it is kept as a
MAC under a key of this life of the host, and a changed file forgets it at once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import trio

from momentum_trio.config.back_end import HASHED, BackEnd
from momentum_trio.config.scheme_options import CLEAR, DIGEST, HASH
from momentum_trio.console.entry_file import text_of
from momentum_trio.console.password_file import passwords
from momentum_trio.listener.query_secrets import Asker, Kept, QuerySecrets
from momentum_trio.machine import Machine
from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.in_clear import Claim
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5, PLAIN, same
from momentum_trio.protocol.sasl.password_hash import NOBODYS, is_hash, stand_in, verified

T = TypeVar("T")

WAITING_MAX = 64
KNOWN_MAX = 1_000
KNOWN_SECONDS = 60.0
_KEY_OCTETS = 32


class Busy(OSError):
    """Too many passwords are being tried."""


class Credentials:
    """Those of one node's clients."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: OrderedDict[bytes, float] = OrderedDict()  # until when
        self._key = b""
        self._waiting = 0
        self._queried: QuerySecrets | None = None

    async def hold(self, held: BackEnd, claim: Claim, realm: str) -> bool:
        """Whether *claim* is right by *held*. It takes as long for a user there is none of as for one there is.

        realm: of what is kept as digests.
        Raises: OSError, where the file cannot be read or the database does not answer, or Busy: nothing is known of
        the password then. Cancellation: a hash or a query under way is waited for.
        """
        if held.query is not None:
            return await self._hold_by_query(held, claim, realm)
        found = passwords(await text_of(self._machine.disk, held))
        if held.scheme == HASHED:
            return await self._matches(found, claim)
        return same(claim.password.encode("utf-8", "surrogateescape"), _octets(found, claim)) and claim.user in found

    async def secrets(self, mechanism: str, held: BackEnd, user: str, realm: str) -> dict[str, str]:
        """What *mechanism*, CRAM-MD5 or DIGEST-MD5, needs of *user*, by his name: nothing where it is not kept.

        Raises: OSError, where the database does not answer, or Busy.
        """
        assert mechanism in (CRAM_MD5, DIGEST_MD5)
        kept = await self._kept(held, Asker(mechanism, user, realm)) if user else None
        if kept is None or kept.form not in ((CLEAR,) if mechanism == CRAM_MD5 else (CLEAR, DIGEST)):
            return {}
        if mechanism == DIGEST_MD5:
            return {user: digest_of(user, realm, kept.secret) if kept.form == CLEAR else kept.secret.lower()}
        return {user: kept.secret}

    async def _hold_by_query(self, held: BackEnd, claim: Claim, realm: str) -> bool:
        assert held.query is not None
        asker = Asker(PLAIN, claim.user, realm, claim.password)
        if not held.query.returns_password:
            return await self._in_turn(partial(self._queries().is_right, held, asker))
        kept = await self._kept(held, asker)
        if kept is None:
            return held.query.may_hold(HASH) and await self._matches({}, claim, NOBODYS)
        if kept.form == HASH:
            return await self._matches({claim.user: kept.secret}, claim)
        said = claim.password if kept.form == CLEAR else digest_of(claim.user, realm, claim.password)
        secret = kept.secret if kept.form == CLEAR else kept.secret.lower()
        return same(said.encode("utf-8", "surrogateescape"), secret.encode("utf-8", "surrogateescape"))

    async def _kept(self, held: BackEnd, asker: Asker) -> Kept | None:
        return await self._in_turn(partial(self._queries().kept, held, asker))

    def _queries(self) -> QuerySecrets:
        self._queried = self._queried or QuerySecrets(self._machine)
        return self._queried

    async def _in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        """What *work* gives. Raises Busy instead, where too many wait already."""
        if self._waiting >= WAITING_MAX:
            raise Busy("too many passwords are being tried")
        self._waiting += 1
        try:
            return await work()
        finally:
            self._waiting -= 1

    async def _matches(self, found: dict[str, str], claim: Claim, nobodys: str = "") -> bool:
        hashes = {user: stored for user, stored in found.items() if is_hash(stored)}
        stored = hashes.get(claim.user) or next(map(stand_in, hashes.values()), nobodys)
        if not stored:
            return False
        mark = self._mark(stored, claim)
        if self._known.get(mark, 0.0) > trio.current_time():
            return True
        is_right = await self._in_turn(partial(self._machine.work.run, partial(verified, stored, claim.password)))
        if is_right and claim.user in hashes:
            self._remember(mark)
            return True
        return False

    def _mark(self, stored: str, claim: Claim) -> bytes:
        """What stands for a password and the hash that it was right by."""
        self._key = self._key or self._machine.entropy.octets(_KEY_OCTETS)
        said = "\0".join((stored, claim.user, claim.password)).encode("utf-8", "surrogateescape")
        return hmac.new(self._key, said, hashlib.sha256).digest()

    def _remember(self, mark: bytes) -> None:
        self._known[mark] = trio.current_time() + KNOWN_SECONDS
        self._known.move_to_end(mark)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def _octets(found: dict[str, str], claim: Claim) -> bytes:
    return found.get(claim.user, "").encode("utf-8", "surrogateescape")
