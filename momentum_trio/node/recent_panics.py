"""What the paniclog said last, kept in memory for the console, whatever the loggers write."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count

from msgspec.structs import replace

from momentum_trio.mail.record import Level, Panic, Record

KEPT_PER_LEVEL = 10
TEXT_MAX = 4096
"""Characters of one of them; a trace may be longer."""


class RecentPanics:
    """The last KEPT_PER_LEVEL of each level; a subscriber of the machine's events."""

    def __init__(self) -> None:
        self._kept = {level: deque[tuple[int, Panic]](maxlen=KEPT_PER_LEVEL) for level in Level}
        self._numbers = count()

    def take(self, record: Record) -> None:
        """Keep *record*, if it is one."""
        if isinstance(record, Panic):
            if len(record.text) > TEXT_MAX:
                record = replace(record, text=record.text[:TEXT_MAX] + " ...")
            self._kept[record.level].append((next(self._numbers), record))

    def all(self) -> Sequence[Panic]:
        """Those of all levels, in the order in which they were said."""
        kept = sorted((each for level in self._kept.values() for each in level), key=lambda each: each[0])
        return [panic for _, panic in kept]
