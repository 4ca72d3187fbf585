"""Which idempotency keys are in their time, and where in the log what was answered lies. In memory, in columns.

A key is a row of 28 octets, found by its name in a table of row numbers (open addressing, linear probing). The record
it lies in is a row too; compaction puts many keys into one. Nothing of it is an object: 66 octets a key were measured.

Time is that of a clock that does not step (``Moment.steady``).
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from momentum_trio.spool.columns import NONE, Rows
from momentum_trio.spool.key import DIGEST_OCTETS, KEY_SECONDS_MAX, NAME_OCTETS
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import Keyed

SLOTS_MIN = 1024
SLOTS_STEP = 16_384  # a table that outgrows this is made for all the keys there may be, so that none waits for a larger
EXPIRED_AT_ONCE_MAX = 4096  # others get their turn
_HALVES = struct.Struct(">QQ")  # of a name
assert _HALVES.size == NAME_OCTETS


class Moment(NamedTuple):
    """What two clocks say at the same time. wall: Unix seconds, which may step; steady: seconds, which do not."""

    wall: float
    steady: float

    def until(self, keyed: Keyed) -> float:
        """When the time of *keyed*, which was written by some clock or other, is over, by the steady clock.

        Of one that seems to be from the future the whole time is left: the clock has been set back since.
        """
        return self.steady + keyed.seconds - max(0.0, self.wall - keyed.given_at)


def sensible_key(keyed: Keyed) -> bool:
    """Whether the fields can be: a hostile file must not make us keep anything for ever."""
    return (
        len(keyed.name) == NAME_OCTETS
        and len(keyed.digest) == DIGEST_OCTETS
        and 0 < keyed.seconds <= KEY_SECONDS_MAX
        and bool(keyed.replies)
        and all(200 <= reply.code <= 599 and reply.lines for reply in keyed.replies)
        and all(0 <= number < len(keyed.replies) for number in keyed.recipients)
    )


class KeyPlace(NamedTuple):
    """Where a record of keys lies. row: the index's."""

    row: int
    segment: Segment
    place: int
    frame_octets: int


class KeyColumns(Rows):
    """A row for each key. high, low: its name. until: when its time is over. record: a row of KeyRecords, or NONE."""

    __slots__ = ("high", "low", "record", "until")

    def __init__(self) -> None:
        self.high, self.low = array("Q", [0]), array("Q", [0])
        self.until, self.record = array("d", [0.0]), array("I", [NONE])
        super().__init__(self.high, self.low, self.until, self.record)


class KeyRecords(Rows):
    """A row for each record that holds keys in their time. segment: an ordinal, or NONE. open: how many there are."""

    __slots__ = ("frame_octets", "open", "place", "segment")

    def __init__(self) -> None:
        self.segment, self.place = array("I", [NONE]), array("Q", [0])
        self.frame_octets, self.open = array("I", [0]), array("I", [0])
        super().__init__(self.segment, self.place, self.frame_octets, self.open)


