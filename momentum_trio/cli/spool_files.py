"""The files of a spool as one-shot tools read them: plain blocking reads, no lock, nothing changed, no trio.

The host may be at work meanwhile: what it has not finished writing is not damage, and when it removes a segment before
it was read all is read again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from momentum_trio.mail.path import domain_of
from momentum_trio.spool.frame import FRAME_HEADER_OCTETS, SEGMENT_HEADER_OCTETS, Kind, parse_segment_header
from momentum_trio.spool.keys import Keys, Moment
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Retry
from momentum_trio.spool.record import read_custody, read_keys
from momentum_trio.spool.replay import Replay
from momentum_trio.spool.scan import Damage, Group, Want, scan
from momentum_trio.spool.segment import Segment, parse_segment_name
from momentum_trio.spool.slot import Slot
from momentum_trio.spool.ways import Way
from momentum_trio.spool.wire import Custody, Keyed, Recipient, Wire

TRIES_MAX = 5  # of reading it all, while the host removes segments


@dataclass(slots=True)
class SegmentFacts:
    """What was read of one segment. groups: that count. unfinished: octets at its end that no marker follows."""

    segment: Segment
    version: int = 0
    groups: int = 0
    after: int = SEGMENT_HEADER_OCTETS
    records: Counter[Kind] = field(default_factory=Counter)
    damages: list[Damage] = field(default_factory=list)
    unfinished: int = 0


@dataclass(slots=True)
class Contents:
    """Large content. missing, odd: of batches in custody, not there or of another length than it must have."""

    files: int = 0
    octets: int = 0
    missing: list[Slot] = field(default_factory=list)
    odd: list[Slot] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Queued:
    """A message in custody, as the files say."""

    custody: Custody
    recipient: Recipient
    retry: Retry | None
    way: Way
    slot: Slot

    @property
    def domain(self) -> str:
        """Where it goes: the domain an operator rerouted it to, else that of its forward-path, in lower case."""
        return self.way.routing_domain or domain_of(self.recipient.forward_path).lower()


class SpoolFiles:
    """Of the spool at *base*, as they are when ``read`` is called."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.ledger = Ledger()
        self.keys = Keys(self.ledger)
        self.segments: list[SegmentFacts] = []
        self._wire = Wire()

    def read(self) -> None:
        """Read the whole log. Raises OSError; NotOurs for a segment of another version."""
        for tries_left in range(TRIES_MAX - 1, -1, -1):
            self.ledger, self.segments = Ledger(), []
            self.keys = Keys(self.ledger)
            try:
                self._read()
            except FileNotFoundError:
                if not tries_left or not os.path.isdir(f"{self.base}/log"):
                    raise
            else:
                return

    def _read(self) -> None:
        replay = Replay(self.ledger, self.keys, Moment(time.time(), 0.0), self._wire)
        claims = self._claims()
        for facts in self.segments:
            self.ledger.begin_segment(facts.segment)
            with open(facts.segment.path, "rb") as file:
                self._read_segment(facts, file.fileno(), replay, claims.get(facts.segment.number))

    def _claims(self) -> dict[int, int]:
        """The segments there are, and how long each is, as the next one says."""
        names = sorted(os.listdir(f"{self.base}/log"))
        claims: dict[int, int] = {}
        for name in names:
            if (numbers := parse_segment_name(name)) is None:
                continue
            facts = SegmentFacts(Segment(*numbers, f"{self.base}/log/{name}", 0))
            self.segments.append(facts)
            with open(facts.segment.path, "rb") as file:
                octets = file.read(SEGMENT_HEADER_OCTETS)
            header = parse_segment_header(octets)
            facts.version = int.from_bytes(octets[8:10], "big") if header is not None else 0
            if header is not None and header.previous:
                claims[header.previous] = header.previous_length
        return claims

    def _read_segment(self, facts: SegmentFacts, file: int, replay: Replay, claim: int | None) -> None:
        segment = facts.segment
        segment.length = length = os.fstat(file).st_size
        scanning = scan(segment.salt)
        item = next(scanning)
        while not (isinstance(item, Group) and item.marker is None):
            octets = b""
            if isinstance(item, Want):
                octets = os.pread(file, max(0, min(item.size, length - item.offset)), item.offset)
            elif claim is None or item.after <= claim:
                facts.groups += 1
                facts.after = item.after
                self._take(facts, item, replay)
            item = scanning.send(octets)
        if not facts.version and length >= SEGMENT_HEADER_OCTETS:
            facts.damages.append(Damage(0, SEGMENT_HEADER_OCTETS))
        if claim is not None and claim > facts.after:
            facts.damages.append(Damage(facts.after, claim))
            item.records = [record for record in item.records if record.after <= claim]
            self._take(facts, Group(None, item.records), replay)
        elif claim is None:
            facts.unfinished = max(0, length - facts.after)

    def _take(self, facts: SegmentFacts, group: Group, replay: Replay) -> None:
        facts.damages += group.damages
        facts.records.update(record.kind for record in group.records)
        facts.damages += [Damage(each.place, each.after) for each in replay.enter(facts.segment, group.records)]

    # -- what is in custody ------------------------------------------------------------------------------------------

    def contents(self) -> Contents:
        """Large content, against what the log says of it."""
        found = Contents()
        folder = f"{self.base}/content"
        present = {entry.name: entry.stat().st_size for entry in os.scandir(folder)} if os.path.isdir(folder) else {}
        found.files, found.octets = len(present), sum(present.values())
        for slot in self.ledger.large():
            if slot.file not in present:
                found.missing.append(slot)
            elif present[slot.file] != slot.content_octets:
                found.odd.append(slot)
        return found

    def queued(self) -> Iterator[Queued]:
        """Each message in custody, in the order of the log. What the host removed meanwhile is passed over."""
        for facts in self.segments:
            try:
                with open(facts.segment.path, "rb") as file:
                    for row in list(self.ledger.rows(facts.segment)):
                        yield from self._of_batch(self.ledger.slot(row), file.fileno())
            except FileNotFoundError:
                continue

    def one(self, identifier: str) -> list[Queued]:
        """The message, or all of a batch, that has the identifier. Raises FileNotFoundError when it is gone."""
        ticket = self.ledger.find(identifier)
        try:
            row = self.ledger.row(identifier) if ticket is None else self.ledger.batch_of(ticket)
        except KeyError:
            return []
        slot = self.ledger.slot(row)
        with open(slot.segment.path, "rb") as file:
            found = list(self._of_batch(slot, file.fileno()))
        return [each for each in found if ticket is None or each.recipient.message_id == identifier]

    def _of_batch(self, slot: Slot, file: int) -> Iterator[Queued]:
        read = read_custody(slot, os.pread(file, slot.frame_octets, slot.place), self._wire)
        if read is None:
            return
        tickets = self.ledger.open_by_id(slot.row)
        for recipient in read[0].messages:
            ticket = tickets.pop(recipient.message_id, None)
            if ticket is not None:
                yield Queued(read[0], recipient, self.ledger.retry(ticket), self.ledger.way(ticket), slot)

    def keyed(self) -> Iterator[Keyed]:
        """Each idempotency key in its time, in the order of the log."""
        for facts in self.segments:
            try:
                with open(facts.segment.path, "rb") as file:
                    for place in self.keys.places(facts.segment):
                        octets = os.pread(file.fileno(), place.frame_octets, place.place)
                        keys = read_keys(place, octets, self._wire) or ()
                        yield from (each for each in keys if self.keys.left(each.name, place) is not None)
            except FileNotFoundError:
                continue

    def content(self, slot: Slot) -> bytes:
        """The content of a batch, whole. Raises OSError."""
        if slot.file:
            with open(f"{self.base}/content/{slot.file}", "rb") as file:
                return file.read(slot.content_octets)
        with open(slot.segment.path, "rb") as file:
            place = slot.place + FRAME_HEADER_OCTETS + slot.envelope_octets
            return os.pread(file.fileno(), slot.content_octets, place)
