"""The files that events wait in for a webhook: a header, and frames behind it. Pure; every length is bounded.

All integers big-endian. Every check is salted with the file's number and the life that wrote it, so that what an older
file left on the disk is never taken for a frame. What stands behind a frame that is not whole does not count.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from momentum_trio.log import framing
from momentum_trio.log.framing import CHECK, FRAME_OCTETS, Names, checked, is_checked

__all__ = ["EVENT_OCTETS_MAX", "FRAME_OCTETS", "HEADER_OCTETS", "NAMES", "Frame", "Header", "Kind", "frame", "frames"]

MAGIC = b"MTHOOK1\n"
EVENT_OCTETS_MAX = 1 << 20
NUMBER_MAX = 1 << 62
NAMES = Names(16, ".events")

_HEADER = struct.Struct(">8s8sQQQ")  # magic life number first acknowledged
HEADER_OCTETS = _HEADER.size + CHECK.size


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
        return checked(_HEADER.pack(MAGIC, *self))

    @property
    def seed(self) -> int:
        """Salt of the checks of its frames."""
        return zlib.crc32(self.life + self.number.to_bytes(8, "big"))


Frame: TypeAlias = framing.Frame[Kind]


def parse_header(octets: bytes) -> Header | None:
    """The header that *octets* begin with; None when there is no whole one."""
    if not is_checked(octets, _HEADER.size):
        return None
    magic, *fields = _HEADER.unpack_from(octets)
    header = Header(*fields)
    return header if magic == MAGIC and header.acknowledged < header.first < NUMBER_MAX else None


def frame(seed: int, kind: Kind, number: int, payload: bytes = b"") -> bytes:
    """A frame as written. seed: of the file's header."""
    assert len(payload) <= EVENT_OCTETS_MAX
    return framing.frame(seed, kind, number, payload)


def frames(seed: int, octets: bytes, at: int = 0) -> Iterator[Frame]:
    """The frames in *octets* from *at* on, up to the first that is not whole or not right."""
    return framing.frames(_KINDS, EVENT_OCTETS_MAX, seed, octets, at)
