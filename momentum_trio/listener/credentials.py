"""Whether a password is right: by a file that holds it, or by one that holds a hash of it which costs time to try.

Hashes are tried in workers, so many at once; those who wait beyond WAITING_MAX are told to come again. A password that
was right is known for KNOWN_SECONDS, since a client that sends much authenticates on each connection; it is kept as a
MAC under a key of this life of the host, and a changed file forgets it at once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from functools import partial

import trio

from momentum_trio.config.back_end import HASHED, BackEnd
from momentum_trio.console.entry_file import text_of
from momentum_trio.console.password_file import passwords
from momentum_trio.machine import Machine
from momentum_trio.protocol.sasl.in_clear import Claim
from momentum_trio.protocol.sasl.mechanism import same
from momentum_trio.protocol.sasl.password_hash import is_hash, stand_in, verified

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

    async def hold(self, held: BackEnd, claim: Claim) -> bool:
        """Whether *claim* is right by *held*. It takes as long for a user there is none of as for one there is.

        Raises: OSError, where the file cannot be read, or Busy: nothing is known of the password then.
        Cancellation: a hash that is being tried is tried to its end, and waited for.
        """
        found = passwords(await text_of(self._machine.disk, held))
        if held.scheme == HASHED:
            return await self._matches(found, claim)
        return same(claim.password.encode("utf-8", "surrogateescape"), _octets(found, claim)) and claim.user in found

    async def _matches(self, found: dict[str, str], claim: Claim) -> bool:
        hashes = {user: stored for user, stored in found.items() if is_hash(stored)}
        stored = hashes.get(claim.user) or next(map(stand_in, hashes.values()), "")
        if not stored:
            return False
        mark = self._mark(stored, claim)
        if self._known.get(mark, 0.0) > trio.current_time():
            return True
        if self._waiting >= WAITING_MAX:
            raise Busy("too many passwords are being tried")
        self._waiting += 1
        try:
            is_right = await self._machine.work.run(partial(verified, stored, claim.password))
        finally:
            self._waiting -= 1
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
