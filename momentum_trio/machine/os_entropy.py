"""Randomness of the operating system, and a generator seeded from it for what is no secret."""

from __future__ import annotations

import os
import random


class OsEntropy:
    """``machine.contract.Entropy``: ``octets`` from getrandom(2), ``fraction`` from a generator of its own."""

    __slots__ = ("_generator",)

    def __init__(self) -> None:
        self._generator = random.Random(os.urandom(32))

    def octets(self, count: int) -> bytes:
        """*count* octets nobody can guess."""
        return os.urandom(count)

    def fraction(self) -> float:
        """A number from 0 up to but not including 1; not for secrets."""
        return self._generator.random()
