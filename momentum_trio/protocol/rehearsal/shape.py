"""What the checks see of a content, without the content: its length, what its header section has, where its faults are.

``Measure`` takes the octets as a client sends them and ends in a Shape; ``stand_in`` makes octets of that shape, which
get the replies that the content got. Nothing of the content itself is in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from momentum_trio.mail.header import HEADER_OCTETS_MAX, begins_with_field, scan

CONTENT_OCTETS_MAX = 4 * 1024**3
"""Of a content that can be rehearsed."""

CRLF, STUFFED, TERMINATION = b"\r\n", b"\r\n.", b".\r\n"
RECEIVED, DATE, MESSAGE_ID, OTHER = b"Received:\r\n", b"Date:\r\n", b"Message-ID:\r\n", b"x:\r\n"
MALFORMED = b"x\r\n"
ROW_OCTETS = 64  # of a stand-in's body
ROW = b"x" * (ROW_OCTETS - 2) + CRLF
CHUNK_ROWS, CHUNK_OCTETS = 1024, 64 * 1024

_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")

Octets = Annotated[int, Meta(ge=0, le=CONTENT_OCTETS_MAX)]
Place = Annotated[int, Meta(ge=-1, le=CONTENT_OCTETS_MAX)]


class Header(Struct, frozen=True, omit_defaults=True):
    """A header section. octets: its length, the empty line not counted. The rest as ``mail.header.Scan`` has it."""

    octets: Octets
    begins_with_field: bool = False
    well_formed: bool = False
    received: Annotated[int, Meta(ge=0, le=HEADER_OCTETS_MAX)] = 0
    date: bool = False
    message_id: bool = False

    @property
    def fields(self) -> list[bytes]:
        """The shortest lines that make such a section: what is longer is longer in a value."""
        fields = [RECEIVED] * self.received
        fields += [DATE] * self.date + [MESSAGE_ID] * self.message_id
        return (fields or [OTHER]) + [MALFORMED] * (not self.well_formed)


class Shape(Struct, frozen=True, omit_defaults=True):
    """octets: length of the content, dots unstuffed. has_body: an empty line ended the header section.

    nul_at, lone_at: where the first NUL stands, and the first CR or LF that is without the other; -1: nowhere.
    """

    octets: Octets
    header: Header
    has_body: bool = False
    nul_at: Place = -1
    lone_at: Place = -1

    @property
    def body_at(self) -> int:
        """Where the body begins."""
        return self.header.octets + 2 if self.has_body else self.octets

    @property
    def faults(self) -> dict[int, bytes]:
        """What stands where it must not."""
        return {at: octet for at, octet in ((self.lone_at, b"\n"), (self.nul_at, b"\0")) if at >= 0}

    @property
    def is_header_read(self) -> bool:
        """Whether somebody looks at the lines of the header: not where its length, or a fault, decides before."""
        is_sound = self.nul_at < 0 and not 0 <= self.lone_at < self.body_at
        return is_sound and self.header.begins_with_field and self.header.octets <= HEADER_OCTETS_MAX

    @property
    def is_possible(self) -> bool:
        """Whether a whole content can have it."""
        header, body = self.header.octets, self.octets - self.body_at
        if body < 0 or body == 1 or header in (1, 2) or (not self.has_body and header != self.octets):
            return False
        for at in self.faults:
            if at > self.octets - 3 or (self.has_body and self.body_at - 4 <= at < self.body_at):
                return False
        return not self.is_header_read or header >= sum(map(len, self.header.fields))


class Measure:
    """The shape of a content, from its octets as they come, cut anywhere."""

    __slots__ = ("_digest", "_header", "_held", "_lone_at", "_nul_at", "_octets", "_seam")

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._header = _HeaderMeasure()
        self._seam = CRLF  # the last two octets as sent; at first those that ended DATA
        self._held = b""  # unstuffed and not looked at: the end of the content may be in it
        self._octets = 0  # looked at
        self._nul_at = self._lone_at = -1

    def take(self, octets: bytes) -> None:
        """The next octets as the client sent them, at last those of the terminator."""
        window = self._seam + octets
        self._held += window.replace(STUFFED, CRLF)[len(self._seam) :]
        self._seam = window[-2:]
        count = len(self._held) - 2
        self._look_at(count - 1 if count > 0 and self._held[count - 1] == 13 else count)  # never between CR and LF

    def shape(self, *, ended: bool) -> tuple[Shape, str]:
        """The shape and the SHA-256 of it all; *ended*: the terminator was the last of it.

        Of a content that was left in the middle there is the length alone: nobody answered it.
        """
        if not ended:
            octets = self._octets + len(self._held)
            octets = octets if octets > 2 else 0
            return Shape(octets, Header(octets)), ""
        self._look_at(len(self._held) - 2)  # CR LF . CR LF has lost its dot
        header = self._header.header()
        shape = Shape(self._octets, header, self._header.has_ended, self._nul_at, self._lone_at)
        return shape, self._digest.hexdigest()

    def _look_at(self, count: int) -> None:
        if count <= 0:
            return
        part, self._held = self._held[:count], self._held[count:]
        self._digest.update(part)
        if self._nul_at < 0 and (at := part.find(b"\0")) >= 0:
            self._nul_at = self._octets + at
        if self._lone_at < 0 and (lone := _LONE.search(part)):
            self._lone_at = self._octets + lone.start()
        self._header.take(part)
        self._octets += count


class _HeaderMeasure:
    """The header section of a content that comes in parts, none of which ends between CR and LF."""

    __slots__ = ("_kept", "_seam", "has_ended", "octets")

    def __init__(self) -> None:
        self.octets = 0
        self.has_ended = False
        self._kept = bytearray()  # as much of it as anybody reads
        self._seam = b""

    def take(self, part: bytes) -> None:
        if self.has_ended:
            return
        if not self.octets and part.startswith(CRLF):
            self.has_ended = True
            return
        window = self._seam + part
        end = window.find(CRLF + CRLF)
        if end >= 0:
            part = window[len(self._seam) : end + 2]
            self.has_ended = True
            self.octets += end + 2 - len(self._seam)
        else:
            self.octets += len(part)
            self._seam = window[-3:]
        if len(self._kept) <= HEADER_OCTETS_MAX:
            self._kept += part

    def header(self) -> Header:
        octets = bytes(self._kept[: self.octets])
        if self.octets > HEADER_OCTETS_MAX:
            return Header(self.octets, begins_with_field(octets))
        seen = scan(octets)
        return Header(
            self.octets,
            seen.begins_with_field,
            seen.well_formed,
            seen.received_count,
            seen.has_date,
            seen.has_message_id,
        )


def stand_in(shape: Shape) -> Iterator[bytes]:
    """Octets of a content of *shape*, which must be possible, as a client sends them: in chunks, terminator last."""
    at = 0
    for chunk in _chunks(shape):
        for place, octet in shape.faults.items():
            if at <= place < at + len(chunk):
                chunk = chunk[: place - at] + octet + chunk[place - at + 1 :]
        yield chunk
        at += len(chunk)
    assert at == shape.octets
    yield TERMINATION


def unfinished(octets: int) -> Iterator[bytes]:
    """So many octets of a content whose end does not come."""
    return _run(octets)


def _chunks(shape: Shape) -> Iterator[bytes]:
    header = shape.header
    if shape.is_header_read:
        first, *others = header.fields
        yield from _line(first[:-2], header.octets - sum(map(len, others)))
        yield b"".join(others)
    elif header.octets:
        yield from _line(b"x:" if header.begins_with_field and header.octets > 3 else b"", header.octets)
    if shape.has_body:
        yield CRLF
        yield from _body(shape.octets - shape.body_at, in_rows=not shape.faults)


def _body(octets: int, *, in_rows: bool) -> Iterator[bytes]:
    if octets and in_rows:
        rows = (octets - 2) // ROW_OCTETS
        octets -= rows * ROW_OCTETS
        for done in range(0, rows, CHUNK_ROWS):
            yield ROW * min(CHUNK_ROWS, rows - done)
    if octets:
        yield from _line(b"", octets)


def _line(beginning: bytes, octets: int) -> Iterator[bytes]:
    """A line of so many octets, its end included."""
    yield beginning
    yield from _run(octets - len(beginning) - 2)
    yield CRLF


def _run(octets: int) -> Iterator[bytes]:
    for done in range(0, octets, CHUNK_OCTETS):
        yield b"x" * min(CHUNK_OCTETS, octets - done)
