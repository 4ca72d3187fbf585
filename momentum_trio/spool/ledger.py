"""What is in custody and where it lies: the index, in memory, rebuilt from the log at opening. No content.

Each message in custody has a ticket, the number of its row. All is in columns (``columns.py``); what is handed out as
an object is made for the asking.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from momentum_trio.spool.columns import NONE, BatchColumns, MessageColumns
from momentum_trio.spool.frame import FRAME_HEADER_OCTETS, Found, Frame, FrameHeader
from momentum_trio.spool.message import Retry
from momentum_trio.spool.reasons import Reasons
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.slot import Gone, Large, Slot
from momentum_trio.spool.ways import Way, Ways
from momentum_trio.spool.wire import Custody, Due, Recipient

ATTEMPTS_MAX, NOTICES_MAX = 0xFFFF, 0xFF


class Ledger:
    """The batches, their messages, and the segments, oldest first.

    live_octets: of records in the log that live: of batches in custody, and of keys in their time, which ``keys.py``
    counts here. by_ordinal: the segments, as columns call them. Identifiers are taken to be unique in a spool.
    """

    def __init__(self) -> None:
        self.segments: deque[Segment] = deque()
        self.live_octets = 0
        self.batches, self.messages = BatchColumns(), MessageColumns()
        self._index: dict[str, int] = {}  # batches; most often it finds the first message too: that has the same id
        self._others: dict[str, int] = {}  # messages it does not find
        self._large: dict[int, Large] = {}  # by row
        self.by_ordinal: dict[int, Segment] = {}
        self._ordinals = 0
        self._reasons = Reasons()
        self._ways = Ways()

    # -- segments ----------------------------------------------------------------------------------------------------

    @property
    def log_octets(self) -> int:
        """Length of the whole log."""
        return sum(segment.length for segment in self.segments)

    def begin_segment(self, segment: Segment) -> None:
        """*segment* is the newest."""
        segment.ordinal = self._ordinals
        self._ordinals += 1
        self.by_ordinal[segment.ordinal] = segment
        self.segments.append(segment)

    def drop_segment(self, segment: Segment) -> None:
        """It is gone, and nothing in it lived."""
        assert not segment.records
        self.segments.remove(segment)
        del self.by_ordinal[segment.ordinal]

    def rows(self, segment: Segment) -> Iterator[int]:
        """Batches in custody whose record lies in *segment*, in order."""
        rows, here, seen = segment.rows, self.batches.segment, set[int]()
        while segment.first < len(rows) and here[rows[segment.first]] != segment.ordinal:
            segment.first += 1
        for at in range(segment.first, len(rows)):
            row = rows[at]
            if here[row] == segment.ordinal and row not in seen:
                seen.add(row)  # a row may have been given anew to another batch of this segment
                yield row

    # -- batches -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._index)

    def add(self, segment: Segment, place: int, header: FrameHeader | Frame | Found, custody: Custody) -> list[int]:
        """*custody* lies at *place*; an earlier record of the batch no longer counts. A ticket for each message."""
        batch_id, messages, index, columns = custody.batch_id, custody.messages, self._index, self.batches
        if batch_id in index:
            self.remove(index[batch_id])
        row = index[batch_id] = columns.new(batch_id)
        columns.begins_at[row] = max(custody.received_at, custody.not_before)
        if custody.file:
            self._large[row] = Large(custody.file, custody.octets, custody.content_check)
        self._put(row, segment, place, header)
        first = messages[0]
        if first.message_id == batch_id:
            ticket = self._add_message(row, batch_id, custody, first)  # the name they have is kept once
        else:
            ticket = self._others[first.message_id] = self._add_message(row, first.message_id, custody, first)
        columns.first[row] = ticket
        columns.open[row] = 1
        return [ticket] if len(messages) == 1 else self._add_further(row, custody, ticket)

    def add_plain(
        self,
        segment: Segment,
        records: Sequence[Found],
        custodies: Sequence[Custody],
        singles: Sequence[Recipient],
    ) -> Sequence[int]:
        """As ``add``, of batches each of one message that has its name, with inline content; column by column.

        singles: those messages. Returns: a ticket for each.
        """
        batches, messages, numbers, count = self.batches, self.messages, self._ways, len(records)
        names = [custody.batch_id for custody in custodies]
        rows = range(len(batches.ids), len(batches.ids) + count)
        if max(batches.free, messages.free) >= count or not self._name(names, rows):
            return [
                self.add(segment, record.place, record, custody)[0]
                for record, custody in zip(records, custodies, strict=True)
            ]
        octets = array("I", [record.octets for record in records])
        batches.extend(
            names,
            segment=array("I", [segment.ordinal]) * count,
            place=array("Q", [record.place for record in records]),
            frame_octets=octets,
            envelope_octets=array("I", [record.envelope_octets for record in records]),
            begins_at=array("d", [max(custody.received_at, custody.not_before) for custody in custodies]),
            first=array("I", range(len(messages.ids), len(messages.ids) + count)),
            open=array("I", [1]) * count,
        )
        segment.rows.extend(rows)
        segment.records += count
        segment.live_octets += (live_octets := sum(octets))
        self.live_octets += live_octets
        ways = [
            numbers[each.binding_group or custody.binding_group, each.binding or custody.binding, each.routing_domain]
            for custody, each in zip(custodies, singles)  # noqa: B905 as many
        ]
        tickets = messages.extend(names, batch=array("I", rows), way=array("I", ways))
        self.postpone_all(
            [
                (ticket, message)
                for ticket, message in zip(tickets, singles, strict=True)
                if message.attempts or message.next_attempt_at
            ]
        )
        return tickets

    def _name(self, names: Sequence[str], rows: Sequence[int]) -> bool:
        """Have *rows* found by *names*, which no batch has; if one has, or two are the same, nothing is done."""
        if list(map(self._index.setdefault, names, rows)) == list(rows):
            return True
        for name, row in zip(names, rows, strict=True):
            if self._index.get(name) == row:
                del self._index[name]
        return False

    def _put(self, row: int, segment: Segment, place: int, header: FrameHeader | Frame | Found) -> None:
        columns, octets = self.batches, header.octets
        columns.segment[row] = segment.ordinal
        columns.place[row] = place
        columns.frame_octets[row] = octets
        columns.envelope_octets[row] = header.envelope_octets
        segment.rows.append(row)
        segment.records += 1
        segment.live_octets += octets
        self.live_octets += octets

    def _take_out(self, row: int) -> None:
        columns = self.batches
        segment, octets = self.by_ordinal[columns.segment[row]], columns.frame_octets[row]
        columns.segment[row] = NONE
        segment.records -= 1
        segment.live_octets -= octets
        self.live_octets -= octets

    def relocate(self, row: int, segment: Segment, place: int, header: FrameHeader | Frame) -> None:
        """The record of a batch was copied forward."""
        self._take_out(row)
        self._put(row, segment, place, header)

    def remove(self, row: int) -> Gone:
        """A batch is no longer in custody, nor are its messages."""
        for ticket in list(self.open(row)):
            self._release(ticket)
        return self._remove(row)

    def lose(self, row: int) -> Gone:
        """The same of one whose record is damaged. Nobody asked for that: who holds its tickets does not know of it
        yet, so that they are given to no other message.
        """
        for ticket in list(self.open(row)):
            self._unlink(ticket)
        return self._remove(row)

    def _remove(self, row: int) -> Gone:
        """One without messages."""
        self._take_out(row)
        del self._index[self.batches.ids[row]]
        self.batches.release(row)
        return Gone(row, self._large.pop(row).file if row in self._large else "")

    def row(self, batch_id: str) -> int:
        """Raises KeyError when the batch is not in custody."""
        return self._index[batch_id]

    def slot(self, row: int) -> Slot:
        """Where the batch of *row* lies."""
        columns = self.batches
        frame_octets, envelope_octets = columns.frame_octets[row], columns.envelope_octets[row]
        inline = Large("", frame_octets - FRAME_HEADER_OCTETS - envelope_octets, 0)
        file, content_octets, content_check = self._large.get(row, inline)
        return Slot(
            row,
            columns.ids[row],
            self.by_ordinal[columns.segment[row]],
            columns.place[row],
            frame_octets,
            envelope_octets,
            content_octets,
            file,
            content_check,
        )

    def large(self) -> list[Slot]:
        """Batches with content in a file."""
        return [self.slot(row) for row in self._large]

    def open(self, row: int) -> Iterator[int]:
        """The messages of a batch that are not concluded, in order."""
        following = self.messages.following
        ticket = self.batches.first[row]
        while ticket != NONE:
            yield ticket
            ticket = following[ticket]

    def open_by_id(self, row: int) -> dict[str, int]:
        """The same by their ids."""
        return {self.messages.ids[ticket]: ticket for ticket in self.open(row)}

    # -- messages ----------------------------------------------------------------------------------------------------

    def _add_further(self, row: int, custody: Custody, ticket: int) -> list[int]:
        """All but the first; one that is named twice is one message."""
        columns, tickets, seen = self.messages, [ticket], {custody.messages[0].message_id: ticket}
        for each in custody.messages[1:]:
            name = each.message_id
            if name not in seen:
                seen[name] = self._others[name] = following = self._add_message(row, name, custody, each)
                columns.before[following], columns.following[ticket] = ticket, following
                ticket = following
            tickets.append(seen[name])
        self.batches.open[row] = len(seen)
        return tickets

    def _add_message(self, row: int, name: str, custody: Custody, message: Recipient) -> int:
        columns = self.messages
        ticket = columns.new(name)
        columns.batch[ticket] = row
        columns.way[ticket] = self._ways[
            message.binding_group or custody.binding_group, message.binding or custody.binding, message.routing_domain
        ]
        if message.attempts or message.next_attempt_at:
            self.postpone(ticket, message)
        return ticket

    def _release(self, ticket: int) -> None:
        """Its custody ended: the ticket may be another's."""
        self._unlink(ticket)
        columns = self.messages
        columns.next_attempt_at[ticket], columns.owing[ticket] = math.nan, 0
        columns.release(ticket)

    def _unlink(self, ticket: int) -> None:
        """Take it out of the list of its batch."""
        columns, row = self.messages, self.messages.batch[ticket]
        before, following = columns.before[ticket], columns.following[ticket]
        if before == NONE:
            self.batches.first[row] = following
        else:
            columns.following[before], columns.before[ticket] = following, NONE
        if following != NONE:
            columns.before[following], columns.following[ticket] = before, NONE
        self.batches.open[row] -= 1
        if self._others and self._others.get(name := columns.ids[ticket]) == ticket:
            del self._others[name]
        if columns.reason[ticket]:
            self._reasons.drop(columns.reason[ticket])
            columns.reason[ticket] = 0
        columns.batch[ticket] = NONE

    def holds(self, ticket: int) -> bool:
        """Whether it is the ticket of a message in custody."""
        return 0 <= ticket < len(self.messages.batch) and self.messages.batch[ticket] != NONE

    def batch_of(self, ticket: int) -> int:
        """The row of its batch. Raises KeyError when it was concluded."""
        if not self.holds(ticket):
            raise KeyError(ticket)
        return self.messages.batch[ticket]

    def find(self, message_id: str) -> int | None:
        """The ticket of a message in custody."""
        row = self._index.get(message_id)
        if row is not None:
            ticket = self.batches.first[row]
            if self.messages.ids[ticket] == message_id:
                return ticket
        return self._others.get(message_id)

    def find_all(self, message_ids: Sequence[str]) -> list[int | None]:
        """The same of several."""
        if self._others:
            return [self.find(message_id) for message_id in message_ids]
        first, row_of = self.batches.first, self._index.get  # every batch is one message that has its name
        return [None if row is None else first[row] for row in map(row_of, message_ids)]

    def knows(self, identifier: str) -> bool:
        """Whether a batch or a message in custody has it."""
        return identifier in self._index or identifier in self._others

    def conclude(self, ticket: int) -> Gone | None:
        """Custody of a message ended. Its batch, when it was the last of it."""
        row = self.messages.batch[ticket]
        self._release(ticket)
        return None if self.batches.open[row] else self._remove(row)

    # -- retries -----------------------------------------------------------------------------------------------------

    def postpone(self, ticket: int, retry: Retry | Recipient | Due) -> None:
        """Note where a message stands."""
        self.postpone_all(((ticket, retry),))

    def postpone_all(self, postponed: Iterable[tuple[int, Retry | Recipient | Due]]) -> None:
        """The same of several."""
        columns, reasons = self.messages, self._reasons
        attempts, notices, reason, until = columns.attempts, columns.notices, columns.reason, columns.next_attempt_at
        for ticket, retry in postponed:
            if reason[ticket]:
                reasons.drop(reason[ticket])
            made, at = retry.attempts, retry.next_attempt_at
            if not made and not at:
                until[ticket], reason[ticket] = math.nan, 0
                continue
            try:
                attempts[ticket], notices[ticket] = made, retry.notices
            except OverflowError:
                attempts[ticket] = max(0, min(made, ATTEMPTS_MAX))
                notices[ticket] = max(0, min(retry.notices, NOTICES_MAX))
            until[ticket], reason[ticket] = at, reasons.note(retry.reason)

    def retry(self, ticket: int) -> Retry | None:
        """Where it stands."""
        columns = self.messages
        at = columns.next_attempt_at[ticket]
        if math.isnan(at):
            return None
        reason = self._reasons.text(columns.reason[ticket])
        return Retry(columns.attempts[ticket], at, columns.notices[ticket], reason)

    # -- ways --------------------------------------------------------------------------------------------------------

    def way(self, ticket: int) -> Way:
        """Which way it goes."""
        return self._ways.all[self.messages.way[ticket]]

    def move(
        self, tickets: Iterable[int], binding_group: str | None, binding: str | None, routing_domain: str | None
    ) -> None:
        """Note another way; None: as before. An empty routing domain: that of the path again."""
        for ticket in tickets:
            old = self.way(ticket)
            way = (
                binding_group or old.binding_group,
                binding or old.binding,
                old.routing_domain if routing_domain is None else routing_domain,
            )
            self.messages.way[ticket] = self._ways[way]
