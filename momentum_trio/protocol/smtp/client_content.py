"""Content on its way to a server: what must be known of it beforehand, and its dots (RFC 5321 section 4.5.2)."""

from __future__ import annotations

from typing import Final, Protocol

from momentum_trio.protocol.smtp.content import STUFFED

_CRLF: Final = b"\r\n"


class Inspection:
    """Looks at content in parts, cut anywhere, before it is offered.

    eight_bit: it has octets that 7-bit transport does not carry (RFC 6152). binary: it has a NUL, or a CR or LF alone,
    which BINARYMIME alone carries (RFC 3030 section 3): a server that takes one for a line end can be made to see a
    second message (RFC 5321 section 2.3.8).
    """

    __slots__ = ("_carriage_returns", "_has_nul", "_line_feeds", "_lines", "_tail", "eight_bit", "octets")

    def __init__(self) -> None:
        self.eight_bit = self._has_nul = False
        self.octets = 0
        self._carriage_returns = self._line_feeds = self._lines = 0
        self._tail = b""

    def part(self, octets: bytes) -> None:
        """Look at the next part."""
        self.octets += len(octets)
        self.eight_bit = self.eight_bit or not octets.isascii()
        self._has_nul = self._has_nul or 0 in octets
        self._carriage_returns += octets.count(b"\r")
        self._line_feeds += octets.count(b"\n")
        self._lines += octets.count(_CRLF) + (self._tail == b"\r" and octets.startswith(b"\n"))
        self._tail = octets[-1:] or self._tail

    @property
    def binary(self) -> bool:
        """Whether what was looked at, all of the content, is no lines."""
        return self._has_nul or not self._carriage_returns == self._line_feeds == self._lines


class Framing(Protocol):
    """How content that comes in parts, cut anywhere, is put on the wire."""

    def part(self, octets: bytes) -> bytes:
        """*octets* as they are sent."""
        ...

    def end(self) -> bytes:
        """What is sent after the last of them."""
        ...


class Chunk:
    """The one chunk that is all of the content: sent as it is, its length said before (RFC 3030 section 2)."""

    __slots__ = ("_left",)

    def __init__(self, octets: int) -> None:
        self._left = octets

    def part(self, octets: bytes) -> bytes:
        """*octets* as they are sent."""
        self._left -= len(octets)
        assert self._left >= 0
        return octets

    def end(self) -> bytes:
        """Nothing: the server has counted."""
        assert self._left == 0
        return b""


class Stuffing:
    """Doubles the dot that begins a line, in content that comes in parts, cut anywhere."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = _CRLF  # the last two octets; before the first line stands the CRLF that ended DATA

    def part(self, octets: bytes) -> bytes:
        """*octets* as they are sent."""
        window = self._tail + octets
        self._tail = window[-2:]
        return window.replace(STUFFED, b"\r\n..")[2:]

    def end(self) -> bytes:
        """The terminator; before it the CRLF that a last line lacks, since a server could not see the end without."""
        return b".\r\n" if self._tail == _CRLF else b"\r\n.\r\n"
