"""How long lines of content may be (RFC 5322 section 2.1.1), and what becomes of longer ones (RFC2822_Max_Line_Length).

Lines of the header section are folded where a blank stands (section 2.2.3): what a field means stays the same. Lines of
the body are broken: behind a blank of their second half if there is one, never within a character of UTF-8.
"""

from __future__ import annotations

from typing import NamedTuple

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import Refused
from momentum_trio.reception.reception_options import ReceptionOptions

LINE_OCTETS_MAX = 998
"""RFC 5322 section 2.1.1, the CRLF not counted."""

MODULE = "rfc2822"
HEADER_LINE = Refused(replies.HEADER_LINE_TOO_LONG, MODULE, "RFC2822_Max_Line_Length, in the header section")
BODY_LINE = Refused(replies.BODY_LINE_TOO_LONG, MODULE, "RFC2822_Max_Line_Length, in the body")
UNFOLDABLE = Refused(replies.HEADER_LINE_TOO_LONG, MODULE, "RFC2822_Max_Line_Length: no blank to fold the line at")


class LineLimit(NamedTuple):
    """The longest line, its CRLF not counted, and whether longer ones are made shorter rather than refused."""

    octets_max: int
    mends: bool


def line_limit(options: ReceptionOptions) -> LineLimit | None:
    """What RFC2822_Max_Line_Length says; beside a number RFC2822_Max_Line_Length_Policy. None: lines may have any."""
    length, policy = options.max_line_length, options.max_line_length_policy
    if isinstance(length, str):
        return None if length == "ignore" else LineLimit(LINE_OCTETS_MAX, length == "fix")
    return None if policy == "none" else LineLimit(length, policy == "fix")


def header_kept_to(limit: LineLimit, section: bytes) -> bytes | Refused:
    """A header *section*, whole lines, with none longer than *limit* says."""
    lines = section.split(b"\r\n")
    if max(map(len, lines)) <= limit.octets_max:
        return section
    if not limit.mends:
        return HEADER_LINE
    folded = [line if len(line) <= limit.octets_max else _folded(line, limit.octets_max) for line in lines]
    kept = [line for line in folded if line is not None]
    return b"\r\n".join(kept) if len(kept) == len(folded) else UNFOLDABLE


def _folded(line: bytes, octets_max: int) -> bytes | None:
    """*line* in as many as it takes, each with something but blanks in it; None where that cannot be."""
    pieces, text = [], line.rstrip(b" \t")
    if not text:
        return None
    while len(text) > octets_max:
        indent = len(text) - len(text.lstrip(b" \t"))
        at = max(text.rfind(blank, indent, octets_max + 1) for blank in (b" ", b"\t"))
        if at < 0:
            return None
        pieces.append(text[:at])
        text = text[at:]
    return b"\r\n".join([*pieces, text])


class BodyLines:
    """The body's lines as its octets come, cut anywhere. What is held back is no longer than a line may be, and CR."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: LineLimit) -> None:
        self._limit = limit
        self._rest = b""  # of a line that has not ended, and is not too long yet

    def take(self, octets: bytes, *, last: bool) -> bytes | Refused:
        """*octets* are next, and the *last*: what the body has instead as far as that is certain."""
        octets_max = self._limit.octets_max
        *lines, rest = (self._rest + octets).split(b"\n")
        slack = 0 if last else 1  # for a CR whose LF may come
        longest = max((len(line) - line.endswith(b"\r") for line in lines), default=0)
        if max(longest, len(rest) - (slack and rest.endswith(b"\r"))) <= octets_max:
            self._rest = b"" if last else rest
            return b"\n".join((*lines, rest if last else b""))
        if not self._limit.mends:
            return BODY_LINE
        broken = [_broken(line, octets_max) for line in lines]
        *pieces, self._rest = _pieces(rest, octets_max, slack)
        if last:
            return b"\n".join((*broken, b"\r\n".join((*pieces, self._rest))))
        return b"\n".join((*broken, b"")) + b"".join(piece + b"\r\n" for piece in pieces)


def _broken(line: bytes, octets_max: int) -> bytes:
    """*line*, perhaps with the CR of its end, in as many as it takes."""
    text = line.removesuffix(b"\r")
    return b"\r\n".join(_pieces(text, octets_max, 0)) + line[len(text) :]


def _pieces(text: bytes, octets_max: int, slack: int) -> list[bytes]:
    """*text* in pieces; the last may have *slack* octets more, which perhaps do not count: the CR of its end."""
    pieces = []
    while len(text) > octets_max + slack:
        at = _break(text, octets_max)
        pieces.append(text[:at])
        text = text[at:]
    return [*pieces, text]


def _break(text: bytes, octets_max: int) -> int:
    """Where to break *text*, which is longer."""
    half = octets_max // 2
    at = max(text.rfind(b" ", half, octets_max), text.rfind(b"\t", half, octets_max)) + 1
    if at:
        return at
    ends = (at for at in range(octets_max, octets_max - 4, -1) if text[at] & 0xC0 != 0x80)  # UTF-8: RFC 3629 section 3
    return next(ends, octets_max)
