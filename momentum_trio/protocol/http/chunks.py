"""Chunked transfer coding, read (RFC 9112 section 7.1): no line of it is without end, or ends with LF alone; extensions
and trailer fields are nobody's."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from momentum_trio.protocol.http.head import CONTENT_OCTETS_MAX, TOO_LARGE, Fault
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
    """The coding of one message. octets_max: of all its chunks; None: any."""

    __slots__ = ("_extension_octets", "_lacking", "_left", "_next", "_trailer_octets")

    def __init__(self, octets_max: int | None = None) -> None:
        self._next = _Next.SIZE
        self._left = CONTENT_OCTETS_MAX if octets_max is None else octets_max
        self._lacking = 0  # octets of the chunk that are to come
        self._extension_octets = self._trailer_octets = 0

    @property
    def is_over(self) -> bool:
        """Whether its last octet was read."""
        return self._next is _Next.NOTHING

    def read(self, held: bytearray) -> bytes:
        """The next octets of the message at the beginning of *held*, off which they are taken with what stands before
        them; none, where there are none yet or will be none. Raises RemoteProtocolError."""
        at = 0
        while self._next not in (_Next.OCTETS, _Next.NOTHING) and (taken := self._step(held, at)):
            at += taken
        taken = min(self._lacking, len(held) - at) if self._next is _Next.OCTETS else 0
        octets = bytes(held[at : at + taken])
        del held[: at + taken]
        self._lacking -= taken
        if self._next is _Next.OCTETS and not self._lacking:
            self._next = _Next.LINE_END
        return octets

    def _step(self, held: bytearray, at: int) -> int:
        """Read the line at *at*; how many octets that were, none where it is not whole yet."""
        if self._next is _Next.LINE_END:
            return self._line_end(held[at : at + 2])
        is_size = self._next is _Next.SIZE
        line = _line(held, at, SIZE_LINE_OCTETS_MAX if is_size else TRAILER_OCTETS_MAX - self._trailer_octets)
        if line:
            (self._size if is_size else self._trailer)(line)
        return len(line)

    def _line_end(self, octets: bytearray) -> int:
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
        self._left -= self._lacking
        if self._left < 0:
            raise RemoteProtocolError(TOO_LARGE.refusal)
        self._next = _Next.OCTETS if self._lacking else _Next.TRAILER

    def _trailer(self, line: bytes) -> None:
        self._trailer_octets += len(line)
        if line == b"\r\n":
            self._next = _Next.NOTHING
        elif not _TRAILER.fullmatch(line):
            raise RemoteProtocolError(_BAD.refusal)


def _line(held: bytearray, at: int, octets_max: int) -> bytes:
    """The line at *at*, with its end; nothing yet where it may be whole later."""
    end = held.find(b"\n", at, at + max(octets_max, 0))
    if end >= 0:
        return bytes(held[at : end + 1])
    if len(held) - at >= octets_max:
        raise RemoteProtocolError(_BAD.refusal)
    return b""
