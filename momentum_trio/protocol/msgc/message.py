"""What servers of the bus say to each other (docs/protocols/msgc.md), and its bounds.

``encode`` and ``decode`` are a message's octets (MessagePack, arrays); length, counter and HMAC stand around them and
are the shell's (``frame.py``). ``decode`` judges types and sizes; whether a message makes sense where it comes is
judged by ``Server``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from momentum_trio.net.group import GROUP_OCTETS_MAX, Service, ViewId
from momentum_trio.protocol.msgc.frame import RemoteProtocolError

SERVERS_MAX = 64
"""Of one mesh: configured peers, this server among them."""
SENDING_OCTETS_MAX = 65_536
"""Of one publication or private message."""
BATCH_MAX = 256
"""Sendings, or entries of groups, in one message."""
BATCH_OCTETS_MAX = 131_072
"""Of their octets, beyond which a batch ends."""
MESSAGE_OCTETS_MAX = 2**19
"""Of a message as it is encoded: a batch that one sending of the largest size ended, and what stands around it."""
SENDING_EXTRA_OCTETS = 32
"""What a sending is counted for beside its octets."""

INCARNATION_MAX = 2**42
"""Incarnations are smaller: milliseconds until the year 2109."""

EPOCH_MAX = 2**53 - 2**40
"""Epochs that others speak of are smaller: so there is always one after them."""

_TURN_BITS = 11  # of an epoch, below its turn: ten that the proposer's life gives, and one that is not set
_LIFE_MASK = 1023

Name = Annotated[str, Meta(min_length=1, max_length=GROUP_OCTETS_MAX)]
NameOrNone = Annotated[str, Meta(max_length=GROUP_OCTETS_MAX)]
Number = Annotated[int, Meta(ge=0, lt=2**53)]
Incarnation = Annotated[int, Meta(ge=0, lt=INCARNATION_MAX)]
Epoch = Annotated[int, Meta(ge=0, lt=EPOCH_MAX)]
Octets = Annotated[bytes, Meta(max_length=SENDING_OCTETS_MAX)]
Names = Annotated[tuple[Name, ...], Meta(max_length=SERVERS_MAX)]
Numbers = Annotated[tuple[Number, ...], Meta(max_length=SERVERS_MAX)]
Origins = Annotated[bytes, Meta(max_length=BATCH_MAX)]


class Life(Struct, frozen=True, array_like=True, order=True):
    """One life of a server: after a start, and after being expelled, its incarnation is larger."""

    name: Name
    incarnation: Incarnation


class ViewKey(Struct, frozen=True, array_like=True):
    """A view among all there ever were. incarnation: of *proposer*, who may not know the epochs of lives before."""

    epoch: Epoch
    proposer: Name
    incarnation: Incarnation

    @property
    def id(self) -> ViewId:
        """As clients are told of it."""
        return ViewId(self.epoch, self.proposer)

    @property
    def transitional(self) -> ViewId:
        """Of the transitional view that leads to it: regular epochs are even, and the odd one before is its own."""
        return ViewId(self.epoch - 1, self.proposer)

    @classmethod
    def first(cls, life: Life) -> ViewKey:
        """Of the view in which *life* begins, alone."""
        return cls._of(life, life.incarnation)

    @classmethod
    def after(cls, epoch: int, life: Life) -> ViewKey:
        """Of the next view that *life* proposes, when *epoch* is the largest it knows."""
        return cls._of(life, (epoch >> _TURN_BITS) + 1)

    @classmethod
    def _of(cls, life: Life, turn: int) -> ViewKey:
        # What the proposer's life is stands in the epoch: one that has forgotten the lives before, or whose clock is
        # behind, does not number a view as they did. (Of two lives in 1024 it may, if all else is equal too.)
        return cls(turn << _TURN_BITS | (life.incarnation & _LIFE_MASK) << 1, life.name, life.incarnation)


class Act(IntEnum):
    """What a sending does."""

    PUBLISH = 0  # to *target*, a group
    TELL = 1  # to *target*, a member
    JOIN = 2  # *target*, a group
    LEAVE = 3  # *target*, a group
    GONE = 4  # the member leaves all groups


class Sending(Struct, frozen=True, array_like=True, gc=False):
    """One message of a client, the member *sender* of the server it came from."""

    act: Act
    service: Service
    sender: Name
    target: NameOrNone
    octets: Octets

    @property
    def size(self) -> int:
        """What it counts in buffers that are bounded by octets."""
        return len(self.octets) + SENDING_EXTRA_OCTETS


Sendings = Annotated[tuple[Sending, ...], Meta(max_length=BATCH_MAX)]


class Heartbeat(Struct, frozen=True, array_like=True, tag=0):
    """I am well."""


class Reach(Struct, frozen=True, array_like=True, tag=1):
    """How I stand: the first message over a connection, and again when something of it has changed.

    links: whom I am connected to. leader: whom I follow, which may be me; leader_links: how many he is connected to.
    claim: the set that I lead, empty when another leads me. view: the one I am in; whole: no connection of it broke,
    and I have not promised to go into another. epoch: the largest I have promised.
    """

    incarnation: Incarnation
    links: Annotated[tuple[Life, ...], Meta(max_length=SERVERS_MAX)]
    leader: Name
    leader_links: Number
    claim: Names
    view: ViewKey
    whole: bool
    epoch: Epoch


class Propose(Struct, frozen=True, array_like=True, tag=2):
    """Let us be the view *view*. members: in the order of their names, of which the proposer's is the lowest."""

    view: ViewKey
    members: Annotated[tuple[Life, ...], Meta(max_length=SERVERS_MAX)]


