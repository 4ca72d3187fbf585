"""A server's replies, read with bounds (RFC 5321 section 4.2). What a server says is hostile until it is read here."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.lines import Lines, TooLong, shown

REPLY_LINE_OCTETS_MAX: Final = 2048
"""Longest line of a reply, CRLF included: 512 (RFC 5321 section 4.5.3.1.5), and room for what servers really send."""

REPLY_LINES_MAX: Final = 100
"""Most lines of one reply; real ones to EHLO have some twenty."""

KNOWN_MAX: Final = 16
KNOWN_OCTETS_MAX: Final = 64
"""Short replies that are remembered: a server says the same again and again."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?= |\Z)")  # RFC 3463 section 2


class Fault(Enum):
    """What a server said that no server may say. The value is for the log."""

    LINE_TOO_LONG = "a reply's line is too long"
    TOO_MANY_LINES = "a reply has too many lines"
    NO_CODE = "a reply does not begin with a code"
    CODES_DIFFER = "the lines of a reply have different codes"
    OUT_OF_PLACE = "a reply does not fit what was asked"
    UNASKED = "a reply came before it was asked for"


class Replies:
    """Octets in, replies out. Cuts do not show. At most one reply of REPLY_LINES_MAX lines is held between two calls of
    ``receive``, once ``next`` has returned None."""

    __slots__ = ("_code", "_known", "_lines", "_texts")

    def __init__(self) -> None:
        self._lines = Lines(REPLY_LINE_OCTETS_MAX)
        self._known: dict[bytes, Reply] = {}  # of one line, by that
        self._code = b""
        self._texts: list[str] = []  # of the reply whose last line is still to come

    def receive(self, octets: bytes) -> None:
        """Take what the server sent, cut anywhere."""
        self._lines.receive(octets)

    @property
    def drained(self) -> bool:
        """Whether no whole line is held, nor some lines of a reply."""
        return not self._texts and self._lines.drained

    @property
    def exhausted(self) -> bool:
        """Whether nothing at all is held."""
        return not self._texts and self._lines.exhausted

    def next(self) -> Reply | Fault | None:
        """The next reply; None when more octets are needed. After a Fault there is no sense in asking again."""
        while (line := self._lines.line()) is not None:
            if isinstance(line, TooLong):
                return Fault.LINE_TOO_LONG
            if not self._texts and (known := self._known.get(line)) is not None:
                return known
            match = _LINE.fullmatch(line)
            if match is None:
                return Fault.NO_CODE
            code, mark, text = match.groups()
            if self._texts and code != self._code:
                return Fault.CODES_DIFFER
            self._code = code
            self._texts.append(shown(text or b""))
            if mark != b"-":
                return self._remembered(line) if len(self._texts) == 1 else self._whole()
            if len(self._texts) == REPLY_LINES_MAX:
                return Fault.TOO_MANY_LINES
        return None

    def _remembered(self, line: bytes) -> Reply:
        reply = self._whole()
        if len(line) <= KNOWN_OCTETS_MAX:
            if len(self._known) == KNOWN_MAX:
                self._known.clear()
            self._known[line] = reply
        return reply

    def _whole(self) -> Reply:
        texts, self._texts = self._texts, []
        code = int(self._code)
        first = _ENHANCED.match(texts[0])
        if first is None or first[1] != str(code)[0]:
            return Reply(code, "", tuple(texts))
        prefix = f"{first[0]} "
        if not all(text.startswith(prefix) for text in texts):  # RFC 2034 section 4 wants it on every line
            return Reply(code, "", tuple(texts))
        return Reply(code, first[0], tuple(text[len(prefix) :] for text in texts))
