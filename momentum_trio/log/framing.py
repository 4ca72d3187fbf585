"""Frames in files that are only ever appended to, and the names of such files. Pure; every length is bounded.

All integers big-endian. A check is salted with what tells the file from any other, so that what an older file left on
the disk is never taken for a frame. What stands behind a frame that is not whole does not count. Durable logs and the
stores of webhooks are made of them (docs/protocols/jlog.md, webhook-store.md).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=int)

CHECK = struct.Struct(">I")
_FRAME = struct.Struct(">BxxxIQ")  # kind octets number
FRAME_OCTETS = _FRAME.size + CHECK.size


class Frame(NamedTuple, Generic[K]):
    """One that was read. end: where it ends, from the beginning of the octets."""

    kind: K
    number: int
    payload: bytes
    end: int


def frame(seed: int, kind: int, number: int, payload: bytes = b"") -> bytes:
    """A frame as written. seed: the salt."""
    head = _FRAME.pack(kind, len(payload), number)
    return b"".join((head, CHECK.pack(zlib.crc32(payload, zlib.crc32(head, seed))), payload))


def frames(
    kinds: Mapping[int, K], payload_octets_max: int, seed: int, octets: bytes, at: int = 0
) -> Iterator[Frame[K]]:
    """The frames in *octets* from *at* on, up to the first that is not whole, not right or none of *kinds*."""
    while at + FRAME_OCTETS <= len(octets):
        kind, length, number = _FRAME.unpack_from(octets, at)
        (check,) = CHECK.unpack_from(octets, at + _FRAME.size)
        end = at + FRAME_OCTETS + length
        if kind not in kinds or length > payload_octets_max or end > len(octets):
            return
        payload = octets[at + FRAME_OCTETS : end]
        if check != zlib.crc32(payload, zlib.crc32(octets[at : at + _FRAME.size], seed)):
            return
        yield Frame(kinds[kind], number, payload, end)
        at = end


def checked(head: bytes) -> bytes:
    """*head* with its check behind it: how such a file begins."""
    return head + CHECK.pack(zlib.crc32(head))


def is_checked(octets: bytes, head_octets: int) -> bool:
    """Whether *octets* begin with a whole head of that length and its check."""
    if len(octets) < head_octets + CHECK.size:
        return False
    (check,) = CHECK.unpack_from(octets, head_octets)
    return bool(check == zlib.crc32(octets[:head_octets]))


class Names(NamedTuple):
    """How numbered files are called: so many hexadecimal digits, and a suffix."""

    digits: int
    suffix: str

    def of(self, number: int) -> str:
        """The file of that number."""
        return f"{number:0{self.digits}x}{self.suffix}"

    def number(self, name: str) -> int | None:
        """The number of the file *name*; None when it is none of these."""
        try:
            number = int(name.removesuffix(self.suffix), 16)
        except ValueError:
            return None
        return number if self.of(number) == name else None
