"""Reads a segment: which groups are whole, what is damaged, where the tail begins. Sans-IO.

The rule (docs/protocols/spool.md): records count when a valid marker follows them. What is invalid and has a valid
marker after it is damage; what is invalid and has none is the tail.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from zlib import crc32

import msgspec

from momentum_trio.spool.frame import (
    FRAME_HEADER_OCTETS,
    FRAME_MAGIC,
    SEGMENT_HEADER_OCTETS,
    FrameHeader,
    Kind,
    Marker,
    Salt,
)

MARKER = Kind.MARKER
WINDOW_OCTETS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Want:
    """Asks for *size* octets at *offset*; fewer are taken for the end of the file."""

    offset: int
    size: int


class Found(msgspec.Struct, frozen=True, gc=False):
    """A valid record. place: offset of its frame."""

    place: int
    header: FrameHeader
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Octets from *first* up to *after* that hold no valid record."""

    first: int
    after: int


@dataclass(slots=True)
class Group:
    """What stands before one valid marker (and after the one before). after: the offset behind the marker."""

    marker: Marker | None
    records: list[Found] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    after: int = 0


Scan = Generator[Want | Group, bytes, None]


def scan(salt: Salt) -> Scan:
    """Yields Want (to be sent octets) and Group values; the last Group has no marker and is the tail."""
    return _Scanner(salt).groups()


class _Scanner:
    def __init__(self, salt: Salt) -> None:
        self._salt = salt
        self._first = 0
        self._window = b""

    def groups(self) -> Scan:
        place, header_at = SEGMENT_HEADER_OCTETS, self._salt.header
        group = Group(None, after=place)
        while True:
            window, start = self._window, place - self._first
            header = header_at(window, place, start) if start >= 0 else None
            if header is None or start + header.octets > len(window):
                yield from self._look(place, WINDOW_OCTETS)
                window, start, header = self._window, 0, header_at(self._window, place)
            if header is None:
                following = yield from self._next_frame(place + 1)
                if following is None:
                    break
                group.damages.append(Damage(place, following))
                place = following
                continue
            octets = header.octets
            if start + octets <= len(window):
                payload = window[start + FRAME_HEADER_OCTETS : start + octets]
                envelope, check = payload[: header.envelope_octets], crc32(payload)
            elif (read := (yield from self._long(place, header))) is not None:
                envelope, check = read
            else:
                break
            after = place + octets
            whole = check == header.check
            if whole and header.kind is not MARKER:
                group.records.append(Found(place, header, envelope))
            elif whole and (marker := self._salt.parse_marker(envelope)) is not None:
                group.marker, group.after = marker, after
                yield group
                group = Group(None, after=after)
            else:
                group.damages.append(Damage(place, after))
            place = after
        yield group

    def _long(self, place: int, header: FrameHeader) -> Generator[Want, bytes, tuple[bytes, int] | None]:
        """Envelope and check of a frame that is longer than a window; None when the file ends within it."""
        envelope = yield from self._octets(place + FRAME_HEADER_OCTETS, header.envelope_octets)
        if len(envelope) < header.envelope_octets:
            return None
        check = crc32(envelope)
        at, left = place + FRAME_HEADER_OCTETS + header.envelope_octets, header.content_octets
        while left:
            part = yield from self._octets(at, min(left, WINDOW_OCTETS))
            if not part:
                return None
            check = crc32(part, check)
            at, left = at + len(part), left - len(part)
        return envelope, check

    def _next_frame(self, place: int) -> Generator[Want, bytes, int | None]:
        """Offset of the next valid header at or after *place*."""
        while True:
            octets = yield from self._octets(place, WINDOW_OCTETS)
            if len(octets) < FRAME_HEADER_OCTETS:
                return None
            at = octets.find(FRAME_MAGIC)
            while 0 <= at <= len(octets) - FRAME_HEADER_OCTETS:
                if self._salt.header(octets, place + at, at) is not None:
                    return place + at
                at = octets.find(FRAME_MAGIC, at + 1)
            place += len(octets) - FRAME_HEADER_OCTETS + 1

    def _octets(self, place: int, size: int) -> Generator[Want, bytes, bytes]:
        start = place - self._first
        if start < 0 or start + size > len(self._window):
            yield from self._look(place, max(size, WINDOW_OCTETS))
            start = 0
        return self._window[start : start + size]

    def _look(self, place: int, size: int) -> Generator[Want, bytes, None]:
        """Have the window begin at *place*."""
        self._window = yield Want(place, size)
        self._first = place
