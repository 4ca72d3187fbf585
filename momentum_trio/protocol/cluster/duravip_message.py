"""What nodes tell each other about floating addresses (docs/protocols/duravip.md): values, and the octets they are.

A publication is an octet of version, then MessagePack. Each names the view it was made in; in another it means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated, TypeAlias

import msgspec

from momentum_trio.net.group import GROUP_OCTETS_MAX, GroupView

VERSION = 1
OCTETS_MAX = 50_000
"""Of one publication; a longer announcement comes in several."""
ADDRESSES_MAX = 10_240
"""Of one node."""
WORD_MAX = 256
SERVICES_MAX = 200
BINDINGS_MAX = 100

_Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=WORD_MAX)]
_Address: TypeAlias = Annotated[str, msgspec.Meta(max_length=45)]
_Addresses: TypeAlias = Annotated[tuple[_Address, ...], msgspec.Meta(max_length=ADDRESSES_MAX)]
_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Key(msgspec.Struct, frozen=True, array_like=True):
    """One view of a group: the same words at all who are in it."""

    epoch: _Number
    proposer: Annotated[str, msgspec.Meta(max_length=GROUP_OCTETS_MAX)]
    number: _Number

    @classmethod
    def of(cls, view: GroupView) -> Key:
        """That of *view*."""
        return cls(view.id.epoch, view.id.proposer, view.number)


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """An address that a node could have: what it would serve there.

    services: in order. bindings: in order, of those that send from it. preference: the node that should have it, or
    empty. follows: the address whose owner should have this one too, or empty.
    """

    address: _Address
    services: Annotated[tuple[_Word, ...], msgspec.Meta(max_length=SERVICES_MAX)] = ()
    bindings: Annotated[tuple[_Word, ...], msgspec.Meta(max_length=BINDINGS_MAX)] = ()
    preference: _Word = ""
    follows: Annotated[str, msgspec.Meta(max_length=45)] = ""


class Announced(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A part of what a node could have, and of what it may have up; the last part makes it whole."""

    view: Key
    claims: Annotated[tuple[Claim, ...], msgspec.Meta(max_length=ADDRESSES_MAX)]
    holds: _Addresses
    first: bool
    last: bool


class Released(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """These addresses are down at the sender."""

    view: Key
    addresses: _Addresses


class Elect(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Give out what nobody has; is_mature: and move what should be elsewhere, *moves* at most for balance."""

    view: Key
    is_mature: bool
    moves: Annotated[int, msgspec.Meta(ge=0, le=ADDRESSES_MAX)] = 0


class Move(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """An operator's word: *addresses*, or all that node *source* has, go to node *to* for as long as this view."""

    view: Key
    addresses: _Addresses
    source: _Word
    to: _Word


Message: TypeAlias = Announced | Released | Elect | Move

_DECODER = msgspec.msgpack.Decoder(Message)
_ENCODER = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    """The octets of *message*."""
    return bytes((VERSION,)) + _ENCODER.encode(message)


def decode(octets: bytes) -> Message:
    """What *octets* say. Raises ValueError for what they cannot."""
    if not octets or len(octets) > OCTETS_MAX:
        raise ValueError(f"{len(octets)} octets")
    if octets[0] != VERSION:
        raise ValueError(f"version {octets[0]}")
    try:
        message: Message = _DECODER.decode(memoryview(octets)[1:])
    except msgspec.MsgspecError as wrong:
        raise ValueError(str(wrong)) from wrong
    for address in _addresses(message):
        if str(ip_address(address)) != address:
            raise ValueError("an address in no canonical form")
    return message


def _addresses(message: Message) -> Iterator[str]:
    if isinstance(message, Announced):
        for claim in message.claims:
            yield from (claim.address, claim.follows) if claim.follows else (claim.address,)
        yield from message.holds
    elif not isinstance(message, Elect):
        yield from message.addresses


def announcements(view: Key, claims: Mapping[str, Claim], holds: Iterable[str]) -> list[Announced]:
    """All of *claims* and *holds*, in as many parts as their octets need."""
    pieces: list[Claim | str] = [*claims.values(), *sorted(holds)]
    parts: list[list[Claim | str]] = [[]]
    octets = 0
    for piece in pieces:
        size = len(_ENCODER.encode(piece))
        if octets + size > OCTETS_MAX - WORD_MAX:
            parts.append([])
            octets = 0
        parts[-1].append(piece)
        octets += size
    return [
        Announced(
            view,
            tuple(piece for piece in part if isinstance(piece, Claim)),
            tuple(piece for piece in part if isinstance(piece, str)),
            first=number == 0,
            last=number == len(parts) - 1,
        )
        for number, part in enumerate(parts)
    ]
