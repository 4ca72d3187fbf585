"""The canonical forms of header fields and body (RFC 6376 section 3.4): what is hashed, not what is sent."""

from __future__ import annotations

import hashlib
from enum import Enum

_CRLF = b"\r\n"
_LINE_ENDS_AT_ONCE = 4096


class Canon(Enum):
    """How much may change in transit: simple tolerates next to nothing, relaxed changed blanks and folding."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


def canonical_field(canon: Canon, field: bytes) -> bytes:
    """One header *field* as it is hashed (sections 3.4.1 and 3.4.2), with the line end it has."""
    if canon is Canon.SIMPLE:
        return field
    name, _, value = field.partition(b":")
    end = _CRLF if value.endswith(_CRLF) else b""
    value = _compressed(value.replace(_CRLF, b"")).strip(b" ")
    return name.rstrip(b" \t").lower() + b":" + value + end


class BodyHash:
    """SHA-256 of a body in canonical form (sections 3.4.3 and 3.4.4), which comes in parts, cut anywhere.

    Holds no more of the body than a count of empty lines and two octets. octets: of the canonical form so far.
    """

    __slots__ = ("_canon", "_hash", "_line_ends", "_octets_max", "_something", "_tail", "octets")

    def __init__(self, canon: Canon, octets_max: int | None = None) -> None:
        """octets_max: of the canonical form that are hashed (section 3.5, l=); None: all."""
        self._canon, self._octets_max = canon, octets_max
        self.octets = 0
        self._hash = hashlib.sha256()
        self._line_ends = 0  # CRLFs that nothing has followed yet
        self._something = False  # came before them
        self._tail = b""  # what the next part may make another meaning of: a blank, a CR

    def part(self, octets: bytes) -> None:
        """Take the next part."""
        window = self._tail + octets
        self._tail = b"\r" if window.endswith(b"\r") else b""
        window = window[: len(window) - len(self._tail)]
        if self._canon is Canon.RELAXED:
            text = window.rstrip(b" \t")
            if len(text) < len(window):
                self._tail = b" " + self._tail
            window = _compressed(text).replace(b" \r\n", _CRLF)
        self._take(window)

    def digest(self) -> bytes:
        """The hash of what came, all of the body. A last line without CRLF is given one, as in transit."""
        self._take(self._tail if self._tail.endswith(b"\r") else b"")
        self._tail = b""
        if self._something or self._canon is Canon.SIMPLE:
            self._update(_CRLF)
        return self._hash.digest()

    def _take(self, text: bytes) -> None:
        """Hash *text* but for the line ends at its end, which may turn out to be those of empty lines."""
        count = _line_ends(text)
        if kept := text[: len(text) - 2 * count]:
            while self._line_ends:
                some = min(self._line_ends, _LINE_ENDS_AT_ONCE)
                self._update(_CRLF * some)
                self._line_ends -= some
            self._update(kept)
            self._something = True
        self._line_ends += count

    def _update(self, octets: bytes) -> None:
        left = None if self._octets_max is None else max(self._octets_max - self.octets, 0)
        self._hash.update(octets[:left])
        self.octets += len(octets)


def _compressed(text: bytes) -> bytes:
    """*text* with a single space for each run of blanks: each round halves the longest, and most text needs none."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _line_ends(text: bytes) -> int:
    """How many CRLFs *text* ends with. In time that its length bounds, whatever lone CRs and LFs there are."""
    rest = text[len(text.rstrip(_CRLF)) :]
    if rest.endswith(b"\r"):
        return 0
    begin = max(rest.rfind(b"\r\r") + 1, rest.rfind(b"\n\n") + 2 if b"\n\n" in rest else 0, int(rest[:1] == b"\n"))
    return (len(rest) - begin) // 2
