"""Chunked transfer coding, looked at before h11 reads it (RFC 9112 section 7.1): no line of it is without end, or ends
with LF alone; what a chunk declares is judged at its line."""

from __future__ import annotations

import re
from typing import Final

from momentum_trio.protocol.http.head import CONTENT_OCTETS_MAX, TOO_LARGE, Fault
from momentum_trio.protocol.http.refusal import RemoteProtocolError

SIZE_LINE_OCTETS_MAX: Final = 256
"""Of the line before a chunk, its extensions included."""
TRAILER_OCTETS_MAX: Final = 4 * 1024
"""Of all trailer fields of one message."""
EXTENSION_OCTETS_MAX: Final = 16 * 1024
"""Of all extensions of one message: they are nobody's, and cost us time."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,13})(;[\t\x20-\x7e]*+)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n")
BAD_CHUNK: Final = Fault(400, "Bad chunk", "The chunked coding is broken, or one of its lines is too long.")


class Chunks:
    """The coding of one message. octets_max: of all its chunks; None: any."""

    __slots__ = ("_extension_octets", "_is_last", "_left", "_passing", "_trailer_octets")

    def __init__(self, octets_max: int | None = None) -> None:
        self._left = CONTENT_OCTETS_MAX if octets_max is None else octets_max
        self._passing = 0  # octets of a chunk, and of the line end behind it, that are to come
        self._extension_octets = self._trailer_octets = 0
        self._is_last = False

    def good(self, held: bytearray) -> int:
        """How many octets at the beginning of *held* h11 may read: they are taken, a line or what there is of a chunk.
        Raises RemoteProtocolError."""
        if self._passing:
            taken = min(self._passing, len(held))
            self._passing -= taken
            return taken
        line = _line(held, TRAILER_OCTETS_MAX - self._trailer_octets if self._is_last else SIZE_LINE_OCTETS_MAX)
        if line:
            (self._trailer if self._is_last else self._size)(line)
        return len(line)

    def _size(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        self._extension_octets += len(found[2] or b"") if found else 0
        if found is None or self._extension_octets > EXTENSION_OCTETS_MAX:
            raise RemoteProtocolError(BAD_CHUNK.refusal)
        octets = int(found[1], 16)
        self._left -= octets
        if self._left < 0:
            raise RemoteProtocolError(TOO_LARGE.refusal)
        self._is_last = not octets
        self._passing = octets + len(b"\r\n") if octets else 0

    def _trailer(self, line: bytes) -> None:
        self._trailer_octets += len(line)
        if line != b"\r\n" and not _TRAILER.fullmatch(line):
            raise RemoteProtocolError(BAD_CHUNK.refusal)


def _line(held: bytearray, octets_max: int) -> bytes:
    """The first line, with its end; nothing yet where it may be whole later."""
    end = held.find(b"\n", 0, max(octets_max, 0))
    if end >= 0:
        return bytes(held[: end + 1])
    if len(held) >= octets_max:
        raise RemoteProtocolError(BAD_CHUNK.refusal)
    return b""
