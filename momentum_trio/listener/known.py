"""What was found out about secrets, known for a while: under a MAC, since what was asked may have a password in it."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from typing import Generic, TypeVar

import trio

from momentum_trio.machine.contract import Entropy

_KEY_OCTETS = 32

V = TypeVar("V")


class Known(Generic[V]):
    """Of one node. The key is of this life of the host."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy, self._key = entropy, b""
        self._held: OrderedDict[bytes, tuple[float, V]] = OrderedDict()  # until when

    def mark(self, asked: str) -> bytes:
        """What stands for *asked* here."""
        self._key = self._key or self._entropy.octets(_KEY_OCTETS)
        return hmac.new(self._key, asked.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()

    def of(self, mark: bytes) -> V | None:
        """What was kept of *mark*; None: nothing, or its time is over."""
        until, value = self._held.get(mark, (0.0, None))
        return value if until > trio.current_time() else None

    def keep(self, mark: bytes, value: V, seconds: float, count_max: int) -> None:
        """Know *value* for so long, and at most *count_max* such: those that were kept last."""
        self._held[mark] = trio.current_time() + seconds, value
        self._held.move_to_end(mark)
        while len(self._held) > count_max:
            self._held.popitem(last=False)
