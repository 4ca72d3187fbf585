"""What is in custody and where it lies: the index, in memory, rebuilt from the log at opening. No content."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from momentum_trio.spool.frame import Salt
from momentum_trio.spool.message import Retry

NUMBER_MAX = 1 << 62
NAME_LENGTH = len("0123456789abcdef-01234567.log")


def segment_name(number: int, salt: int) -> str:
    """The name of a segment's file; both numbers stand in it, so that a damaged header loses neither."""
    return f"{number:016x}-{salt:08x}.log"


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """Number and salt, or None for a name that is no segment's."""
    number, _, rest = name.partition("-")
    salt, _, _ = rest.partition(".")
    try:
        parsed = int(number, 16), int(salt, 16)
    except ValueError:
        return None
    return parsed if segment_name(*parsed) == name and len(name) == NAME_LENGTH and parsed[0] < NUMBER_MAX else None


class Segment:
    """One file of the log. length: octets of it that count. slots: live batches whose record lies here."""

    __slots__ = ("length", "live_octets", "number", "path", "salt", "slots")

    def __init__(self, number: int, salt: int, path: str, length: int) -> None:
        self.number = number
        self.path = path
        self.salt = Salt(number, salt)
        self.length = length
        self.live_octets = 0
        self.slots: dict[str, Slot] = {}


class Slot:
    """Where one batch in custody lies.

    open: its messages not concluded, with their retries. file: name of large content, or empty; then content_octets is
    the length of the inline content, else that of the file.
    """

    __slots__ = (
        "batch_id",
        "content_check",
        "content_octets",
        "envelope_octets",
        "file",
        "frame_octets",
        "open",
        "place",
        "segment",
    )

    def __init__(
        self,
        batch_id: str,
        segment: Segment,
        place: int,
        frame_octets: int,
        envelope_octets: int,
        content_octets: int,
        file: str,
        content_check: int,
        messages: Iterable[str],
    ) -> None:
        self.batch_id = batch_id
        self.segment = segment
        self.place = place
        self.frame_octets = frame_octets
        self.envelope_octets = envelope_octets
        self.content_octets = content_octets
        self.file = file
        self.content_check = content_check
        self.open: dict[str, Retry | None] = dict.fromkeys(messages)


class Ledger:
    """The slots and the segments, oldest first."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.segments: deque[Segment] = deque()

    @property
    def log_octets(self) -> int:
        """Length of the whole log."""
        return sum(segment.length for segment in self.segments)

    @property
    def live_octets(self) -> int:
        """Octets of records in the log that are still in custody."""
        return sum(segment.live_octets for segment in self.segments)

    def add(self, slot: Slot) -> None:
        """*slot* is in custody; a record of the same batch that lay elsewhere no longer counts."""
        if slot.batch_id in self.slots:
            self.remove(slot.batch_id)
        self.slots[slot.batch_id] = slot
        slot.segment.slots[slot.batch_id] = slot
        slot.segment.live_octets += slot.frame_octets

    def remove(self, batch_id: str) -> Slot:
        """*batch_id* is no longer in custody."""
        slot = self.slots.pop(batch_id)
        del slot.segment.slots[batch_id]
        slot.segment.live_octets -= slot.frame_octets
        return slot

    def conclude(self, batch_id: str, message_ids: Iterable[str]) -> Slot | None:
        """Custody of these messages ended. Returns the slot when none is left; unknown ones change nothing."""
        slot = self.slots.get(batch_id)
        if slot is None:
            return None
        for message_id in message_ids:
            slot.open.pop(message_id, None)
        return None if slot.open else self.remove(batch_id)

    def postpone(self, batch_id: str, retries: Iterable[tuple[str, Retry]]) -> None:
        """Note retries; unknown messages change nothing."""
        slot = self.slots.get(batch_id)
        if slot is not None:
            for message_id, retry in retries:
                if message_id in slot.open:
                    slot.open[message_id] = retry
