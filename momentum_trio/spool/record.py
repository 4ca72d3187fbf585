"""A record of a batch, read back from its place and checked."""

from __future__ import annotations

import zlib

import msgspec

from momentum_trio.spool.frame import FRAME_HEADER_OCTETS
from momentum_trio.spool.ledger import Slot
from momentum_trio.spool.wire import Custody, Wire


def read_custody(slot: Slot, octets: bytes, wire: Wire) -> tuple[Custody, bytes] | None:
    """Envelope and inline content of the record at *slot*, or None when it is damaged."""
    header = slot.segment.salt.header(octets, slot.place)
    if header is None or header.octets != len(octets) or header.octets != slot.frame_octets:
        return None
    if zlib.crc32(octets[FRAME_HEADER_OCTETS:]) != header.check:
        return None
    envelope_end = FRAME_HEADER_OCTETS + header.envelope_octets
    try:
        return wire.custody(octets[FRAME_HEADER_OCTETS:envelope_end]), octets[envelope_end:]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
