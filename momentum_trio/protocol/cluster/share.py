"""What is said of a share: one node's counts of one replicated object (docs/protocols/cluster.md).

Counts are whole numbers by key, 0 where there is nothing any more. They are said as they are, not as changes: what is
heard twice does no harm. A snapshot comes in parts; the first begins it anew, the last makes it the share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from momentum_trio.protocol.cluster.envelope import OCTETS_MAX

KEY_OCTETS_MAX = 255
COUNT_MAX = 2**53
_ENTRY_OCTETS = 3 + 9
"""Of one entry, at most, beside its key."""
_HEAD_OCTETS = 16
"""Of what is said, beside its entries."""

Key = Annotated[str, Meta(min_length=1, max_length=KEY_OCTETS_MAX)]
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class Update(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="u"):
    """What has changed, as it is now."""

    counts: dict[Key, Count]


class Snapshot(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="s"):
    """A part of all there is."""

    is_first: bool
    is_last: bool
    counts: dict[Key, Count]


class Ask(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="q"):
    """Send me all you count: I begin to share this, perhaps in the middle of a view."""


ShareSaid: TypeAlias = Update | Snapshot | Ask
_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[ShareSaid] = msgspec.msgpack.Decoder(ShareSaid)


def pack(said: ShareSaid) -> bytes:
    """*said* as octets."""
    octets = _ENCODER.encode(said)
    assert len(octets) <= OCTETS_MAX
    return octets


def unpack(octets: bytes) -> ShareSaid:
    """What another node said. Raises ValueError."""
    return _DECODER.decode(octets)


def updates(counts: Mapping[str, int], octets_max: int = OCTETS_MAX) -> Iterator[Update]:
    """*counts* that have changed, in as many updates as they need; none for none."""
    for part in _parted(counts, octets_max):
        yield Update(part)


def snapshot(counts: Mapping[str, int], octets_max: int = OCTETS_MAX) -> Iterator[Snapshot]:
    """All of *counts*: one part at least."""
    parts = list(_parted(counts, octets_max)) or [{}]
    for place, part in enumerate(parts, 1):
        yield Snapshot(place == 1, place == len(parts), part)


def _parted(counts: Mapping[str, int], octets_max: int) -> Iterator[dict[str, int]]:
    part: dict[str, int] = {}
    octets = _HEAD_OCTETS
    for key, count in counts.items():
        size = len(key.encode()) + _ENTRY_OCTETS
        if part and octets + size > octets_max:
            yield part
            part, octets = {}, _HEAD_OCTETS
        part[key] = count
        octets += size
    if part:
        yield part
