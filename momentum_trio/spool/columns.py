"""The index of a spool as columns: arrays of one length, a row for each batch and each message.

A million messages are a million rows, some seventy octets each, and one text that names them: nothing for the garbage
collector to visit. A row whose message was concluded is used again; columns never become shorter.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

NONE = 0xFFFFFFFF
"""No row."""

GROWTH_ROWS = 1024


class Rows:
    """Columns, and which of their rows are free. columns: each with one value, which a row never used has in it."""

    __slots__ = ("_all", "_free", "_growth")

    def __init__(self, *columns: array[int] | array[float]) -> None:
        self._all = columns
        self._growth = [(column * GROWTH_ROWS).tobytes() for column in self._all]
        self._free = array("I")
        for column in self._all:
            del column[:]

    def take(self) -> int:
        """A row; its columns are as they were left."""
        if not self._free:
            self._grow()
        return self._free.pop()

    @property
    def free(self) -> int:
        """How many rows wait to be used."""
        return len(self._free)

    def give_back(self, row: int) -> None:
        """*row* is free."""
        self._free.append(row)

    def _grow(self) -> None:
        rows = len(self._all[0])
        self._free.extend(range(rows + GROWTH_ROWS - 1, rows - 1, -1))
        for column, growth in zip(self._all, self._growth, strict=True):
            column.frombytes(growth)


class Columns(Rows):
    """Rows that have names. ids: what each is named by, empty where it is free."""

    __slots__ = ("ids",)

    def __init__(self, *columns: array[int] | array[float]) -> None:
        self.ids: list[str] = []
        super().__init__(*columns)

    def new(self, name: str) -> int:
        """A row for what has that *name*; its other columns are as they were left."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        self.ids[row] = name
        return row

    def extend(self, names: Sequence[str], **values: array[int] | array[float]) -> range:
        """New rows, one behind the other, for what has these *names*; those that are free stay free.

        values: of each column, but for those that are as in a row never used.
        """
        first = len(self.ids)
        self.ids += names
        for column, given in values.items():
            getattr(self, column).extend(given)
        for whole, growth in zip(self._all, self._growth, strict=True):
            whole.frombytes(growth[: whole.itemsize] * (len(self.ids) - len(whole)))
            assert len(whole) == len(self.ids)
        return range(first, len(self.ids))

    def _grow(self) -> None:
        super()._grow()
        self.ids += [""] * GROWTH_ROWS

    @property
    def used(self) -> int:
        """How many rows are not free."""
        return len(self.ids) - self.free

    def release(self, row: int) -> None:
        """*row* is free."""
        self.ids[row] = ""
        self._free.append(row)


class BatchColumns(Columns):
    """A row for each batch. segment: an ordinal. first: row of its first message. open: how many it has."""

    __slots__ = (
        "begins_at",
        "envelope_octets",
        "first",
        "frame_octets",
        "open",
        "place",
        "segment",
    )

    def __init__(self) -> None:
        self.segment, self.place = array("I", [NONE]), array("Q", [0])
        self.frame_octets, self.envelope_octets = array("I", [0]), array("I", [0])
        self.begins_at = array("d", [0.0])
        self.first, self.open = array("I", [NONE]), array("I", [0])
        super().__init__(
            self.segment,
            self.place,
            self.frame_octets,
            self.envelope_octets,
            self.begins_at,
            self.first,
            self.open,
        )


class MessageColumns(Columns):
    """A row, and that is its ticket, for each message.

    batch: its row, or NONE: this row is free. following, before: the open messages of a batch as a list. way: a number
    of ``Ways``. next_attempt_at: not a number when there is no retry. owing: found at opening, not handed out yet.

    In a free row following and before are NONE, there is no retry, no reason, and nothing is owing: so a new message,
    which most often is like that, needs only its batch and its way.
    """

    __slots__ = ("attempts", "batch", "before", "following", "next_attempt_at", "notices", "owing", "reason", "way")

    def __init__(self) -> None:
        self.batch, self.following, self.before = array("I", [NONE]), array("I", [NONE]), array("I", [NONE])
        self.way = array("I", [0])
        self.attempts, self.notices, self.reason = array("H", [0]), array("B", [0]), array("H", [0])
        self.next_attempt_at = array("d", [math.nan])
        self.owing = array("B", [0])
        super().__init__(
            self.batch,
            self.following,
            self.before,
            self.way,
            self.attempts,
            self.notices,
            self.reason,
            self.next_attempt_at,
            self.owing,
        )
