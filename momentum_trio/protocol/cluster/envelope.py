"""The envelope of what one node tells others of its group: whom it is for (docs/protocols/cluster.md).

A msgpack array ``[version, topic, octets]``. The version comes first, so that a later one can change all the rest.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

VERSION = 1
TOPIC_OCTETS_MAX = 32
OCTETS_MAX = 60_000
"""Of what is in an envelope."""
ENVELOPE_OCTETS_MAX = OCTETS_MAX + TOPIC_OCTETS_MAX + 8
"""Of an envelope, with the heads of its fields."""

Topic = Annotated[str, Meta(min_length=1, max_length=TOPIC_OCTETS_MAX, pattern=r"^[a-z0-9_./:-]+\Z")]


class Envelope(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One publication. topic: of the part that it is for."""

    version: int
    topic: Topic
    octets: Annotated[bytes, Meta(max_length=OCTETS_MAX)]


class Head(Struct, frozen=True, array_like=True):
    """What every version begins with."""

    version: Annotated[int, Meta(ge=0, le=255)]


_ENCODER = msgspec.msgpack.Encoder()
_ENVELOPE = msgspec.msgpack.Decoder(Envelope)
_HEAD = msgspec.msgpack.Decoder(Head)


def pack(topic: str, octets: bytes) -> bytes:
    """The envelope of *octets* for *topic*."""
    assert len(octets) <= OCTETS_MAX
    return _ENCODER.encode(Envelope(VERSION, topic, octets))


def unpack(octets: bytes) -> Envelope:
    """What *octets*, from another node, are. Raises ValueError that says why they are none of our envelopes."""
    if len(octets) > ENVELOPE_OCTETS_MAX:
        raise ValueError(f"expected at most {ENVELOPE_OCTETS_MAX} octets")
    if (version := _HEAD.decode(octets).version) != VERSION:
        raise ValueError(f"version {version}, not {VERSION}")
    return _ENVELOPE.decode(octets)
