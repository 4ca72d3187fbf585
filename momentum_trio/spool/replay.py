"""Enters the records of a log in a ledger, one after the other: recovery does, and tools that only look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from momentum_trio.spool.frame import Found, Kind
from momentum_trio.spool.keys import Keys, Moment, sensible_key
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import Custody, Due, Recipient, Wire

BATCH, KEYS = Kind.BATCH, Kind.KEYS
FILE_NAME = re.compile(r"[0-9a-f]{1,16}-[0-9a-f]{1,16}")
CHECK_MAX = 0xFFFFFFFF  # of a CRC-32


def _nothing(_tickets: Iterable[int], _recipients: Iterable[Recipient]) -> None:
    """Nobody wants to know."""


class Replay:
    """Into one ledger and its keys. moment: of now. noted: told of messages that came, and of their tickets."""

    def __init__(
        self,
        ledger: Ledger,
        keys: Keys,
        moment: Moment,
        wire: Wire,
        noted: Callable[[Iterable[int], Iterable[Recipient]], None] = _nothing,
    ) -> None:
        self._ledger, self._keys, self._moment = ledger, keys, moment
        self._wire, self._noted = wire, noted

    def enter(self, segment: Segment, records: Iterable[Found]) -> list[Found]:
        """Enter records in their order. Returns those that make no sense and are passed over.

        Nearly all there is in a long log is plain batches: they are entered by their columns, as many as stand
        together.
        """
        senseless: list[Found] = []
        plain, custodies, decode = list[Found](), list[Custody](), self._wire.custody
        for record in records:
            custody = None
            try:
                if record.kind is BATCH:
                    custody = decode(record.envelope)
                    if is_plain(custody, record.content_octets):
                        plain.append(record)
                        custodies.append(custody)
                        continue
                if plain:
                    self._enter_plain(segment, plain, custodies)
                    plain, custodies = [], []
                entered = self._enter_other(segment, record, custody)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                entered = False
            if not entered:
                senseless.append(record)
        if plain:
            self._enter_plain(segment, plain, custodies)
        return senseless

    def _enter_plain(self, segment: Segment, records: Sequence[Found], custodies: Sequence[Custody]) -> None:
        singles = [custody.messages[0] for custody in custodies]
        self._noted(self._ledger.add_plain(segment, records, custodies, singles), singles)

    def _enter_other(self, segment: Segment, record: Found, custody: Custody | None) -> bool:
        if custody is not None:
            return self._batch(segment, record, custody)
        if record.kind is KEYS:
            return self._held(segment, record)
        self._news(record.kind, record.envelope)
        return True

    def _batch(self, segment: Segment, record: Found, custody: Custody) -> bool:
        if not sensible(custody, record.content_octets):
            return False
        self._noted(self._ledger.add(segment, record.place, record, custody), custody.messages)
        if custody.concluding is not None:
            self._conclude(custody.concluding.message_ids)
        return True

    def _held(self, segment: Segment, record: Found) -> bool:
        """Keys. One whose batch is not there is not entered: what a write that failed left of it promises nothing."""
        held = self._wire.keys(record.envelope)
        if not all(map(sensible_key, held.keys)):
            return False
        knows, until = self._ledger.knows, self._moment.until
        counting = [each for each in held.keys if held.copied or knows(each.batch_id)]
        ends = [(each.name, until(each)) for each in counting]
        in_time = [(name, end) for name, end in ends if end > self._moment.steady]
        if in_time:
            self._keys.add(segment, record.place, record.octets, in_time)
        return True

    def _news(self, kind: Kind, envelope: bytes) -> None:
        """What became of messages."""
        wire = self._wire
        match kind:
            case Kind.SETTLED:
                settled = wire.settled(envelope)
                self._conclude(settled.ended.message_ids)
                self._postpone(settled.postponed)
            case Kind.MOVED:
                moved = wire.moved(envelope)
                tickets = list(self._in_custody(moved.message_ids))
                self._ledger.move(tickets, moved.binding_group, moved.binding, moved.routing_domain)
            case Kind.CONCLUDED:
                self._conclude([each.message_id for each in wire.concluded(envelope).outcomes])
            case _:
                self._postpone(wire.postponed(envelope).retries)

    def _in_custody(self, message_ids: Iterable[str]) -> Iterator[int]:
        find = self._ledger.find
        return (ticket for message_id in message_ids if (ticket := find(message_id)) is not None)

    def _conclude(self, message_ids: Iterable[str]) -> None:
        for ticket in self._in_custody(message_ids):
            self._ledger.conclude(ticket)

    def _postpone(self, dues: Sequence[Due]) -> None:
        tickets = self._ledger.find_all([due.message_id for due in dues])
        known = [(ticket, due) for ticket, due in zip(tickets, dues, strict=True) if ticket is not None]
        self._ledger.postpone_all(known)


def is_plain(custody: Custody, inline_octets: int) -> bool:
    """Whether a batch is sensible, one message that has its name, its content inline, and nothing ends with it."""
    messages = custody.messages
    return (
        custody.octets == inline_octets
        and len(messages) == 1
        and messages[0].message_id == custody.batch_id
        and not custody.file
        and not custody.content_check
        and custody.concluding is None
    )


def sensible(custody: Custody, inline_octets: int) -> bool:
    """Whether the fields agree: a hostile file must not lead us out of ``content/`` or to lengths that are not so."""
    if not custody.messages or custody.octets < 0 or not 0 <= custody.content_check <= CHECK_MAX:
        return False
    if custody.file:
        return FILE_NAME.fullmatch(custody.file) is not None and inline_octets == 0
    return custody.octets == inline_octets
