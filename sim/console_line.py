"""Lines of a conversation with an admin console, as a scenario writes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class How(Enum):
    """What is done with a line; the value is how it begins."""

    SAY = ""  # said in the first session, and its answer awaited
    ANOTHER = "another: "  # in a second one
    BOTH = "both: "  # in both at once
    LEAVE = "leave: "  # in the first, and its connection is closed before the answer
    WAIT = "wait "  # for so many seconds
    FILE = "file "  # PATH TEXT: a file is written, as an editor does that syncs nothing
    REPLACE = "replace "  # PATH TEXT: the same beside the old file, which it replaces durably


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One of them. text: what is said, or written; the seconds of a wait. path: of a file."""

    how: How
    text: str
    path: str = ""

    @property
    def of_a_file(self) -> bool:
        """Whether it is nothing that is said."""
        return self.how in (How.FILE, How.REPLACE)


def read(line: str) -> ConsoleLine:
    """The line that *line* is."""
    how = next(how for how in reversed(How) if line.startswith(how.value))
    text = line.removeprefix(how.value)
    if how in (How.FILE, How.REPLACE):
        path, _, text = text.partition(" ")
        return ConsoleLine(how, text, path)
    return ConsoleLine(how, text)


def said(line: str) -> str:
    """What of *line* is a command, whoever says it; empty where it is none."""
    known = read(line)
    return "" if known.of_a_file or known.how is How.WAIT else known.text
