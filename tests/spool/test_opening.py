"""What makes opening fast is not seen: every shorter way says what the plain one says."""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from momentum_trio.mail.identifier import identifier
from momentum_trio.mail.path import domain_of
from momentum_trio.spool import scan
from momentum_trio.spool.arrears import Arrears
from momentum_trio.spool.frame import (
    ENVELOPE_OCTETS_MAX,
    FRAME_HEADER_OCTETS,
    FRAME_MAGIC,
    INLINE_OCTETS_MAX,
    Found,
    FrameHeader,
    Kind,
    Salt,
)
from momentum_trio.spool.keys import Keys, Moment
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Retry
from momentum_trio.spool.replay import Replay, sensible
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.strategies import KINDS_OF, NUMBER, SALT, ids, records, segments, spoilt_segments
from momentum_trio.spool.wire import Custody, Recipient, Value, Wire

HEADER = FrameHeader(Kind.BATCH, 100, 20, 0, 144)


def header_read_slowly(octets: bytes, place: int, at: int) -> FrameHeader | None:
    """Field by field, as docs/protocols/spool.md has them."""
    header = octets[at : at + FRAME_HEADER_OCTETS]
    if len(header) < FRAME_HEADER_OCTETS or header[:4] != FRAME_MAGIC:
        return None
    salt = zlib.crc32(NUMBER.to_bytes(8, "big") + SALT.to_bytes(4, "big"))
    envelope, content, check, own = (int.from_bytes(header[first : first + 4], "big") for first in (8, 12, 16, 20))
    if own != zlib.crc32(header[:20] + place.to_bytes(8, "big"), salt) or header[4] not in range(1, 8):
        return None
    if envelope > ENVELOPE_OCTETS_MAX or content > INLINE_OCTETS_MAX:
        return None
    return FrameHeader(Kind(header[4]), envelope, content, check, FRAME_HEADER_OCTETS + envelope + content)


@settings(max_examples=30, deadline=None)  # a segment has many places
@given(segments | spoilt_segments() | st.binary(max_size=60).map(FRAME_MAGIC.__add__))
def test_a_header_is_what_its_fields_say(octets: bytes) -> None:
    salt = Salt(NUMBER, SALT)
    beginnings = {place for place in range(len(octets)) if octets.startswith(FRAME_MAGIC, place)}
    for place in beginnings | set(range(max(0, len(octets) - FRAME_HEADER_OCTETS), len(octets) + 1)):
        assert salt.header(octets, place, place) == header_read_slowly(octets, place, place)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 1 << 62))
@example(b"\x07\0\0\0" + bytes(12), 0)
@example(b"\x01\0\0\0\1\0\0\1" + bytes(8), 0)
@example(b"\x01\1\2\3" + bytes(12), 0)
def test_a_header_whose_check_is_right_is_looked_at_all_the_same(fields: bytes, place: int) -> None:
    salt = zlib.crc32(NUMBER.to_bytes(8, "big") + SALT.to_bytes(4, "big"))
    head = FRAME_MAGIC + fields
    octets = head + zlib.crc32(head + place.to_bytes(8, "big"), salt).to_bytes(4, "big")
    assert Salt(NUMBER, SALT).header(octets, place) == header_read_slowly(octets, place, 0)


def custody(batch_id: str, recipients: list[Recipient]) -> Custody:
    return Custody(batch_id, "", 1.0, "", recipients, 20, "", "esmtp", "default", "default", [], "", 0)


def ledger_of_one_segment() -> tuple[Ledger, Segment]:
    ledger, segment = Ledger(), Segment(NUMBER, SALT, "", 0)
    ledger.begin_segment(segment)
    return ledger, segment


@given(segments | spoilt_segments(), st.integers(FRAME_HEADER_OCTETS, 300))
def test_how_much_is_read_at_once_changes_nothing(octets: bytes, window_octets: int) -> None:
    at_once = groups_of(octets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "WINDOW_OCTETS", window_octets)
        assert groups_of(octets) == at_once


def groups_of(octets: bytes) -> list[scan.Group]:
    scanning, groups = scan.scan(Salt(NUMBER, SALT)), list[scan.Group]()
    item = next(scanning)
    with suppress(StopIteration):
        while True:
            if isinstance(item, scan.Group):
                groups.append(item)
                item = scanning.send(b"")
            else:
                item = scanning.send(octets[item.offset : item.offset + item.size])
    return groups


class Index:
    """A ledger with its keys and its arrears."""

    def __init__(self) -> None:
        self.ledger, self.segment = ledger_of_one_segment()
        self.arrears = Arrears(self.ledger)
        self.replay = Replay(self.ledger, Keys(self.ledger), Moment(0.0, 0.0), Wire(), self.arrears.note)

    def enter_slowly(self, record: Found) -> list[Found]:
        """A batch by itself, in the way of one that comes in."""
        if record.kind is not Kind.BATCH:
            return self.replay.enter(self.segment, [record])
        batch = Wire().custody(record.envelope)
        if not sensible(batch, record.content_octets):
            return [record]
        self.arrears.note(self.ledger.add(self.segment, record.place, record, batch), batch.messages)
        for name in batch.concluding.message_ids if batch.concluding is not None else ():
            if (ticket := self.ledger.find(name)) is not None:
                self.ledger.conclude(ticket)
        return []

    def told(self) -> str:
        """All it says but for the numbers of its rows; as text, in which what is not a number equals itself."""
        ledger = self.ledger
        slots = [ledger.slot(row) for row in ledger.rows(self.segment)]
        trio.run(self.arrears.settle)
        owed = [(ledger.messages.ids[each.ticket], replace(each, ticket=0)) for each in self.arrears.owed()]
        lie = [(slot.batch_id, *slot[3:]) for slot in slots]
        return repr((len(ledger), lie, owed, self.segment.records, ledger.live_octets, self.segment.live_octets))


