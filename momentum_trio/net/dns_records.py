"""Questions to DNS and their answers as plain values: what rules that are without I/O ask for, whoever looks it up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

NAME_OCTETS_MAX = 253  # RFC 1035 section 2.3.4, as text
_LABEL_OCTETS_MAX = 63


class RecordType(Enum):
    """A type of record; the value is its word."""

    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    PTR = "PTR"
    TXT = "TXT"


@dataclass(frozen=True, slots=True)
class Question:
    """What records of *kind* a *name* has. name: without the last dot; ``is_name`` holds."""

    name: str
    kind: RecordType


@dataclass(frozen=True, slots=True)
class Records:
    """The records, at least one.

    texts: addresses of A and AAAA; names, without the last dot, of PTR and, the preferred one first, of MX; of TXT the
    strings of each record joined, octets as ISO 8859-1.
    """

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoRecords:
    """There are none. exists: whether the name is there at all."""

    exists: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody could say. reason: ``SERVFAIL``, ``timed out`` ..."""

    reason: str


DnsAnswer = Records | NoRecords | Unanswered


def is_name(text: str) -> bool:
    """Whether *text* can be asked about: ASCII, labels of 1 to 63 octets, no longer than names are."""
    fits = 0 < len(text) <= NAME_OCTETS_MAX and text.isascii()
    return fits and all(0 < len(label) <= _LABEL_OCTETS_MAX for label in text.split("."))
