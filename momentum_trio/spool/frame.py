"""The binary form of the log: segment headers, frames, markers (docs/protocols/spool.md). Pure; every length bounded.

All integers big-endian. A frame is a header of 24 octets, an envelope (msgpack, or a marker's fields) and inline
content. The header's CRC is salted with segment number, the segment's random salt and the frame's place, so that
neither octets from another segment, nor a copy, nor content that imitates the format is ever taken for a frame.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

import msgspec

VERSION = 3
VERSIONS_READ = frozenset({1, 2, 3})
SEGMENT_MAGIC = b"MTSPOOL\n"
FRAME_MAGIC = b"\x9aMt\xf1"

ENVELOPE_OCTETS_MAX = 16 * 1024 * 1024
INLINE_OCTETS_MAX = 16 * 1024 * 1024

_SEGMENT = struct.Struct(
    ">8sHHIQIQQQ"
)  # magic version zero salt number incarnation high_water previous previous_length
_CHECK = struct.Struct(">I")
_FRAME = struct.Struct(">4sBBHIII")  # magic kind zero zero envelope_octets content_octets payload_check
_CHECKED_FRAME = struct.Struct(">4sBxxxIIII")  # the same, and its own check
_MARKER = struct.Struct(">QQIIQQ")  # segment group count incarnation high_water synced
_SALT = struct.Struct(">QI")
_PLACE = struct.Struct(">Q")

SEGMENT_HEADER_OCTETS = _SEGMENT.size + _CHECK.size
FRAME_HEADER_OCTETS = _FRAME.size + _CHECK.size
MARKER_OCTETS = FRAME_HEADER_OCTETS + _MARKER.size


class NotOurs(ValueError):
    """A segment of another version: it is left alone, and the spool is not opened."""


class Kind(IntEnum):
    """What a frame holds. CONCLUDED and POSTPONED were written by version 1 alone."""

    BATCH = 1
    CONCLUDED = 2
    POSTPONED = 3
    MARKER = 4
    SETTLED = 5
    MOVED = 6
    KEYS = 7


KINDS = {int(kind): kind for kind in Kind}
MARKER = Kind.MARKER  # looked up once


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What stands first in a segment.

    incarnation: life of the spool that began it. high_water: no identifier before it had a later second.
    previous, previous_length: the segment before it and how many octets of that one count (0, 0: there was none).
    """

    number: int
    salt: int
    incarnation: int
    high_water: int
    previous: int = 0
    previous_length: int = 0

    def octets(self) -> bytes:
        """As written."""
        head = _SEGMENT.pack(
            SEGMENT_MAGIC,
            VERSION,
            0,
            self.salt,
            self.number,
            self.incarnation,
            self.high_water,
            self.previous,
            self.previous_length,
        )
        return head + _CHECK.pack(zlib.crc32(head))


def parse_segment_header(octets: bytes) -> SegmentHeader | None:
    """The header, or None when it is damaged or incomplete. Raises NotOurs for a whole header of another version."""
    if len(octets) != SEGMENT_HEADER_OCTETS:
        return None
    head = octets[: _SEGMENT.size]
    magic, version, _, salt, number, incarnation, high_water, previous, length = _SEGMENT.unpack(head)
    if magic != SEGMENT_MAGIC or _CHECK.unpack_from(octets, _SEGMENT.size)[0] != zlib.crc32(head):
        return None
    if version not in VERSIONS_READ:
        raise NotOurs(f"spool format {version}, this program writes {VERSION}")
    return SegmentHeader(number, salt, incarnation, high_water, previous, length)


@dataclass(frozen=True, slots=True)
class Marker:
    """The end of a group.

    count: records since the marker before. incarnation, high_water: as in SegmentHeader. synced: octets of the segment
    that were durable before this group was written: damage below that is no write that power cut short.
    """

    segment: int
    group: int
    count: int
    incarnation: int
    high_water: int
    synced: int


class Frame(msgspec.Struct, eq=False, gc=False):
    """One record before it has a place. check: CRC-32 of envelope and content. octets: its length in the log."""

    kind: Kind
    envelope: bytes
    content: bytes
    check: int
    octets: int

    @classmethod
    def of(cls, kind: Kind, envelope: bytes, content: bytes = b"") -> Frame:
        """Computes the check."""
        check = zlib.crc32(content, zlib.crc32(envelope))
        return cls(kind, envelope, content, check, FRAME_HEADER_OCTETS + len(envelope) + len(content))

    @property
    def envelope_octets(self) -> int:
        """As its header has it."""
        return len(self.envelope)


