"""A file in which one thing is kept: what it is called, and the thing itself. Pure; every length is bounded.

Two frames (log.framing) behind eight octets that say what file it is. Their checks are salted with what sort of thing
it is and with its id: a file that has another's name is none of ours. docs/protocols/stored.md has the octets.
"""

from __future__ import annotations

import zlib
from enum import IntEnum
from typing import Final

from momentum_trio.log.framing import FRAME_OCTETS, Frame, frame, frames

MAGIC: Final = b"MTKEPT1\n"
HEAD_OCTETS_MAX: Final = 16 * 1024
AROUND_OCTETS: Final = len(MAGIC) + 2 * FRAME_OCTETS
"""In a file, beside head and body."""
TOP_OCTETS: Final = len(MAGIC) + FRAME_OCTETS + HEAD_OCTETS_MAX
"""So many, from the beginning on, have the head."""


class Part(IntEnum):
    """Which of the two a frame is."""

    HEAD = 1
    BODY = 2


_PARTS: Final = {int(part): part for part in Part}


def seed_of(sort: str, kept_id: str) -> int:
    """Salt of the checks of the file of one thing."""
    return zlib.crc32(f"{sort} {kept_id}".encode())


def octets_of(seed: int, head: bytes, body: bytes) -> bytes:
    """The file, as written."""
    assert len(head) <= HEAD_OCTETS_MAX
    return b"".join((MAGIC, frame(seed, Part.HEAD, 0, head), frame(seed, Part.BODY, 0, body)))


def head_of(seed: int, octets: bytes) -> bytes | None:
    """The head in a file that begins with *octets*; None: it is damaged, or another's."""
    first = next(iter(frames(_PARTS, HEAD_OCTETS_MAX, seed, octets, len(MAGIC))), None)
    is_ours = octets.startswith(MAGIC) and first is not None and first.kind is Part.HEAD
    return first.payload if is_ours and first is not None else None


def parts_of(seed: int, octets: bytes) -> tuple[bytes, bytes] | None:
    """Head and body of a file that is *octets*; None: it is damaged, or another's."""
    parts: list[Frame[Part]] = list(frames(_PARTS, len(octets), seed, octets, len(MAGIC)))
    kinds = [part.kind for part in parts]
    if not octets.startswith(MAGIC) or kinds != [Part.HEAD, Part.BODY] or parts[-1].end != len(octets):
        return None
    head, body = parts
    return (head.payload, body.payload) if len(head.payload) <= HEAD_OCTETS_MAX else None
