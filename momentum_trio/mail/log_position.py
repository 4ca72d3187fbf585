"""Where the next record of a durable log is: what a subscriber has read, and what it has checkpointed."""

from __future__ import annotations

import re
from typing import NamedTuple

SEGMENT_MAX = OFFSET_MAX = 0xFFFFFFFF
_FORM = re.compile(r"([0-9a-f]{8}):([0-9a-f]{8})", re.ASCII)


class Position(NamedTuple):
    """Number of a segment, and octets from its beginning. Later ones are larger."""

    segment: int
    offset: int

    def __str__(self) -> str:
        """As the manual prints it: ``00000000:0000a43a``."""
        return f"{self.segment:08x}:{self.offset:08x}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """What *text* says. Raises ValueError."""
        if (match := _FORM.fullmatch(text)) is None:
            raise ValueError(f"expected a position such as 00000000:0000a43a, not {text!r}")
        return cls(int(match[1], 16), int(match[2], 16))


BEGINNING = Position(0, 0)
"""Before whatever there is."""