class FrameHeader(msgspec.Struct, frozen=True, gc=False):
    """A valid header. octets: of the frame."""

    kind: Kind
    envelope_octets: int
    content_octets: int
    check: int
    octets: int


class Found(msgspec.Struct, frozen=True, gc=False):
    """A whole frame that was read: made of every record at opening, as cheaply as can be.

    octets: of the frame. place: its offset.
    """

    kind: Kind
    envelope_octets: int
    content_octets: int
    octets: int
    place: int
    envelope: bytes

    @property
    def after(self) -> int:
        """The offset behind it."""
        return self.place + self.octets


class Salt:
    """Makes and checks frame headers of one segment."""

    __slots__ = ("_seed", "number")

    def __init__(self, number: int, salt: int) -> None:
        self.number = number
        self._seed = zlib.crc32(_SALT.pack(number, salt))

    def chunks(self, frame: Frame, place: int) -> tuple[bytes, bytes]:
        """*frame* as it stands at *place*: header with envelope, and content (not copied)."""
        head = _FRAME.pack(FRAME_MAGIC, frame.kind, 0, 0, len(frame.envelope), len(frame.content), frame.check)
        check = zlib.crc32(head + _PLACE.pack(place), self._seed)
        return b"".join((head, _CHECK.pack(check), frame.envelope)), frame.content

    def header(self, octets: bytes, place: int, at: int = 0) -> FrameHeader | None:
        """The header at *at* in *octets*, or None when there is no valid one for *place*."""
        try:
            magic, kind, envelope_octets, content_octets, check, own = _CHECKED_FRAME.unpack_from(octets, at)
        except struct.error:  # the octets end before it does
            return None
        if magic != FRAME_MAGIC or kind not in KINDS:
            return None
        if own != zlib.crc32(octets[at : at + _FRAME.size] + _PLACE.pack(place), self._seed):
            return None
        if envelope_octets > ENVELOPE_OCTETS_MAX or content_octets > INLINE_OCTETS_MAX:
            return None
        octets_in_all = FRAME_HEADER_OCTETS + envelope_octets + content_octets
        return FrameHeader(KINDS[kind], envelope_octets, content_octets, check, octets_in_all)

    def records(self, octets: bytes, place: int, at: int, found: list[Found]) -> Found | None:
        """Append to *found* the records at *at* in *octets* (*place* in the segment), as long as frames are whole.

        Returns: the marker that ends them; None when what comes next is damaged, or not all of it is here.
        This is ``header`` and the check of what follows it in one loop: all mail that waits goes through it at opening.
        """
        assert at >= 0
        assert len(octets) <= ENVELOPE_OCTETS_MAX == INLINE_OCTETS_MAX  # what fits is not longer than it may be
        seed, kinds, append, crc32, unpack = self._seed, KINDS, found.append, zlib.crc32, _CHECKED_FRAME.unpack_from
        view, last, header_after = memoryview(octets), len(octets), at + FRAME_HEADER_OCTETS
        while header_after <= last:
            magic, number, envelope_octets, content_octets, check, own = unpack(octets, at)
            if magic != FRAME_MAGIC or (kind := kinds.get(number)) is None:
                break
            if own != crc32(octets[at : at + _FRAME.size] + _PLACE.pack(place), seed):
                break
            envelope_after = header_after + envelope_octets
            after = envelope_after + content_octets
            if after > last or crc32(view[header_after:after]) != check:
                break
            size, envelope = after - at, octets[header_after:envelope_after]
            frame = Found(kind, envelope_octets, content_octets, size, place, envelope)
            if kind is MARKER:
                return frame
            append(frame)
            place, at, header_after = place + size, after, after + FRAME_HEADER_OCTETS
        return None

    def marker(self, marker: Marker) -> Frame:
        """*marker* as a frame."""
        fields = _MARKER.pack(
            marker.segment, marker.group, marker.count, marker.incarnation, marker.high_water, marker.synced
        )
        return Frame.of(Kind.MARKER, fields)

    def parse_marker(self, envelope: bytes) -> Marker | None:
        """The marker in *envelope*, or None when it is none of this segment."""
        if len(envelope) != _MARKER.size:
            return None
        marker = Marker(*_MARKER.unpack(envelope))
        return marker if marker.segment == self.number else None
