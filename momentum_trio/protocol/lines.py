"""Lines that end in CRLF and nothing else, read with a bound: the front of every conversation in lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CRLF: Final = b"\r\n"

_UNPRINTABLE: Final = re.compile(rb"[^ -~]")


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands for a line beyond the bound; what is left of it, up to its CRLF, will be dropped unseen.

    start: its first octets, for the log.
    endless: said a second time, of a line of which more than DISCARDED_OCTETS_MAX was dropped: no line is coming.
    """

    start: bytes
    endless: bool = False


START_OCTETS: Final = 64
"""How much of a line that is too long is kept to show."""

DISCARDED_OCTETS_MAX: Final = 1024 * 1024
"""How much of a line that is too long is waited out."""


class Lines:
    """Octets in, lines out. Neither CR nor LF alone ends a line: they are handed on inside it, for its reader to judge.

    octets_max: longest line, CRLF included.

    Once ``line`` has returned None at most *octets_max* octets are held, whatever the peer sends; before that, what
    was received since. So: ask for lines until there is none, then receive.
    """

    __slots__ = ("_at", "_discarded", "_held", "octets_max")

    def __init__(self, octets_max: int) -> None:
        self.octets_max = octets_max
        self._held = b""
        self._at = 0  # octets before it have been given out or dropped
        self._discarded: int | None = None  # octets dropped of a line that is too long; None: not in one

    def receive(self, octets: bytes) -> None:
        """Take what the peer sent, cut anywhere."""
        if self._at < len(self._held):
            octets = self._held[self._at :] + octets
        self._held = octets
        self._at = 0

    def line(self) -> bytes | TooLong | None:
        """The next line without its CRLF; TooLong for one beyond the bound; None when more octets are needed."""
        if self._discarded is not None and (endless := self._discard(self._discarded)):
            return endless
        held, at = self._held, self._at
        if at == len(held) or self._discarded is not None:
            return None
        end = held.find(CRLF, at)
        after = len(held) if end < 0 else end + 2
        if after - at > self.octets_max:
            self._discarded = 0
            return TooLong(held[at : at + START_OCTETS])
        if end < 0:
            return None
        self._at = after
        return held[at:end]

    @property
    def drained(self) -> bool:
        """Whether no whole line is held."""
        return self._held.find(CRLF, self._at) < 0

    @property
    def exhausted(self) -> bool:
        """Whether nothing is held, not even the beginning of a line."""
        return self._at == len(self._held)

    def take(self) -> bytes:
        """Everything held, for a reader that does not go by lines."""
        assert self._discarded is None
        octets = self._held[self._at :]
        self._held = b""
        self._at = 0
        return octets

    def _discard(self, discarded: int) -> TooLong | None:
        """Drop what is held of the line that is too long, but for a CR whose LF may be to come."""
        held = self._held
        end = held.find(CRLF, self._at)
        stop = end if end >= 0 else len(held) - held.endswith(b"\r")
        discarded += stop - self._at
        self._at = stop
        self._discarded = discarded
        if discarded > DISCARDED_OCTETS_MAX:
            return TooLong(b"", endless=True)
        if end >= 0:
            self._at = end + 2
            self._discarded = None
        return None


def shown(line: bytes) -> str:
    """*line* in printable ASCII: other octets are written ``\\xNN``."""
    return _UNPRINTABLE.sub(lambda match: b"\\x%02x" % match[0][0], line).decode("ascii")
