"""Live records are copied forward, oldest segment first, so that the log stays within a bound.

The law, whenever the committer has nothing to do: log octets <= 2 x live octets + 2 segments. Copying begins one
segment earlier. Oldest first, because then no outcome outlives its use: an outcome in the oldest segment can speak only
of messages in it, and their copies are written without the messages concluded by then.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import msgspec

from momentum_trio.machine.disk import Close, Disk, File, Open, Read, Step
from momentum_trio.spool.frame import FRAME_HEADER_OCTETS, Frame, Kind
from momentum_trio.spool.ledger import Ledger, Segment, Slot, Way
from momentum_trio.spool.log import Report
from momentum_trio.spool.message import Retry
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.wire import Custody, Recipient, Wire

COPY_OCTETS_MAX = 1024 * 1024
COPY_COUNT_MAX = 256


@dataclass(frozen=True, slots=True)
class Copy:
    """A live record, encoded anew without its concluded messages."""

    slot: Slot
    frame: Frame


class Compaction:
    """Decides when, and reads what is copied; the committer writes it."""

    def __init__(
        self, disk: Disk, ledger: Ledger, wire: Wire, quarantine: Quarantine, report: Report, segment_octets: int
    ) -> None:
        self._disk, self._ledger, self._wire = disk, ledger, wire
        self._quarantine, self._report = quarantine, report
        self._segment_octets = segment_octets

    def due(self, active: Segment | None) -> bool:
        """Whether there is too much in the log that is dead."""
        ledger = self._ledger
        if len(ledger.segments) < 2 or ledger.segments[0] is active:
            return False
        return ledger.log_octets > 2 * ledger.live_octets + self._segment_octets

    async def copies(self) -> list[Copy]:
        """Some live records of the oldest segment. Damaged ones go to quarantine. Raises OSError."""
        segment = self._ledger.segments[0]
        slots: list[Slot] = []
        octets = 0
        for slot in segment.slots.values():
            octets += slot.frame_octets
            if slots and (octets > min(COPY_OCTETS_MAX, self._segment_octets // 2) or len(slots) == COPY_COUNT_MAX):
                break
            slots.append(slot)
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

    def moved(self, copy: Copy, segment: Segment, place: int) -> None:
        """*copy* is durable at *place* of *segment*."""
        old, frame = copy.slot, copy.frame
        slot = Slot(
            old.batch_id,
            segment,
            place,
            frame.octets,
            len(frame.envelope),
            old.content_octets,
            old.file,
            old.content_check,
            (),
        )
        slot.open, slot.ways = old.open, old.ways
        self._ledger.add(slot)

    def _copy(self, slot: Slot, octets: bytes) -> Frame | None:
        read = read_custody(slot, octets, self._wire)
        if read is None:
            return None
        custody, content = read
        messages = [
            recipient(each, slot.open[each.message_id], slot.ways.get(each.message_id))
            for each in custody.messages
            if each.message_id in slot.open
        ]
        custody = msgspec.structs.replace(custody, messages=messages, concluding=None)
        return Frame.of(Kind.BATCH, self._wire.encode(custody), content)

    async def _lose(self, slot: Slot, file: File) -> None:
        name = f"{slot.segment.path.rpartition('/')[2]}-{slot.place:x}"
        await self._quarantine.keep(name, file, slot.place, slot.place + slot.frame_octets)
        self._ledger.remove(slot.batch_id)
        self._report(f"spool: batch {slot.batch_id} is damaged and lost; its octets are kept in quarantine as {name}")


def recipient(message: Recipient, retry: Retry | None, way: Way | None) -> Recipient:
    """*message* with *retry*, and where it was moved to."""
    if retry is not None:
        message = msgspec.structs.replace(
            message,
            attempts=retry.attempts,
            next_attempt_at=retry.next_attempt_at,
            notices=retry.notices,
            reason=retry.reason,
        )
    if way is not None:
        message = msgspec.structs.replace(
            message, binding_group=way.binding_group, binding=way.binding, routing_domain=way.routing_domain
        )
    return message


def read_custody(slot: Slot, octets: bytes, wire: Wire) -> tuple[Custody, bytes] | None:
    """Envelope and inline content of the record at *slot*, or None when it is damaged."""
    header = slot.segment.salt.header(octets, slot.place)
    if header is None or header.octets != len(octets) or header.octets != slot.frame_octets:
        return None
    if zlib.crc32(octets[FRAME_HEADER_OCTETS:]) != header.check:
        return None
    envelope_end = FRAME_HEADER_OCTETS + header.envelope_octets
    try:
        return wire.custody(octets[FRAME_HEADER_OCTETS:envelope_end]), octets[envelope_end:]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
