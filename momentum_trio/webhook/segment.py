"""The files that events wait in for a webhook: a header, and frames behind it. Pure; every length is bounded.

All integers big-endian. Every check is salted with the file's number and the life that wrote it, so that what an older
file left on the disk is never taken for a frame. What stands behind a frame that is not whole does not count.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

MAGIC = b"MTHOOK1\n"
EVENT_OCTETS_MAX = 1 << 20
NUMBER_MAX = 1 << 62
SUFFIX = ".events"

_HEADER = struct.Struct(">8s8sQQQ")  # magic life number first acknowledged
_CHECK = struct.Struct(">I")
_FRAME = struct.Struct(">BxxxIQ")  # kind octets number
HEADER_OCTETS = _HEADER.size + _CHECK.size
FRAME_OCTETS = _FRAME.size + _CHECK.size


class Kind(IntEnum):
    """What a frame says.

    EVENT: event *number*, which follows. SENDING: events up to *number* are about to be sent, as one batch.
    ACKNOWLEDGED: those up to *number* were taken. FAREWELL: this life ended in good order; no event is missing.
    """

    EVENT = 1
    SENDING = 2
    ACKNOWLEDGED = 3
    FAREWELL = 4


_KINDS = {int(kind): kind for kind in Kind}


class Header(NamedTuple):
    """What stands first. life: of the node that wrote it. first: number of the first event that it may have.

    acknowledged: events up to it were taken when the file was begun.
    """

    life: bytes
    number: int
    first: int
    acknowledged: int

    def octets(self) -> bytes:
        """As written."""
        head = _HEADER.pack(MAGIC, *self)
        return head + _CHECK.pack(zlib.crc32(head))

    @property
    def seed(self) -> int:
        """Salt of the checks of its frames."""
        return zlib.crc32(self.life + self.number.to_bytes(8, "big"))


class Frame(NamedTuple):
    """One that was read. end: where it ends, from the beginning of the octets."""

    kind: Kind
    number: int
    payload: bytes
    end: int


def parse_header(octets: bytes) -> Header | None:
    """The header that *octets* begin with; None when there is no whole one."""
    if len(octets) < HEADER_OCTETS:
        return None
    magic, *fields = _HEADER.unpack_from(octets)
    (check,) = _CHECK.unpack_from(octets, _HEADER.size)
    if magic != MAGIC or check != zlib.crc32(octets[: _HEADER.size]):
        return None
    header = Header(*fields)
    return header if header.acknowledged < header.first < NUMBER_MAX else None


def frame(seed: int, kind: Kind, number: int, payload: bytes = b"") -> bytes:
    """A frame as written. seed: of the file's header."""
    assert len(payload) <= EVENT_OCTETS_MAX
    head = _FRAME.pack(kind, len(payload), number)
    return b"".join((head, _CHECK.pack(zlib.crc32(payload, zlib.crc32(head, seed))), payload))


def frames(seed: int, octets: bytes, at: int = 0) -> Iterator[Frame]:
    """The frames in *octets* from *at* on, up to the first that is not whole or not right."""
    while at + FRAME_OCTETS <= len(octets):
        kind, length, number = _FRAME.unpack_from(octets, at)
        (check,) = _CHECK.unpack_from(octets, at + _FRAME.size)
        end = at + FRAME_OCTETS + length
        if kind not in _KINDS or length > EVENT_OCTETS_MAX or end > len(octets):
            return
        payload = octets[at + FRAME_OCTETS : end]
        if check != zlib.crc32(payload, zlib.crc32(octets[at : at + _FRAME.size], seed)):
            return
        yield Frame(_KINDS[kind], number, payload, end)
        at = end


def file_name(number: int) -> str:
    """What the file of that number is called."""
    return f"{number:016x}{SUFFIX}"


def number_of(name: str) -> int | None:
    """The number of the file *name*; None when it is none of ours."""
    stem = name.removesuffix(SUFFIX)
    try:
        number = int(stem, 16)
    except ValueError:
        return None
    return number if file_name(number) == name else None
