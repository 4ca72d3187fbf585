"""The envelope of what one node tells others of its group: whom it is for (docs/protocols/cluster.md).

An octet for the version, then a msgpack array ``[topic, octets]``.
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

Topic = Annotated[str, Meta(min_length=1, max_length=TOPIC_OCTETS_MAX, pattern=r"^[!-~]+\Z")]


class Envelope(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One publication. topic: of the part that it is for."""

    topic: Topic
    octets: Annotated[bytes, Meta(max_length=OCTETS_MAX)]


_VERSION = bytes([VERSION])
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Envelope)


def pack(topic: str, octets: bytes) -> bytes:
    """The envelope of *octets* for *topic*."""
    assert len(octets) <= OCTETS_MAX
    return _VERSION + _ENCODER.encode(Envelope(topic, octets))


def unpack(octets: bytes) -> Envelope:
    """What *octets*, from another node, are. Raises ValueError that says why they are none of our envelopes."""
    if len(octets) > ENVELOPE_OCTETS_MAX:
        raise ValueError(f"expected at most {ENVELOPE_OCTETS_MAX} octets")
    if octets[:1] != _VERSION:
        raise ValueError(f"expected version {VERSION}, not {octets[:1].hex() or 'nothing'}")
    return _DECODER.decode(memoryview(octets)[1:])
