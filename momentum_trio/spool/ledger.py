"""What is in custody and where it lies: the index, in memory, rebuilt from the log at opening. No content."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

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
        "ways",
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
        self.ways: dict[str, Way] = {}


class Way(NamedTuple):
    """Where an operator moved a message; empty: as its batch and its path say."""

    binding_group: str = ""
    binding: str = ""
    routing_domain: str = ""


class Ledger:
    """The slots and the segments, oldest first; a ticket for each message in custody."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.segments: deque[Segment] = deque()
        self._tickets: dict[str, int] = {}  # by message id
        self._rows: list[tuple[str, str] | None] = []  # by ticket: ids of batch and message
        self._free: list[int] = []

    @property
    def log_octets(self) -> int:
        """Length of the whole log."""
        return sum(segment.length for segment in self.segments)

    @property
    def live_octets(self) -> int:
        """Octets of records in the log that are still in custody."""
        return sum(segment.live_octets for segment in self.segments)

    def add(self, slot: Slot) -> list[int]:
        """*slot* is in custody; a record of the same batch that lay elsewhere no longer counts. Returns its tickets."""
        old = self.slots.get(slot.batch_id)
        if old is not None:
            for message_id in old.open.keys() - slot.open.keys():
                self._release(message_id)
            self._take_out(old)
        self.slots[slot.batch_id] = slot
        slot.segment.slots[slot.batch_id] = slot
        slot.segment.live_octets += slot.frame_octets
        return [self._issue(slot.batch_id, message_id) for message_id in slot.open]

    def _issue(self, batch_id: str, message_id: str) -> int:
        ticket = self._tickets.get(message_id)
        if ticket is None:
            if not self._free:
                self._free.append(len(self._rows))
                self._rows.append(None)
            ticket = self._tickets[message_id] = self._free.pop()
            self._rows[ticket] = (batch_id, message_id)
        return ticket

    def _release(self, message_id: str) -> None:
        ticket = self._tickets.pop(message_id)
        self._rows[ticket] = None
        self._free.append(ticket)

    def _take_out(self, slot: Slot) -> None:
        del self.slots[slot.batch_id], slot.segment.slots[slot.batch_id]
        slot.segment.live_octets -= slot.frame_octets

    def remove(self, batch_id: str) -> Slot:
        """*batch_id* is no longer in custody."""
        slot = self.slots[batch_id]
        self._take_out(slot)
        for message_id in slot.open:
            self._release(message_id)
        return slot

    def find(self, message_id: str) -> int | None:
        """Its ticket while it is in custody."""
        return self._tickets.get(message_id)

    def at(self, ticket: int) -> tuple[Slot, str]:
        """Where the message of *ticket* lies, and its id. Raises KeyError."""
        row = self._rows[ticket] if 0 <= ticket < len(self._rows) else None
        if row is None:
            raise KeyError(ticket)
        return self.slots[row[0]], row[1]

    def conclude(self, message_ids: Iterable[str]) -> list[Slot]:
        """Custody of these messages ended. Returns slots of which none is left; unknown messages change nothing."""
        ended: list[Slot] = []
        for message_id in message_ids:
            ticket = self._tickets.get(message_id)
            if ticket is None:
                continue
            slot, _ = self.at(ticket)
            if len(slot.open) == 1:
                ended.append(self.remove(slot.batch_id))
            else:
                del slot.open[message_id]
                self._release(message_id)
        return ended

    def postpone(self, retries: Iterable[tuple[str, Retry]]) -> None:
        """Note retries; unknown messages change nothing."""
        for message_id, retry in retries:
            ticket = self._tickets.get(message_id)
            if ticket is not None:
                self.at(ticket)[0].open[message_id] = retry

    def move(
        self,
        message_ids: Iterable[str],
        binding_group: str | None,
        binding: str | None,
        routing_domain: str | None,
    ) -> None:
        """Note another way; None: as before. Unknown messages change nothing."""
        for message_id in message_ids:
            ticket = self._tickets.get(message_id)
            if ticket is not None:
                ways = self.at(ticket)[0].ways
                old = ways.get(message_id, Way())
                ways[message_id] = Way(
                    old.binding_group if binding_group is None else binding_group,
                    old.binding if binding is None else binding,
                    old.routing_domain if routing_domain is None else routing_domain,
                )
