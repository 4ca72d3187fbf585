"""Identifiers of messages, batches and connections: ``CC/CC-PPPPP-SSSSSSSS`` (spec/logs.md section 2).

SSSSSSSS is the creation second as eight upper-case hexadecimal digits written backwards, PPPPP five decimals (here the
incarnation of the spool rather than a process id), CC/CC a counter within the second, four hexadecimal digits
backwards.
"""

from __future__ import annotations

import re

FORM = re.compile(r"[0-9A-F]{2}/[0-9A-F]{2}-[0-9]{5}-([0-9A-F]{8})", re.ASCII)
NONE = "00/00-00000-00000000"
PER_SECOND_MAX = 0x10000
SECOND_MAX = 0xFFFFFFFF  # in 2106
INCARNATION_MAX = 99_999
_BACKWARDS = tuple(f"{octet:02X}"[::-1] for octet in range(0x100))


def identifier(second: int, incarnation: int, count: int) -> str:
    """The identifier number *count* of *second* in the life *incarnation*."""
    counter, slot = f"{count:04X}"[::-1], f"{second & SECOND_MAX:08X}"[::-1]
    return f"{counter[:2]}/{counter[2:]}-{incarnation:05d}-{slot}"


def second_of(text: str) -> int:
    """The creation second an identifier carries. Raises ValueError when *text* is no identifier."""
    if (match := FORM.fullmatch(text)) is None:
        raise ValueError(f"not an identifier: {text!r}")
    return int(match[1][::-1], 16)


class Identifiers:
    """A source of identifiers that never repeats one.

    incarnation: counts the lives of one spool, so that two lives within a second differ; taken modulo 100,000.
    high_water: a second below which no identifier is made again, whatever the clock says.
    """

    def __init__(self, incarnation: int, high_water: int) -> None:
        self.incarnation = incarnation % (INCARNATION_MAX + 1)
        self.second = high_water
        self._count = 0
        self._tail = self._tail_now()

    def next(self, now: float) -> str:
        """A new identifier for the wall-clock time *now*; borrows the next second when one is used up."""
        if (second := min(int(now), SECOND_MAX)) > self.second:
            self.second, self._count = second, 0
            self._tail = self._tail_now()
        elif self._count == PER_SECOND_MAX:
            self.second, self._count = self.second + 1, 0
            self._tail = self._tail_now()
        count = self._count
        self._count = count + 1
        return f"{_BACKWARDS[count & 0xFF]}/{_BACKWARDS[count >> 8]}{self._tail}"

    def _tail_now(self) -> str:
        return identifier(self.second, self.incarnation, 0)[len("00/00") :]
