"""Idempotency keys while their messages are on the way in: one message for each at a time.

claim = await claims.of(key_name(scope, key))         # Claim, Earlier or Denial
if isinstance(claim, Claim):                          # nobody else has the key meanwhile
    claim.digest, claim.answer = ...                  # what was sent, and what is told again if it is sent again
    await spool.commit(entry, batch, claim=claim)
    claim.release()                                   # whatever came of it
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from momentum_trio.spool.key import Answer, Denial, Earlier
from momentum_trio.spool.keys import Keys
from momentum_trio.spool.reading import Reading
from momentum_trio.spool.wire import earlier_of

PENDING_SECONDS_MAX = 10.0
"""How long one waits for the message of another with the same key."""


class Claim:
    """The right to take a message with the key of that *name*. digest, answer: to be set before the commit."""

    __slots__ = ("_let_go", "answer", "digest", "name", "over")

    def __init__(self, name: bytes, let_go: Callable[[bytes], None]) -> None:
        self.name, self.digest = name, b""
        self.answer: Answer | None = None
        self.over = trio.Event()
        self._let_go = let_go

    def release(self) -> None:
        """The key is free, unless it was kept. Does nothing a second time."""
        if not self.over.is_set():
            self.over.set()
            self._let_go(self.name)


class Claims:
    """Of one spool. count_max: of keys, those on their way in too. seconds: how long one is kept; 0: none is taken."""

    def __init__(self, keys: Keys, reading: Reading, count_max: int, seconds: int) -> None:
        self._keys, self._reading = keys, reading
        self._count_max, self._seconds = count_max, seconds
        self._claims: dict[bytes, Claim] = {}

    async def of(self, name: bytes) -> Claim | Earlier | Denial:
        """What a key is good for; waits for who has it, PENDING_SECONDS_MAX at most.

        Raises: ContentDamaged, SpoolSick: what was answered to it cannot be read. It is not taken again for that.
        """
        if not self._seconds:
            return Denial.UNWANTED
        if not await self._wait(name):
            return Denial.PENDING
        keyed = await self._reading.keyed(name, trio.current_time())
        if keyed is not None:
            return earlier_of(keyed)
        if name in self._claims:  # another was first after all
            return await self.of(name)
        return self._claim(name) or Denial.FULL

    def is_claimed(self, name: bytes) -> bool:
        """Whether ``of`` would have to wait."""
        return name in self._claims

    def taken_over(self, name: bytes) -> Claim | Denial | None:
        """The same of a key that another spool has kept; None: it is known here, or on its way in. Waits for nobody."""
        is_here = name in self._claims or self._keys.find(name, trio.current_time()) is not None
        return None if is_here else self._claim(name) or Denial.FULL

    def _claim(self, name: bytes) -> Claim | None:
        if len(self._keys) + len(self._claims) >= self._count_max:
            return None
        claim = self._claims[name] = Claim(name, self._let_go)
        return claim

    async def _wait(self, name: bytes) -> bool:
        """Until nobody has the key; false when that takes too long."""
        with trio.move_on_after(PENDING_SECONDS_MAX):
            while (claim := self._claims.get(name)) is not None:
                await claim.over.wait()
            return True
        return False

    def _let_go(self, name: bytes) -> None:
        del self._claims[name]
