"""Where somebody stands in the stream of events: the life of a node, and a number in it."""

from __future__ import annotations

import re
from typing import NamedTuple

LIFE_OCTETS = 8
"""Of randomness in the name of a life: none is another's, also where the spool was lost in between."""

_FORM = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,17})")


class Cursor(NamedTuple):
    """The place behind event *number* of *life*; 0 is before the first. Written ``5f3a9c1e0b7d4e22-1042``."""

    life: str
    number: int

    def __str__(self) -> str:
        return f"{self.life}-{self.number}"


def parse_cursor(text: str) -> Cursor:
    """The cursor that *text* is. Raises ValueError."""
    if (found := _FORM.fullmatch(text)) is None:
        raise ValueError("expected a cursor as an event has it, such as 5f3a9c1e0b7d4e22-1042")
    return Cursor(found[1], int(found[2]))
