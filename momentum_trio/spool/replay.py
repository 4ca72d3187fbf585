"""Enters the records of a log in a ledger, one after the other: recovery does, and tools that only look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from momentum_trio.spool.frame import Kind
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.scan import Found
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import Custody, Due, Wire

BATCH = Kind.BATCH
FILE_NAME = re.compile(r"[0-9a-f]{1,16}-[0-9a-f]{1,16}")
CHECK_MAX = 0xFFFFFFFF  # of a CRC-32
STRIDE_RECORDS, STRIDE_ENVELOPE_OCTETS = 1000, 256 * 1024  # between two turns of others


def _nothing(_tickets: Sequence[int], _custody: Custody) -> None:
    """Nobody wants to know."""


class Replay:
    """Into one ledger. noted: told of each batch, with the tickets of its messages."""

    def __init__(self, ledger: Ledger, wire: Wire, noted: Callable[[Sequence[int], Custody], None] = _nothing) -> None:
        self._ledger, self._wire, self._noted = ledger, wire, noted

    def enter(self, segment: Segment, records: Iterable[Found]) -> Iterator[Found | None]:
        """Enter *records*; yields each that makes no sense, and None now and then, for the others' turn.

        One loop with nothing looked up in it: a million records go through here before mail is taken.
        """
        read, add, noted = self._wire.custody, self._ledger.add, self._noted
        octets = 0
        for count, record in enumerate(records, 1):
            header, envelope = record.header, record.envelope
            try:
                if header.kind is not BATCH:
                    self._news(header.kind, envelope)
                elif sensible(custody := read(envelope), header.content_octets):
                    noted(add(segment, record.place, header, custody), custody)
                    if custody.concluding is not None:
                        self._conclude(custody.concluding.message_ids)
                else:
                    yield record
            except (msgspec.MsgspecError, UnicodeDecodeError):
                yield record
            octets += len(envelope)
            if octets >= STRIDE_ENVELOPE_OCTETS or count % STRIDE_RECORDS == 0:
                octets = 0
                yield None

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

    def _postpone(self, dues: Iterable[Due]) -> None:
        find, postpone = self._ledger.find, self._ledger.postpone
        for due in dues:
            if (ticket := find(due.message_id)) is not None:
                postpone(ticket, due)


def sensible(custody: Custody, inline_octets: int) -> bool:
    """Whether the fields agree: a hostile file must not lead us out of ``content/`` or to lengths that are not so."""
    if not custody.messages or custody.octets < 0 or not 0 <= custody.content_check <= CHECK_MAX:
        return False
    if custody.file:
        return FILE_NAME.fullmatch(custody.file) is not None and inline_octets == 0
    return custody.octets == inline_octets
