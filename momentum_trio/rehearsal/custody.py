"""A spool that takes custody of nothing: content is counted and let go, receipts are for the rehearsal alone."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.machine.contract import Clock
from momentum_trio.mail.identifier import Identifiers
from momentum_trio.spool.message import Batch, Conclusion, Durability, Receipt
from momentum_trio.spool.spool import Claim, Entry, Spool


class NoEntry(Entry):
    """Content that is counted."""

    def __init__(self) -> None:
        self.octets = 0

    async def write(self, octets: bytes | bytearray | memoryview) -> None:
        """Count *octets*."""
        self.octets += len(octets)

    async def discard(self) -> None:
        """There is nothing to discard."""


class NoCustody(Spool):
    """The part of a spool that reception uses. Every commit succeeds: a rehearsal's disk is never full."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._identifiers = Identifiers(0, 0)

    def next_id(self) -> str:
        """An identifier of the time of the rehearsal."""
        return self._identifiers.next(self._clock.now())

    def begin(self) -> NoEntry:
        """Content to be counted."""
        return NoEntry()

    async def commit(
        self,
        entry: Entry,
        batch: Batch,
        *,
        concluding: Sequence[tuple[int, Conclusion]] = (),
        claim: Claim | None = None,
    ) -> Receipt:
        """What stands for a receipt."""
        return Receipt(batch.with_octets(entry.octets), Durability.SYNCED)
