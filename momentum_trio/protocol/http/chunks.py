"""Chunked transfer coding, looked at before it is read (RFC 9112 section 7.1): no line of it is without end, or ends
with LF alone, and no trailer field is read by anybody."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from momentum_trio.protocol.http.head import Fault
from momentum_trio.protocol.http.refusal import RemoteProtocolError

SIZE_LINE_OCTETS_MAX: Final = 256
"""Of the line before a chunk, its extensions included."""
TRAILER_OCTETS_MAX: Final = 4 * 1024
"""Of all trailer fields of one message."""
EXTENSION_OCTETS_MAX: Final = 16 * 1024
"""Of all extensions of one message: they are nobody's, and cost us time."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,13})([ \t]*;[\t\x20-\x7e]*+)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n")
_BAD: Final = Fault(400, "Bad chunk", "The chunked coding is broken, or one of its lines is too long.")


class _Next(Enum):
    SIZE = auto()  # the line before a chunk
    OCTETS = auto()  # of a chunk
    LINE_END = auto()  # behind them
    TRAILER = auto()  # a trailer field, or the empty line that ends all
    NOTHING = auto()


class Chunks:
    """The coding of one message."""

    __slots__ = ("_extension_octets", "_lacking", "_next", "_trailer_octets")

    def __init__(self) -> None:
        self._next = _Next.SIZE
        self._lacking = 0  # octets of the chunk that are to come
        self._extension_octets = self._trailer_octets = 0

    @property
    def is_over(self) -> bool:
        """Whether its last octet was taken."""
        return self._next is _Next.NOTHING

    def good(self, held: bytes | bytearray) -> int:
        """How many octets at the beginning of *held* can be read: they are taken. Raises RemoteProtocolError."""
        at = 0
        while not self.is_over and (taken := self._take(held, at)):
            at += taken
        return at

    def _take(self, held: bytes | bytearray, at: int) -> int:
        if self._next is _Next.OCTETS:
            return self._octets(len(held) - at)
        if self._next is _Next.LINE_END:
            return self._line_end(held[at : at + 2])
        limit = SIZE_LINE_OCTETS_MAX if self._next is _Next.SIZE else TRAILER_OCTETS_MAX - self._trailer_octets
        line = _line(held, at, limit)
        if line:
            (self._size if self._next is _Next.SIZE else self._trailer)(line)
        return len(line)

    def _octets(self, there: int) -> int:
        taken = min(there, self._lacking)
        self._lacking -= taken
        if not self._lacking:
            self._next = _Next.LINE_END
        return taken

    def _line_end(self, octets: bytes | bytearray) -> int:
        if not b"\r\n".startswith(octets):
            raise RemoteProtocolError(_BAD.refusal)
        if len(octets) < 2:
            return 0
        self._next = _Next.SIZE
        return 2

    def _size(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        self._extension_octets += len(found[2] or b"") if found else 0
        if found is None or self._extension_octets > EXTENSION_OCTETS_MAX:
            raise RemoteProtocolError(_BAD.refusal)
        self._lacking = int(found[1], 16)
        self._next = _Next.OCTETS if self._lacking else _Next.TRAILER

    def _trailer(self, line: bytes) -> None:
        self._trailer_octets += len(line)
        if line == b"\r\n":
            self._next = _Next.NOTHING
        elif not _TRAILER.fullmatch(line):
            raise RemoteProtocolError(_BAD.refusal)


def _line(held: bytes | bytearray, at: int, octets_max: int) -> bytes:
    """The line at *at*, with its end; nothing yet where it may be whole later."""
    end = held.find(b"\n", at, at + max(octets_max, 0))
    if end >= 0:
        return bytes(held[at : end + 1])
    if len(held) - at >= octets_max:
        raise RemoteProtocolError(_BAD.refusal)
    return b""
