"""Content on its way out of custody: small content is held, larger content is read in parts, once to look at it."""

from __future__ import annotations

from momentum_trio.delivery.custody import Contents
from momentum_trio.protocol.smtp.client_content import Inspection
from momentum_trio.spool.fault import ContentDamaged
from momentum_trio.spool.message import Batch

HELD_OCTETS_MAX = 256 * 1024
PART_OCTETS = 128 * 1024


class OutgoingContent:
    """The content of one batch, and what is known of it. Raises, when read: KeyError (not in custody), SpoolFault."""

    __slots__ = ("_batch", "_contents", "_held", "inspection")

    def __init__(self, contents: Contents, batch: Batch) -> None:
        self._contents, self._batch = contents, batch
        self._held: bytes | None = None
        self.inspection = Inspection()

    async def inspect(self) -> None:
        """Look at all of it. Raises also ContentDamaged, when it is not as long as it was."""
        if self._batch.octets <= HELD_OCTETS_MAX:
            self._held = await self._contents.content(self._batch.batch_id)
            self.inspection.part(self._held)
        else:
            while part := await self.part(self.inspection.octets):
                self.inspection.part(part)
        if self.inspection.octets != self._batch.octets:
            raise ContentDamaged(f"{self.inspection.octets} of {self._batch.octets} octets")

    async def part(self, offset: int) -> bytes:
        """The part that begins at *offset*; empty at the end and beyond."""
        if self._held is not None:
            return self._held[offset:]
        return await self._contents.read(self._batch.batch_id, offset, PART_OCTETS)
