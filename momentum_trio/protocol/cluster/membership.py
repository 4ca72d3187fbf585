"""What each member says of itself, so that all know who is who (spec/cluster.md section 4)."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from momentum_trio.net.group import GROUP_OCTETS_MAX

WORD_OCTETS_MAX = 64
GROUPS_MAX = 16
PORT_MAX = 65535

Word = Annotated[str, Meta(max_length=WORD_OCTETS_MAX, pattern=r"^[!-~]*\Z")]
Group = Annotated[str, Meta(min_length=1, max_length=GROUP_OCTETS_MAX, pattern=r"^[!-~]+\Z")]


class NodeType(Enum):
    """What a member is for, in the console's words."""

    MOMENTUM = "Momentum"
    MANAGER = "Manager"


class Announcement(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One node.

    nodename, subcluster: empty of a manager. control: its member on the connection for commands. version: of its
    program. address, port: of its ECCluster_Listener; empty and 0 where it has none. groups: those that it is in.
    """

    nodename: Word
    subcluster: Word
    type: NodeType
    control: Word
    version: Word
    address: Word
    port: Annotated[int, Meta(ge=0, le=PORT_MAX)]
    groups: Annotated[tuple[Group, ...], Meta(max_length=GROUPS_MAX)]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Announcement)


def pack(announcement: Announcement) -> bytes:
    """*announcement* as octets."""
    return _ENCODER.encode(announcement)


def unpack(octets: bytes) -> Announcement:
    """What another node says of itself. Raises ValueError."""
    return _DECODER.decode(octets)
