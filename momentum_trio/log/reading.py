"""What readers of all logs share: the value for a line that cannot be read, numbers, paths, bounds.

Log files are hostile input (SECURITY.md): they hold what peers said, and may be torn, foreign or forged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LINE_CHARACTERS_MAX: Final = 1024 * 1024
SHOWN_CHARACTERS_MAX: Final = 80
_DIGITS_MAX: Final = 18
_SECONDS = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is none of its log's. reason: why, in words; line: its beginning."""

    reason: str
    line: str


class NotOurs(ValueError):
    """Inside a reader alone: why the line cannot be read. Readers return it as an ``Unreadable``."""


def unreadable(fault: NotOurs, line: str) -> Unreadable:
    """*fault* as a value."""
    return Unreadable(str(fault), line[:SHOWN_CHARACTERS_MAX])


def bounded(line: str) -> None:
    """Refuse a *line* that is too long to be looked at."""
    if len(line) > LINE_CHARACTERS_MAX:
        raise NotOurs(f"more than {LINE_CHARACTERS_MAX} characters")


def integer(text: str, what: str) -> int:
    """Decimal digits and nothing else."""
    if not (text.isdigit() and text.isascii() and len(text) <= _DIGITS_MAX):
        raise NotOurs(f"{what} is no number: {text[:SHOWN_CHARACTERS_MAX]!r}")
    return int(text)


def seconds(text: str, what: str) -> float:
    """Seconds with their decimals; negative where a clock was set back."""
    if not _SECONDS.fullmatch(text):
        raise NotOurs(f"{what} is no number of seconds: {text[:SHOWN_CHARACTERS_MAX]!r}")
    return float(text)


def joined(local_part: str, domain: str) -> str:
    """The path that ``mail.path.split`` took apart."""
    return f"{local_part}@{domain}" if domain else local_part
