"""What a client and a server say to each other, as lines for people; what AUTH has to keep secret is not in them.

    transcript = Transcript()
    transcript.sent(octets)         # lines that are whole now, of what the client sent
    transcript.received(octets)     # the same of the server
    transcript.rest()               # at the end

Which lines of the client answer a challenge is told by the replies, one for each of its lines, in their order: a server
that says too much ends nothing early (RFC 4954 section 4).
"""

from __future__ import annotations

import re
from collections import deque

LINE_OCTETS_MAX = 2048
"""A longer line is told in pieces."""

REPLIES_MAX = 16
"""Replies remembered while AUTH is underway; of a server that says more all that follows is masked."""

MASK = "***"
_AUTH = re.compile(r"(AUTH(?: +[A-Z0-9_-]+)?)(.*)", re.IGNORECASE)
_CHUNK = re.compile(r"BDAT +([0-9]{1,18})(?: +LAST)? *", re.IGNORECASE)
_CHALLENGE, _CONTENT = "334", "354"

Line = tuple[str, str]
"""``>`` for the client or ``<`` for the server, and the text."""


class Transcript:
    """A conversation of one connection, line by line, with what must not be shown masked."""

    __slots__ = ("_authenticating", "_chunk", "_content", "_data", "_received", "_replies", "_sent")

    def __init__(self) -> None:
        self._sent, self._received = bytearray(), bytearray()
        self._authenticating = False
        self._data = self._content = False  # DATA is what the client said last; it has been told to go on
        self._chunk = 0  # octets of content that come next, whatever they look like
        self._replies: deque[str] = deque()

    def sent(self, octets: bytes | memoryview) -> list[Line]:
        """The lines that are whole with what the client sent now."""
        self._sent += octets
        lines = []
        while line := _line(self._sent, self._chunk):
            lines.append((">", self._told(line)))
        return lines

    def received(self, octets: bytes) -> list[Line]:
        """What the server sent."""
        self._received += octets
        lines = []
        while line := _line(self._received):
            text = _shown(line)
            self._heard(text)
            lines.append(("<", text))
        return lines

    def rest(self) -> list[Line]:
        """What is left of lines that have no end."""
        left = [(">", self._told(self._sent))] if self._sent else []
        if self._received:
            left.append(("<", _shown(self._received)))
        self._sent.clear()
        self._received.clear()
        return left

    def _told(self, line: bytes | bytearray) -> str:
        """A line of the client, as far as it is nobody's secret."""
        text = _shown(line)
        if self._chunk:
            self._chunk -= len(line)
            return text
        if self._content:
            self._content = text != "."
            return text
        if self._authenticating:
            answered = self._replies.popleft() if self._replies else _CHALLENGE
            if answered == _CHALLENGE:
                return MASK
            self._authenticating = False
        return self._command(text)

    def _command(self, text: str) -> str:
        self._data = text.upper() == "DATA"
        if auth := _AUTH.match(text):
            self._authenticating = True
            self._replies.clear()
            return f"{auth[1]} {MASK}" if auth[2] else text
        if chunk := _CHUNK.fullmatch(text):
            self._chunk = int(chunk[1])
        return text

    def _heard(self, text: str) -> None:
        code = text[:3]
        if not code.isdigit() or text[3:4] == "-":
            return
        if self._authenticating:
            if len(self._replies) < REPLIES_MAX:
                self._replies.append(code)
        elif code == _CONTENT and self._data:
            self._content, self._data = True, False


def _line(octets: bytearray, limit: int = 0) -> bytes:
    """A whole line, or a piece of one that is too long, taken out of *octets*; nothing while there is none.

    limit: where not 0, the line ends there at the latest.
    """
    longest = min(limit or LINE_OCTETS_MAX, LINE_OCTETS_MAX)
    end = octets.find(b"\n", 0, longest) + 1
    if not end and len(octets) < longest:
        return b""
    line = bytes(octets[: end or longest])
    del octets[: len(line)]
    return line


def _shown(line: bytes | bytearray) -> str:
    """One line, without its end; what is not printable ASCII is escaped."""
    text = line.rstrip(b"\r\n").decode("ascii", "backslashreplace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
