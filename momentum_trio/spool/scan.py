"""Reads a segment: which groups are whole, what is damaged, where the tail begins. Sans-IO.

The rule (docs/protocols/spool.md): records count when a valid marker follows them. What is invalid and has a valid
marker after it is damage; what is invalid and has none is the tail.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from zlib import crc32

from momentum_trio.spool.frame import (
    FRAME_HEADER_OCTETS,
    FRAME_MAGIC,
    MARKER,
    SEGMENT_HEADER_OCTETS,
    Found,
    FrameHeader,
    Marker,
    Salt,
)

WINDOW_OCTETS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Want:
    """Asks for *size* octets at *offset*; fewer are taken for the end of the file."""

    offset: int
    size: int


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
        place = SEGMENT_HEADER_OCTETS
        group = Group(None, after=place)
        while (following := (yield from self._next(place, group.records))) is not None:
            place = following.after
            if isinstance(following, Damage):
                group.damages.append(following)
            elif following.kind is not MARKER:
                group.records.append(following)
            elif (marker := self._salt.parse_marker(following.envelope)) is not None:
                group.marker, group.after = marker, place
                yield group
                group = Group(None, after=place)
            else:
                group.damages.append(Damage(following.place, place))
        yield group

    def _next(self, place: int, records: list[Found]) -> Generator[Want, bytes, Found | Damage | None]:
        """The marker behind *place*, or what stands before it and is not put into *records* here. None: the end."""
        while True:
            marker = self._salt.records(self._window, place, place - self._first, records)
            if marker is not None:
                return marker
            if records:
                place = max(place, records[-1].after)
            if place == self._first:
                return (yield from self._one(place))
            yield from self._look(place, WINDOW_OCTETS)

    def _one(self, place: int) -> Generator[Want, bytes, Found | Damage | None]:
        """What stands at *place*, where the window begins: it is damaged, or not all of it is in the window."""
        header = self._salt.header(self._window, place)
        if header is None:
            following = yield from self._next_frame(place + 1)
            return None if following is None else Damage(place, following)
        read = yield from self._payload(place, header)
        if read is None:
            return None
        envelope, check = read
        if check != header.check:
            return Damage(place, place + header.octets)
        return Found(header.kind, header.envelope_octets, header.content_octets, header.octets, place, envelope)

    def _payload(self, place: int, header: FrameHeader) -> Generator[Want, bytes, tuple[bytes, int] | None]:
        """Envelope and check of a frame, which may be longer than a window; None when the file ends within it."""
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