class Keys:
    """The index. *ledger* counts what lives in the log, records of keys too. count_max: how many keys are expected."""

    def __init__(self, ledger: Ledger, count_max: int = 0) -> None:
        self._ledger, self._count_max = ledger, count_max
        self._keys, self._records = KeyColumns(), KeyRecords()
        self._count = 0
        self._slots = array("I", [NONE]) * SLOTS_MIN
        self._ends: list[int] = []  # a heap: seconds in which some key's time is over
        self._ending: dict[int, array[int]] = {}  # and which, by second; one may have gone before

    def __len__(self) -> int:
        return self._count

    # -- entering ----------------------------------------------------------------------------------------------------

    def add(self, segment: Segment, place: int, frame_octets: int, keys: Iterable[tuple[bytes, float]]) -> None:
        """A record with *keys*, each a name and the end of its time. Where one was before no longer counts."""
        records = self._records
        record = records.take()
        records.segment[record], records.place[record] = segment.ordinal, place
        records.frame_octets[record], records.open[record] = frame_octets, 0
        segment.key_rows.append(record)
        segment.records += 1
        segment.live_octets += frame_octets
        self._ledger.live_octets += frame_octets
        for name, until in keys:
            self._put(record, name, until)
        if not records.open[record]:
            self._close(record)

    def _put(self, record: int, name: bytes, until: float) -> None:
        high, low = _HALVES.unpack(name)
        keys, row = self._keys, self._find(high, low)
        before = NONE
        if row == NONE:
            row = self._new(high, low)
        else:
            before = keys.record[row]
        if before == NONE or keys.until[row] != until:
            self._note_end(row, until)
        keys.until[row], keys.record[row] = until, record
        self._records.open[record] += 1
        if before != NONE:
            self._leave(before)

    def _note_end(self, row: int, until: float) -> None:
        second = math.ceil(until)
        if second not in self._ending:
            self._ending[second] = array("I")
            heappush(self._ends, second)
        self._ending[second].append(row)

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, name: bytes, now: float) -> KeyPlace | None:
        """Where the record is that tells of a key; None when it is not in its time."""
        row = self._find(*_HALVES.unpack(name))
        return None if row == NONE or self._keys.until[row] <= now else self._place(self._keys.record[row])

    def left(self, name: bytes, place: KeyPlace) -> float | None:
        """When the time of a key is over, if it is in that very record."""
        row = self._find(*_HALVES.unpack(name))
        return None if row == NONE or self._keys.record[row] != place.row else self._keys.until[row]

    def places(self, segment: Segment) -> Iterator[KeyPlace]:
        """Records of *segment* that hold keys, in order."""
        rows, here, gone = segment.key_rows, self._records.segment, 0
        while gone < len(rows) and here[rows[gone]] != segment.ordinal:
            gone += 1
        del rows[:gone]
        latest = dict.fromkeys(reversed(rows))  # a row may have been given anew to a later record of this segment
        for row in reversed(latest):
            if here[row] == segment.ordinal:
                yield self._place(row)

    def _place(self, record: int) -> KeyPlace:
        records = self._records
        segment = self._ledger.by_ordinal[records.segment[record]]
        return KeyPlace(record, segment, records.place[record], records.frame_octets[record])

    # -- leaving -----------------------------------------------------------------------------------------------------

    @property
    def next_end(self) -> float:
        """When there is something for ``expire`` to do: once a second at most."""
        return self._ends[0] if self._ends else math.inf

    def expire(self, now: float) -> None:
        """Forget keys whose time is over, EXPIRED_AT_ONCE_MAX of them."""
        keys, left = self._keys, EXPIRED_AT_ONCE_MAX
        while left and self._ends and self._ends[0] <= now:
            rows = self._ending[self._ends[0]]
            some = rows[-left:]
            del rows[-left:]
            left -= len(some)
            for row in some:
                if keys.record[row] != NONE and keys.until[row] <= now:
                    self._forget(row)
            if not rows:
                del self._ending[heappop(self._ends)]

    def lose(self, place: KeyPlace) -> int:
        """A record cannot be read: its keys are forgotten. How many."""
        record = self._keys.record
        rows = [row for row in range(len(record)) if record[row] == place.row]
        for row in rows:
            self._forget(row)
        return len(rows)

    def _forget(self, row: int) -> None:
        self._unlink(row)
        record, self._keys.record[row] = self._keys.record[row], NONE
        self._keys.give_back(row)
        self._count -= 1
        self._leave(record)

    def _leave(self, record: int) -> None:
        """One key less lies in it."""
        self._records.open[record] -= 1
        if not self._records.open[record]:
            self._close(record)

    def _close(self, record: int) -> None:
        """None lies in it."""
        records = self._records
        segment, octets = self._ledger.by_ordinal[records.segment[record]], records.frame_octets[record]
        records.segment[record] = NONE
        records.give_back(record)
        segment.records -= 1
        segment.live_octets -= octets
        self._ledger.live_octets -= octets

    # -- the table ---------------------------------------------------------------------------------------------------

    def _find(self, high: int, low: int) -> int:
        """The row of a name, or NONE."""
        slots, mask, highs, lows = self._slots, len(self._slots) - 1, self._keys.high, self._keys.low
        at = low & mask
        while (row := slots[at]) != NONE and (lows[row] != low or highs[row] != high):
            at = (at + 1) & mask
        return row

    def _new(self, high: int, low: int) -> int:
        """A row for a name that has none."""
        if 3 * self._count >= 2 * len(self._slots):
            self._widen()
        row = self._keys.take()
        self._keys.high[row], self._keys.low[row] = high, low
        self._count += 1
        self._link(row)
        return row

    def _link(self, row: int) -> None:
        slots, mask = self._slots, len(self._slots) - 1
        at = self._keys.low[row] & mask
        while slots[at] != NONE:
            at = (at + 1) & mask
        slots[at] = row

    def _widen(self) -> None:
        rows, wanted = [row for row in self._slots if row != NONE], 2 * len(self._slots)
        while SLOTS_STEP < wanted <= 3 * self._count_max // 2:
            wanted *= 2
        self._slots = array("I", [NONE]) * wanted
        for row in rows:
            self._link(row)

    def _unlink(self, row: int) -> None:
        """Empty its slot; what stands behind moves up where it could not be found otherwise."""
        slots, mask, lows = self._slots, len(self._slots) - 1, self._keys.low
        gap = lows[row] & mask
        while slots[gap] != row:
            gap = (gap + 1) & mask
        at = (gap + 1) & mask
        while (other := slots[at]) != NONE:
            if (at - lows[other]) & mask >= (at - gap) & mask:
                slots[gap], gap = other, at
            at = (at + 1) & mask
        slots[gap] = NONE