class Standing(Struct, frozen=True, array_like=True, tag=3):
    """I promise to go into the view of *epoch*, and this is what I have of the one I am in; it has ended for me.

    received: the last of the order I have; delivered: the last my clients were told. For each server of the old view,
    in its order: ordered, how many of its sendings are in what I have of the order; known, how many I have at all.
    configured: the peers I know, for the majority.
    """

    epoch: Epoch
    name: Name
    view: ViewKey
    received: Number
    delivered: Number
    ordered: Numbers
    known: Numbers
    configured: Names


class Plan(Struct, frozen=True, array_like=True, tag=4):
    """All have promised: this is how each stands. What the others lack is sent by whom it falls to (``recovery``)."""

    epoch: Epoch
    standings: Annotated[tuple[Standing, ...], Meta(max_length=SERVERS_MAX)]


class Recovered(Struct, frozen=True, array_like=True, tag=5):
    """Part of the old view's order, which you lack, from *first* on. origins: a server's place in the view for each."""

    epoch: Epoch
    first: Number
    origins: Origins
    sendings: Sendings


class Unordered(Struct, frozen=True, array_like=True, tag=6):
    """Sendings of *origin* that have no place in the old view's order, from its sending number *first* on."""

    epoch: Epoch
    origin: Annotated[int, Meta(ge=0, lt=SERVERS_MAX)]
    first: Number
    sendings: Sendings


class Entry(Struct, frozen=True, array_like=True):
    """A member of a group, connected to *server*."""

    group: Name
    member: Name
    server: Name


class Groups(Struct, frozen=True, array_like=True, tag=7):
    """Who is in groups where I come from, oldest first in each; several, of which the last says so."""

    epoch: Epoch
    last: bool
    entries: Annotated[tuple[Entry, ...], Meta(max_length=BATCH_MAX)]


class Ready(Struct, frozen=True, array_like=True, tag=8):
    """I have all I need to go into the view of *epoch*."""

    epoch: Epoch


class Install(Struct, frozen=True, array_like=True, tag=9):
    """All are ready: the view of *epoch* is installed."""

    epoch: Epoch


class Expelled(Struct, frozen=True, array_like=True, tag=10):
    """Nothing was heard of you, and most of us went on from *view* to *following* without *life*: return as another."""

    life: Life
    view: ViewKey
    following: ViewKey


class Submit(Struct, frozen=True, array_like=True, tag=11):
    """To the sequencer: sendings of my clients. received: of the order, as in Ack."""

    epoch: Epoch
    received: Number
    sendings: Sendings


class Ack(Struct, frozen=True, array_like=True, tag=12):
    """To the sequencer: I have the order up to *received*."""

    epoch: Epoch
    received: Number


class Ordered(Struct, frozen=True, array_like=True, tag=13):
    """From the sequencer: the order from *first* on. stable: all have it up to there."""

    epoch: Epoch
    first: Number
    stable: Number
    origins: Origins
    sendings: Sendings


Message = (
    Heartbeat
    | Reach
    | Propose
    | Standing
    | Plan
    | Recovered
    | Unordered
    | Groups
    | Ready
    | Install
    | Expelled
    | Submit
    | Ack
    | Ordered
)

_DECODER = msgspec.msgpack.Decoder(Message)
_ENCODER = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    """*message* as octets."""
    return _ENCODER.encode(message)


def decode(octets: bytes | bytearray | memoryview) -> Message:
    """The message that *octets* are. Raises RemoteProtocolError."""
    try:
        message: Message = _DECODER.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise RemoteProtocolError(f"no message of a server: {wrong}") from None
    return message
