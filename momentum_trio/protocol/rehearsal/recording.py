"""Recordings of SMTP sessions: one JSON object on one line for each (docs/protocols/session-recording.md).

Octets of the client's lines are characters U+0000 to U+00FF, one for one. Members a reader does not know are skipped,
another version is an error. Every length is bounded here, once.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from momentum_trio.net.endpoint import Endpoint
from momentum_trio.protocol.lines import CRLF
from momentum_trio.protocol.rehearsal.shape import Shape
from momentum_trio.protocol.smtp.content import TERMINATOR

VERSION = 1

LINE_OCTETS_MAX = 4 * 1024 * 1024
"""Of one recording on its line, the LF not counted."""
ENTRIES_MAX = 16_384
TEXT_CHARACTERS_MAX = 64 * 1024
WORD_CHARACTERS_MAX = 1024
SECONDS_MAX = 2.0**33

Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
Word = Annotated[str, Meta(max_length=WORD_CHARACTERS_MAX)]
Seconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX)]


class RecordingError(Exception):
    """A line is no recording; the text says why."""


class Entry(Struct, frozen=True, omit_defaults=True, tag_field="what"):
    """One thing that was said. at: seconds since the session began."""

    at: Seconds


class Line(Entry, frozen=True, tag="line"):
    """A command line of the client, masked, without its CRLF."""

    text: Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX, pattern=r"^[\x00-\xff]*$")]

    @property
    def octets(self) -> bytes:
        """The line as octets."""
        return self.text.encode("latin-1")


class LongLine(Entry, frozen=True, tag="long"):
    """A line beyond the bound. start: what it began with, masked. endless: so long that the session ended over it."""

    start: Annotated[str, Meta(max_length=WORD_CHARACTERS_MAX, pattern=r"^[\x00-\xff]*$")] = ""
    endless: bool = False


class Content(Entry, frozen=True, tag="content"):
    """A content, from its first octet. shape: what checks see of it; kept: all of it as sent, where that was asked for.

    ended: its terminator came.
    """

    shape: Shape
    sha256: Word = ""
    ended: bool = True
    kept: bytes | None = None

    @property
    def is_possible(self) -> bool:
        """Whether it can be sent: what was kept ends with its terminator, and nowhere before."""
        if self.kept is None:
            return self.shape.is_possible or not self.ended
        return (CRLF + self.kept).find(TERMINATOR) + len(TERMINATOR) == len(CRLF + self.kept)


class Left(Entry, frozen=True, tag="left"):
    """The client's octets ended without QUIT."""


class Said(Entry, frozen=True, tag="reply"):
    """A reply of the server, its lines joined by LF. by: the check that decided, where it was a refusal."""

    text: Text
    by: Word = ""

    @property
    def code(self) -> int:
        """250; 0 for what is none."""
        digits = self.text[:3]
        return int(digits) if len(digits) == 3 and digits.isascii() and digits.isdigit() else 0

    @property
    def line(self) -> str:
        """The reply on one line: ``250-a`` and ``250 b`` as ``250 a b``."""
        first, *others = self.text.split("\n")
        return " ".join((first[:3] + " " + first[4:], *(line[4:] for line in others))).rstrip()


ClientEntry: TypeAlias = Line | LongLine | Content | Left
AnyEntry: TypeAlias = ClientEntry | Said


class Recording(Struct, frozen=True, kw_only=True):
    """One session, from connection to end.

    began: Unix seconds. host: what the system called this host. listener, listen: whose options held. peer: the
    client's address and port, peer_address the address that options were chosen by. why: how it ended, as
    ``Connection.why`` has it, after *seconds*. cut: it went on, and what is here was all there was room for.
    reconfigured: another configuration began to hold meanwhile.
    """

    version: int = VERSION
    began: Seconds
    host: Word
    listener: Word = "esmtp_listener"
    listen: Word
    peer_address: Word
    peer: Word = ""
    local: Word = ""
    unix: bool = False
    entries: Annotated[tuple[AnyEntry, ...], Meta(max_length=ENTRIES_MAX)]
    seconds: Seconds = 0.0
    why: Word = ""
    cut: bool = False
    reconfigured: bool = False


class _Versioned(Struct):
    version: int


def encode(recording: Recording) -> bytes:
    """*recording* as a line, without its LF."""
    return msgspec.json.encode(recording)


def decode(line: bytes) -> Recording:
    """The recording *line* holds. Raises RecordingError."""
    if len(line) > LINE_OCTETS_MAX:
        raise RecordingError(f"longer than {LINE_OCTETS_MAX} octets")
    try:
        if (version := msgspec.json.decode(line, type=_Versioned).version) != VERSION:
            raise RecordingError(f"version {version}, and {VERSION} is the one known here")
        recording = msgspec.json.decode(line, type=Recording)
        Endpoint.parse(recording.listen)
        ip_address(recording.peer_address)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as fault:
        raise RecordingError(str(fault)) from None
    for entry in recording.entries:
        if isinstance(entry, Content) and not entry.is_possible:
            raise RecordingError(f"no content is such as that at {entry.at} seconds")
    return recording
