"""What nodes say to one another about limits that they share (docs/protocols/cluster.md).

A msgpack array that begins with the kind, a number. Each kind is bounded, and what is not understood is refused whole.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from momentum_trio.protocol.cluster.holding import WORD_CHARACTERS_MAX, WORDS_MAX, Ask

NUMBER_MAX = 2**53
SEATS_MAX = 2**31 - 1
ITEMS_MAX = 400
"""Of one Report: with the longest words that are usual they fit into a publication."""
OCTETS_MAX = 50_000
"""Of a Report's items together, about; it goes on in another."""

Number: TypeAlias = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]
Seats: TypeAlias = Annotated[int, Meta(ge=0, le=SEATS_MAX)]
Word: TypeAlias = Annotated[str, Meta(max_length=WORD_CHARACTERS_MAX)]
Words: TypeAlias = Annotated[tuple[Word, ...], Meta(min_length=1, max_length=WORDS_MAX)]
Positive: TypeAlias = Annotated[float, Meta(gt=0, le=1e12)]
Round: TypeAlias = tuple[Number, Word, Number]
"""One view: the servers' (epoch, proposer), and the number of changes of the group in it."""


class Report(Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """What the sender holds, said anew in each view, in one part or several.

    held: limit, seats, of each key. late: of members that are gone. knows: the sender knows of all seats that anybody
    may still use.
    """

    round: Round
    held: Annotated[tuple[tuple[Words, Seats, Seats], ...], Meta(max_length=ITEMS_MAX)]
    late: Annotated[tuple[tuple[Word, Words, Seats, Seats], ...], Meta(max_length=ITEMS_MAX)]
    knows: bool
    is_last: bool


class Asked(Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True):
    """``holding.Ask`` of the sender."""

    number: Number
    key: Words
    limit: Seats
    keep: Seats
    want: Seats
    need: Seats

    @classmethod
    def of(cls, ask: Ask) -> Asked:
        """*ask*, to be said."""
        return cls(ask.number, ask.key, ask.limit, ask.keep, ask.want, ask.need)

    @property
    def ask(self) -> Ask:
        """As it was said."""
        return Ask(self.key, self.limit, self.keep, self.want, self.need, self.number)


class Renew(Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True):
    """The sender lives: what it holds is its own for LEASE_SECONDS from when it said so, once it hears this itself."""

    number: Number


class Lapsed(Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True):
    """*member* has been gone for LATE_SECONDS: its seats are free."""

    round: Round
    member: Word


class Open(Struct, frozen=True, array_like=True, tag=5, forbid_unknown_fields=True):
    """This view has stood for LATE_SECONDS: whatever nobody in it knows of has run out."""

    round: Round


class TokensAsked(Struct, frozen=True, array_like=True, tag=6, forbid_unknown_fields=True):
    """To the oldest member: *most* events of a throttle are wanted, and *least* are of use."""

    number: Number
    key: Words
    rate: Positive
    burst: Positive
    least: Positive
    most: Positive


class TokensGranted(Struct, frozen=True, array_like=True, tag=7, forbid_unknown_fields=True):
    """The answer. after_seconds: until asking again may succeed, when count is 0."""

    number: Number
    key: Words
    count: Annotated[float, Meta(ge=0, le=1e12)]
    after_seconds: Annotated[float, Meta(ge=0, le=1e9)]


class Gauges(Struct, frozen=True, array_like=True, tag=8, forbid_unknown_fields=True):
    """What the sender counts of some gauges. is_first: of nothing else."""

    counts: Annotated[tuple[tuple[Words, Word, Seats], ...], Meta(max_length=ITEMS_MAX)]
    is_first: bool


class Broadcast(Struct, frozen=True, array_like=True, tag=9, forbid_unknown_fields=True):
    """For whoever listens to *topic*."""

    topic: Word
    octets: bytes


Message: TypeAlias = Report | Asked | Renew | Lapsed | Open | TokensAsked | TokensGranted | Gauges | Broadcast

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def pack(message: Message) -> bytes:
    """*message* as octets."""
    return _ENCODER.encode(message)


def unpack(octets: bytes) -> Message:
    """What *octets*, from another node, say. Raises ValueError that says why they are no message of ours."""
    return _DECODER.decode(octets)
