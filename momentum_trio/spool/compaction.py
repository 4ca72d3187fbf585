"""Live records are copied forward, oldest segment first, so that the log stays within a bound.

The law, whenever the committer has nothing to do: log octets <= 2 x live octets + 2 segments. Copying begins one
segment earlier. Oldest first, because then no outcome outlives its use: an outcome in the oldest segment can speak only
of messages in it, and their copies are written without the messages concluded by then. Keys follow the batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from momentum_trio.machine.disk import Close, Disk, File, Open, Read, Step
from momentum_trio.spool.frame import Frame, Kind
from momentum_trio.spool.key_compaction import KeyCompaction, KeyCopy
from momentum_trio.spool.keys import Keys
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.log import Report
from momentum_trio.spool.message import Retry
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.record import read_custody
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.slot import Slot
from momentum_trio.spool.wire import Custody, Recipient, Wire

COPY_OCTETS_MAX = 1024 * 1024
COPY_COUNT_MAX = 256
NO_RETRY = Retry(0, 0.0)


@dataclass(frozen=True, slots=True)
class Copy:
    """A live record, encoded anew without its concluded messages."""

    slot: Slot
    frame: Frame


class Compaction:
    """Decides when, and reads what is copied; the committer writes it."""

    def __init__(
        self,
        disk: Disk,
        ledger: Ledger,
        keys: Keys,
        wire: Wire,
        quarantine: Quarantine,
        report: Report,
        segment_octets: int,
    ) -> None:
        self._disk, self._ledger, self._wire = disk, ledger, wire
        self._quarantine, self._report = quarantine, report
        self._segment_octets = segment_octets
        self._keys = KeyCompaction(disk, keys, wire, quarantine, report, segment_octets)

    def due(self, active: Segment | None) -> bool:
        """Whether there is too much in the log that is dead."""
        ledger = self._ledger
        if len(ledger.segments) < 2 or ledger.segments[0] is active:
            return False
        return ledger.log_octets > 2 * ledger.live_octets + self._segment_octets

    async def copies(self) -> Sequence[Copy | KeyCopy]:
        """Some live records of the oldest segment. Damaged ones go to quarantine. Raises OSError."""
        segment = self._ledger.segments[0]
        return await self._copies(segment) or await self._keys.copies(segment)

    async def _copies(self, segment: Segment) -> list[Copy]:
        """Of batches."""
        slots: list[Slot] = []
        octets = 0
        for row in self._ledger.rows(segment):
            slot = self._ledger.slot(row)
            octets += slot.frame_octets
            if slots and (octets > min(COPY_OCTETS_MAX, self._segment_octets // 2) or len(slots) == COPY_COUNT_MAX):
                break
            slots.append(slot)
        if not slots:
            return []
        file = File(segment.path)
        steps: list[Step[Any]] = [Open(file), *(Read(file, slot.place, slot.frame_octets) for slot in slots)]
        try:
            results = await self._disk.perform(steps)
            copies = [(slot, self._copy(slot, octets)) for slot, octets in zip(slots, results[1:], strict=True)]
            for slot, frame in copies:
                if frame is None:
                    await self._lose(slot, file)
        finally:
            await self._disk.perform([Close(file)])
        return [Copy(slot, frame) for slot, frame in copies if frame is not None]

    def moved(self, copy: Copy | KeyCopy, segment: Segment, place: int) -> None:
        """*copy* is durable at *place* of *segment*."""
        if isinstance(copy, KeyCopy):
            self._keys.moved(copy, segment, place)
            return
        self._ledger.relocate(copy.slot.row, segment, place, copy.frame)

    def _copy(self, slot: Slot, octets: bytes) -> Frame | None:
        read = read_custody(slot, octets, self._wire)
        if read is None:
            return None
        custody, content = read
        tickets = self._ledger.open_by_id(slot.row)
        messages = [
            self._recipient(custody, each, ticket)
            for each in custody.messages
            if (ticket := tickets.pop(each.message_id, None)) is not None
        ]
        custody = msgspec.structs.replace(custody, messages=messages, concluding=None)
        return Frame.of(Kind.BATCH, self._wire.encode(custody), content)

    def _recipient(self, custody: Custody, message: Recipient, ticket: int) -> Recipient:
        """*message* as it stands: its retry, and where it was moved to."""
        retry, way = self._ledger.retry(ticket) or NO_RETRY, self._ledger.way(ticket)
        return msgspec.structs.replace(
            message,
            attempts=retry.attempts,
            next_attempt_at=retry.next_attempt_at,
            notices=retry.notices,
            reason=retry.reason,
            routing_domain=way.routing_domain,
            binding_group="" if way.binding_group == custody.binding_group else way.binding_group,
            binding="" if way.binding == custody.binding else way.binding,
        )

    async def _lose(self, slot: Slot, file: File) -> None:
        name = f"{slot.segment.path.rpartition('/')[2]}-{slot.place:x}"
        await self._quarantine.keep(name, file, slot.place, slot.place + slot.frame_octets)
        self._ledger.lose(slot.row)
        self._report(f"spool: batch {slot.batch_id} is damaged and lost; its octets are kept in quarantine as {name}")