one_message = st.builds(
    lambda name, path, attempts, group: (
        custody(name, [Recipient(name, path, attempts, binding_group=group)]),
        bytes(20),
    ),
    ids,
    st.sampled_from(["a@x.example", "b@X.example", "c@[1.2.3.4]", ""]),
    st.integers(0, 1),
    st.sampled_from(["", "moved"]),
)


@settings(deadline=None)  # a trio.run
@given(st.lists(one_message | records, max_size=12), st.integers(1, 12))
def test_many_records_at_once_are_what_they_are_one_by_one(values: list[tuple[Value, bytes]], at_once: int) -> None:
    many, one_by_one, odd = Index(), Index(), list[Found]()
    found = [found_of(number, *value) for number, value in enumerate(values)]
    for first in range(0, len(found), at_once):
        odd += many.replay.enter(many.segment, found[first : first + at_once])
    assert odd == [each for record in found for each in one_by_one.enter_slowly(record)]
    assert many.told() == one_by_one.told()


def found_of(number: int, value: Value, content: bytes) -> Found:
    envelope = Wire().encode(value)
    octets = FRAME_HEADER_OCTETS + len(envelope) + len(content)
    return Found(KINDS_OF[type(value)], len(envelope), len(content), octets, 1000 * number, envelope)


paths = st.text('aZ.@[]"', max_size=8) | st.sampled_from(
    ["b@x.example", "c@X.Example", "d@[general:a@x]", "postmaster"]
)


@settings(deadline=None)  # a trio.run
@given(st.lists(paths, max_size=12))
@example(["a@[1]", "a@b]", "a@[c@b]", "b]", 'a@b"', "a@", "@", "", "b", "x@b"])
def test_domains_of_what_is_owed_are_those_of_the_paths(paths: list[str]) -> None:
    ledger, segment = ledger_of_one_segment()
    arrears = Arrears(ledger)
    for number, path in enumerate(paths):
        batch = custody(f"{number}", [Recipient(f"{number}", path)])
        arrears.note(ledger.add(segment, number, HEADER, batch), batch.messages)
    trio.run(arrears.settle)
    assert [owed.domain for owed in arrears.owed()] == [domain_of(path).lower() for path in paths]


@dataclass
class Model:
    """What a ledger must say: of each batch its open messages with their retries, in order."""

    batches: dict[str, dict[str, Retry | None]] = field(default_factory=dict)

    def check(self, ledger: Ledger) -> None:
        assert len(ledger) == len(self.batches)
        for batch_id, messages in self.batches.items():
            tickets = ledger.open_by_id(ledger.row(batch_id))
            assert list(tickets) == list(messages)
            assert [ledger.retry(ticket) for ticket in tickets.values()] == list(messages.values())
            assert [ledger.find(message_id) for message_id in messages] == list(tickets.values())
            assert not any(ledger.messages.owing[ticket] for ticket in tickets.values())


steps = st.tuples(st.sampled_from(["add", "conclude", "postpone"]), st.integers(0, 99))


@given(st.lists(steps, max_size=20))
def test_rows_that_are_used_again_remember_nothing(steps: list[tuple[str, int]]) -> None:
    (ledger, segment), model = ledger_of_one_segment(), Model()
    for step, number in steps:
        opened = [(batch, message) for batch, messages in model.batches.items() for message in messages]
        if step == "add":  # the same batch may come again, as a copy
            batch = identifier(1_700_000_000, 1, number % 5) if number % 5 else "odd"
            message_ids = [batch, f"{batch}a", f"{batch}b"][: 1 + number % 3]
            retry = Retry(1, 0.0, 0, "full") if number % 2 else None
            recipients = [Recipient(each, "a@b", attempts=number % 2, reason="full") for each in message_ids]
            ledger.add(segment, number, HEADER, custody(batch, recipients))
            model.batches[batch] = dict.fromkeys(message_ids, retry)
        elif opened:
            batch, message = opened[number % len(opened)]
            ticket = ledger.find(message)
            assert ticket is not None
            if step == "conclude":
                del model.batches[batch][message]
                if not model.batches[batch]:
                    del model.batches[batch]
                ledger.messages.owing[ticket] = 1
                assert (ledger.conclude(ticket) is not None) is (batch not in model.batches)
            else:
                retry = Retry(number, 2.0 * number, number, f"450 {number % 3}")
                model.batches[batch][message] = retry if number else None
                ledger.postpone(ticket, retry)
        model.check(ledger)
