"""What MESSAGES carry: between servers the messages of the core, between a client and its server what is declared here.

All are msgpack arrays. The first item of each array is the message's number (its tag here), the others are its fields.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from momentum_trio.net.group import GROUP_OCTETS_MAX, Apart, GroupEvent, GroupView, Service, Told, ViewId
from momentum_trio.protocol.msgc.frame import BATCH_MESSAGES_MAX, WHY_OCTETS_MAX, RemoteProtocolError
from momentum_trio.protocol.msgc.message import SENDING_OCTETS_MAX, SERVERS_MAX, Message

CLIENTS_MAX: Final = 64
"""Of one server."""
MEMBERS_MAX: Final = SERVERS_MAX * CLIENTS_MAX
"""Of one group."""

Name = Annotated[str, Meta(min_length=1, max_length=GROUP_OCTETS_MAX)]
Octets = Annotated[bytes, Meta(max_length=SENDING_OCTETS_MAX)]
Members = Annotated[tuple[Name, ...], Meta(max_length=MEMBERS_MAX)]


class Join(Struct, frozen=True, array_like=True, tag=1):
    """Let me be in *group*."""

    group: Name


class Leave(Struct, frozen=True, array_like=True, tag=2):
    """Let me be in *group* no more."""

    group: Name


class Publish(Struct, frozen=True, array_like=True, tag=3):
    """Tell all who are in *group*."""

    group: Name
    octets: Octets
    service: Service


class Tell(Struct, frozen=True, array_like=True, tag=4):
    """Tell *member* alone."""

    member: Name
    octets: Octets


class SaidTold(Struct, frozen=True, array_like=True, tag=1):
    """Told of net/group.py. group: empty where one member tells another."""

    group: Annotated[str, Meta(max_length=GROUP_OCTETS_MAX)]
    sender: Name
    octets: Octets
    service: Service
    view: ViewId


class SaidApart(Struct, frozen=True, array_like=True, tag=3):
    """Apart of net/group.py: the client is in no group any more, its connection stays."""

    why: Annotated[str, Meta(max_length=WHY_OCTETS_MAX)]


class SaidView(Struct, frozen=True, array_like=True, tag=2):
    """GroupView of net/group.py."""

    group: Name
    id: ViewId
    number: int
    members: Members
    transitional: bool
    primary: bool
    together: Members


Asked = Join | Leave | Publish | Tell
Said = SaidTold | SaidView | SaidApart

_MESSAGES: Final[msgspec.msgpack.Decoder[list[Message]]] = msgspec.msgpack.Decoder(
    Annotated[list[Message], Meta(max_length=BATCH_MESSAGES_MAX)]
)
_ENCODER = msgspec.msgpack.Encoder()
_ASKED: Final[msgspec.msgpack.Decoder[list[Asked]]] = msgspec.msgpack.Decoder(
    Annotated[list[Asked], Meta(max_length=BATCH_MESSAGES_MAX)]
)
_SAID: Final[msgspec.msgpack.Decoder[list[Said]]] = msgspec.msgpack.Decoder(
    Annotated[list[Said], Meta(max_length=BATCH_MESSAGES_MAX)]
)


def encode(message: Asked) -> bytes:
    """One message of a client, as ``frame.joined`` takes it."""
    return _ENCODER.encode(message)


def encode_event(event: GroupEvent) -> bytes:
    """What a client is told, as ``frame.joined`` takes it."""
    match event:
        case Told():
            return _ENCODER.encode(SaidTold(*event))
        case GroupView():
            return _ENCODER.encode(SaidView(*event))
        case _:
            return _ENCODER.encode(SaidApart(event.why[:WHY_OCTETS_MAX]))


def decode_messages(octets: bytes) -> list[Message]:
    """Messages of a server to another. Raises RemoteProtocolError."""
    try:
        return _MESSAGES.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"no messages of a server: {error}") from None


def decode_asked(octets: bytes) -> list[Asked]:
    """Messages of a client. Raises RemoteProtocolError."""
    try:
        return _ASKED.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"no messages of a client: {error}") from None


def decode_events(octets: bytes) -> list[GroupEvent]:
    """Events for a client. Raises RemoteProtocolError."""
    try:
        said = _SAID.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"no events of a server: {error}") from None
    return [_event(each) for each in said]


def _event(said: Said) -> GroupEvent:
    if isinstance(said, SaidTold):
        return Told(said.group, said.sender, said.octets, said.service, said.view)
    if isinstance(said, SaidApart):
        return Apart(said.why)
    return GroupView(said.group, said.id, said.number, said.members, said.transitional, said.primary, said.together)
