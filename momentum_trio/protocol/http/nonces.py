"""Nonces of Digest: each is ours, lasts a while, and is good for each count of requests once (RFC 7616 section 3.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

SECONDS: Final = 300.0
"""After which a client has to take a new one, without asking anybody for the password again."""
COUNT_MAX: Final = 10_000
"""Requests with one nonce."""
WINDOW: Final = 64
"""Requests of several connections come in another order than they were counted; so many may be overtaken."""
USED_MAX: Final = 10_000
"""Nonces whose counts are remembered; of the time of those forgotten none is taken any more."""
KEY_OCTETS: Final = 32
SALT_OCTETS: Final = 8

_STAMP: Final = struct.Struct(">d8s")
_MAC_OCTETS: Final = 16


class Standing(Enum):
    """What a nonce and a count are worth."""

    FRESH = auto()
    STALE = auto()  # ours, and over: the client takes a new one by himself
    FORGED = auto()  # not ours, or its count was used before


@dataclass(slots=True)
class _Used:
    """highest: the count seen. seen: of the WINDOW counts up to it, a bit each."""

    highest: int = 0
    seen: int = 0

    def take(self, count: int) -> bool:
        """Whether *count* is used for the first time; it is from now on."""
        if count > self.highest:
            self.seen = (self.seen << (count - self.highest) | 1) & ((1 << WINDOW) - 1)
            self.highest = count
            return True
        bit = 1 << (self.highest - count)
        if self.highest - count >= WINDOW or self.seen & bit:
            return False
        self.seen |= bit
        return True


class Nonces:
    """Those of one life of a host: what is issued is not remembered, what was used is. key: of KEY_OCTETS, a secret."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._used: OrderedDict[str, _Used] = OrderedDict()
        self._forgotten_until = float("-inf")

    def new(self, now: float, salt: bytes) -> str:
        """One more. now: seconds of a clock that does not step. salt: SALT_OCTETS that were never given before."""
        stamp = _STAMP.pack(now, salt)
        return base64.b64encode(stamp + self._mac(stamp)).decode()

    def issued_at(self, nonce: str) -> float | None:
        """When *nonce* was made; None: not by us."""
        try:
            octets = base64.b64decode(nonce, validate=True)
        except (binascii.Error, ValueError):
            return None
        stamp, mac = octets[: _STAMP.size], octets[_STAMP.size :]
        if len(stamp) != _STAMP.size or not hmac.compare_digest(mac, self._mac(stamp)):
            return None
        at: float = _STAMP.unpack(stamp)[0]
        return at

    def use(self, nonce: str, count: int, now: float) -> Standing:
        """What *nonce* is worth with *count*, now that the response that came with it was right; it is used then."""
        at = self.issued_at(nonce)
        if at is None or count < 1:
            return Standing.FORGED
        if now - at > SECONDS or count > COUNT_MAX or at <= self._forgotten_until:
            return Standing.STALE
        used = self._used.setdefault(nonce, _Used())
        self._used.move_to_end(nonce)
        if len(self._used) > USED_MAX:
            self._forget()
        return Standing.FRESH if used.take(count) else Standing.FORGED

    def _forget(self) -> None:
        nonce, _ = self._used.popitem(last=False)
        at = self.issued_at(nonce)
        assert at is not None
        self._forgotten_until = max(self._forgotten_until, at)

    def _mac(self, stamp: bytes) -> bytes:
        return hmac.digest(self._key, stamp, hashlib.sha256)[:_MAC_OCTETS]
