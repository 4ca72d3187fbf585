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
PACKABLE = re.compile(r"[0-9A-F]{2}/[0-9A-F]{2}-[0-9]{5}-[0-9A-F]{7}[4-9AB]", re.ASCII)
PACKED_FIRST = 0x400000000000
PARTS_MAX = 0x20000


def identifier(second: int, incarnation: int, count: int) -> str:
    """The identifier number *count* of *second* in the life *incarnation*."""
    counter, slot = f"{count:04X}"[::-1], f"{second & SECOND_MAX:08X}"[::-1]
    return f"{counter[:2]}/{counter[2:]}-{incarnation:05d}-{slot}"


def second_of(text: str) -> int:
    """The creation second an identifier carries. Raises ValueError when *text* is no identifier."""
    if (match := FORM.fullmatch(text)) is None:
        raise ValueError(f"not an identifier: {text!r}")
    return int(match[1][::-1], 16)


def packed(text: str) -> int | None:
    """A number of 64 bits, never 0, that stands for an identifier.

    None for what has none: text of another form, and seconds before 2004 or after 2072 (the first digit is not 4 to B).
    """
    if PACKABLE.fullmatch(text) is None:
        return None
    digits = int(text[19] + text[12:19] + text[:2] + text[3:5], 16) - PACKED_FIRST
    return digits << 17 | int(text[6:11]) or None


class Packer:
    """``packed`` for very many, in a third of the time: the parts they are made of come again and again.

    A number is the sum of what three parts of the text stand for, each kept once a text with it was packed: the
    counter; the life with the second's last two digits; the rest of the second, which changes every 256 seconds.
    At about *parts_max* of them all are forgotten.
    """

    __slots__ = ("_counters", "_lives", "_parts_max", "_seconds")

    def __init__(self, parts_max: int = PARTS_MAX) -> None:
        self._parts_max = parts_max
        self._counters: dict[str, int] = {}
        self._lives: dict[str, int] = {}
        self._seconds: dict[str, int] = {}

    def packed(self, text: str) -> int | None:
        """As the function."""
        try:
            return self._counters[text[:5]] + self._lives[text[5:14]] + self._seconds[text[14:]] or None
        except KeyError:
            return self._learn(text)

    def _learn(self, text: str) -> int | None:
        number = packed(text)
        if number is None:
            return None
        if len(self._counters) + len(self._lives) + len(self._seconds) >= self._parts_max:
            for known in (self._counters, self._lives, self._seconds):
                known.clear()
        counter = self._counters[text[:5]] = int(text[:2] + text[3:5], 16) << 17
        life = self._lives[text[5:14]] = int(text[12:14], 16) << 53 | int(text[6:11])
        self._seconds[text[14:]] = number - counter - life
        return number


def unpacked(number: int) -> str:
    """The identifier *number* stands for."""
    digits = f"{(number >> 17) + PACKED_FIRST:012X}"
    return f"{digits[8:10]}/{digits[10:]}-{number & 0x1FFFF:05d}-{digits[1:8]}{digits[0]}"


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
        counter = f"{self._count:04X}"[::-1]
        self._count += 1
        return f"{counter[:2]}/{counter[2:]}{self._tail}"

    def _tail_now(self) -> str:
        return identifier(self.second, self.incarnation, 0)[len("00/00") :]
