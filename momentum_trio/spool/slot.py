"""Where a batch in custody lies, as the ledger tells it when it is asked."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from momentum_trio.spool.segment import Segment


class Gone(msgspec.Struct, frozen=True, gc=False):
    """A batch whose custody ended. row: it was the ledger's. file: its large content, or empty."""

    row: int
    file: str


class Large(NamedTuple):
    """Content in a file of its own. octets, check: its length and CRC-32."""

    file: str
    octets: int
    check: int


class Slot(NamedTuple):
    """Where one batch in custody lies.

    row: the ledger's. file: name of large content, or empty; then content_octets is the length of the inline content,
    else that of the file.
    """

    row: int
    batch_id: str
    segment: Segment
    place: int
    frame_octets: int
    envelope_octets: int
    content_octets: int
    file: str
    content_check: int
