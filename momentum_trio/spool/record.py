"""A record of a batch, or of keys, read back from its place and checked."""

from __future__ import annotations

import zlib

import msgspec

from momentum_trio.spool.frame import FRAME_HEADER_OCTETS
from momentum_trio.spool.keys import KeyPlace, sensible_key
from momentum_trio.spool.slot import Slot
from momentum_trio.spool.wire import Custody, Keyed, Wire


def read_custody(slot: Slot, octets: bytes, wire: Wire) -> tuple[Custody, bytes] | None:
    """Envelope and inline content of the record at *slot*, or None when it is damaged."""
    whole = _whole(slot, octets)
    if whole is None:
        return None
    envelope, content = whole
    try:
        return wire.custody(envelope), content
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def read_keys(place: KeyPlace, octets: bytes, wire: Wire) -> list[Keyed] | None:
    """The keys in the record at *place*, or None when it is damaged."""
    whole = _whole(place, octets)
    try:
        keys = None if whole is None else wire.keys(whole[0]).keys
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return keys if keys is not None and all(map(sensible_key, keys)) else None


def _whole(slot: Slot | KeyPlace, octets: bytes) -> tuple[bytes, bytes] | None:
    """Envelope and content of a frame."""
    header = slot.segment.salt.header(octets, slot.place)
    if header is None or header.octets != len(octets) or header.octets != slot.frame_octets:
        return None
    if zlib.crc32(octets[FRAME_HEADER_OCTETS:]) != header.check:
        return None
    envelope_end = FRAME_HEADER_OCTETS + header.envelope_octets
    return octets[FRAME_HEADER_OCTETS:envelope_end], octets[envelope_end:]
