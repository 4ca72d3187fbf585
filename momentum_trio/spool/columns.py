"""The index of a spool as columns: arrays of one length, a row for each batch and each message.

A million messages are a million rows, some eighty octets each, and not one Python object more: nothing for the garbage
collector to visit. A row whose message was concluded is used again; columns never become shorter.
"""

from __future__ import annotations

from array import array

from momentum_trio.mail.identifier import packed, unpacked

NONE = 0xFFFFFFFF
"""No row."""

GROWTH_ROWS = 1024

Key = int | str
"""An identifier in the index: a number, or the text itself when it has none."""


def key_of(text: str) -> Key:
    """The key of an identifier."""
    number = packed(text)
    return text if number is None else number


class Columns:
    """Rows, and which of them are free."""

    __slots__ = ("_all", "_free", "_odd", "_used", "ids")

    def __init__(self, *columns: array[int] | array[float]) -> None:
        self.ids = array("Q")
        self._odd: dict[int, str] = {}
        self._all = (self.ids, *columns)
        self._free = array("I")
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def new(self, key: Key) -> int:
        """A row for what *key* names; its other columns hold anything."""
        if self._free:
            row = self._free.pop()
        else:
            row = self._used
            self._used += 1
            if row == len(self.ids):
                for column in self._all:
                    column.frombytes(bytes(GROWTH_ROWS * column.itemsize))
        if isinstance(key, int):
            self.ids[row] = key
        else:
            self.ids[row] = 0
            self._odd[row] = key
        return row

    def release(self, row: int) -> None:
        """*row* is free."""
        if not self.ids[row]:
            del self._odd[row]
        self._free.append(row)

    def key(self, row: int) -> Key:
        """What names it."""
        return self.ids[row] or self._odd[row]

    def text(self, row: int) -> str:
        """Its identifier."""
        number = self.ids[row]
        return unpacked(number) if number else self._odd[row]


class BatchColumns(Columns):
    """A row for each batch. segment: an ordinal. first: row of its first message. open: how many it has."""

    __slots__ = (
        "content_check",
        "content_octets",
        "envelope_octets",
        "first",
        "frame_octets",
        "open",
        "place",
        "received_at",
        "segment",
    )

    def __init__(self) -> None:
        self.segment, self.place = array("I"), array("Q")
        self.frame_octets, self.envelope_octets = array("I"), array("I")
        self.content_octets, self.content_check = array("Q"), array("I")
        self.received_at = array("d")
        self.first, self.open = array("I"), array("I")
        super().__init__(
            self.segment,
            self.place,
            self.frame_octets,
            self.envelope_octets,
            self.content_octets,
            self.content_check,
            self.received_at,
            self.first,
            self.open,
        )


class MessageColumns(Columns):
    """A row, and that is its ticket, for each message.

    batch: its row, or NONE: this row is free. following, before: the open messages of a batch as a list. way: a number
    of ``Ways``. next_attempt_at: not a number when there is no retry. owing: found at opening, not handed out yet.
    """

    __slots__ = ("attempts", "batch", "before", "following", "next_attempt_at", "notices", "owing", "reason", "way")

    def __init__(self) -> None:
        self.batch, self.following, self.before = array("I"), array("I"), array("I")
        self.way = array("I")
        self.attempts, self.notices, self.reason = array("H"), array("B"), array("H")
        self.next_attempt_at = array("d")
        self.owing = array("B")
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
