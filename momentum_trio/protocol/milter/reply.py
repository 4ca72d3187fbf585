"""What a milter says (SMFIR_*): an answer to a command, a sign of life, or a change to the message.

All of it is hostile input: what a line of reply, a header field or a path may hold is checked here or where it is used,
and every length is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from momentum_trio.protocol.milter.negotiation import Actions
from momentum_trio.protocol.milter.packet import Packet, RemoteProtocolError, texts_of

TEXT_CHARACTERS_MAX = 400
"""Of what a client is told: one line of at most 512 octets (RFC 5321 section 4.5.3.1.5)."""
PATH_OCTETS_MAX = 1024  # as given; what is a path is decided by its grammar
NAME_OCTETS_MAX = 256
_INTEGER = 4

_LINE = re.compile(r"([45][0-9]{2})(?:[ -]|\Z)(?:([45](?:\.(?:0|[1-9][0-9]{0,2})){2})(?: |\Z))?(.*)", re.DOTALL)
_NOT_PRINTABLE = re.compile(r"[^ -~]+")
_FIELD_NAME = re.compile(rb"[!-9;-~]+")


class Reply:
    """Base of all."""

    __slots__ = ()


class Answer(Reply):
    """Base of those that end the wait for what is said of one command."""

    __slots__ = ()


class Change(Reply):
    """Base of the changes, which come before the answer to the end of content."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Continue(Answer):
    """Nothing against it."""


@dataclass(frozen=True, slots=True)
class Accept(Answer):
    """Nothing against any of it: of this message, or of the session, nothing more is to be told."""


@dataclass(frozen=True, slots=True)
class Reject(Answer):
    """Permanently no."""


@dataclass(frozen=True, slots=True)
class TempFail(Answer):
    """Not now."""


@dataclass(frozen=True, slots=True)
class Discard(Answer):
    """The client is told that it was taken, and it is dropped."""


@dataclass(frozen=True, slots=True)
class Skip(Answer):
    """Enough of the body was seen."""


@dataclass(frozen=True, slots=True)
class Shutdown(Answer):
    """421 and the end of the session."""


@dataclass(frozen=True, slots=True)
class Say(Answer):
    """No, in these words. code: 400 to 599; enhanced: of its class, or empty; text: one line of printable ASCII."""

    code: int
    enhanced: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress(Reply):
    """It is still at work."""


@dataclass(frozen=True, slots=True)
class AddHeader(Change):
    """A field for the end of the header section."""

    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class InsertHeader(Change):
    """A field for a place in the header section. index: how many fields stand before it."""

    index: int
    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class ChangeHeader(Change):
    """Another value for the field that is the *index*-th of its name, from 1 on; empty: it is removed."""

    index: int
    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class ReplaceBody(Change):
    """Some of another body: the first such says that there is one."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class AddRecipient(Change):
    """One more recipient. path: with or without brackets; parameters: of RCPT, divided by blanks."""

    path: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class DeleteRecipient(Change):
    """SMFIR_DELRCPT: the message goes to this recipient no more."""

    path: bytes


@dataclass(frozen=True, slots=True)
class ChangeFrom(Change):
    """Another reverse-path. Its parameters are not heeded."""

    path: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class Quarantine(Change):
    """A person shall look at it before it goes on."""

    reason: bytes


def decoded(packet: Packet) -> Reply:
    """What *packet* says. Raises RemoteProtocolError."""
    decode = _DECODE.get(packet.kind)
    if decode is None:
        raise RemoteProtocolError(f"a reply of the unknown kind {packet.kind!r}")
    return decode(packet.payload)


def _bare(reply: Reply) -> Callable[[bytes], Reply]:
    """Whatever stands behind the kind: some milters of old send a NUL."""
    return lambda payload: reply


def _said(payload: bytes) -> Reply:
    """``550-5.7.1 one`` CRLF ``550 5.7.1 two``: its lines become one. libmilter doubles percent signs."""
    lines = payload.rstrip(b"\0\r\n").decode("ascii", "replace").replace("%%", "%").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    first = found[0] if found else None
    if first is None:
        raise RemoteProtocolError("a reply without a code")
    code, enhanced = int(first[1]), first[2] or ""
    words = (match[3] if match else line for match, line in zip(found, lines, strict=True))
    text = _NOT_PRINTABLE.sub("?", " ".join(words)).strip()[:TEXT_CHARACTERS_MAX].rstrip()
    return Say(code, enhanced if enhanced[:1] == first[1][0] else "", text)


def _field(made: Callable[[bytes, bytes], Reply]) -> Callable[[bytes], Reply]:
    def decode(payload: bytes) -> Reply:
        found = texts_of(payload)
        if len(found) != 2:
            raise RemoteProtocolError("a header field that is no name and value")
        name, value = found
        if len(name) > NAME_OCTETS_MAX or not _FIELD_NAME.fullmatch(name):
            raise RemoteProtocolError("a header field whose name is none")
        return made(name, value)

    return decode


def _placed(made: Callable[[int, bytes, bytes], Reply]) -> Callable[[bytes], Reply]:
    def decode(payload: bytes) -> Reply:
        if len(payload) < _INTEGER:
            raise RemoteProtocolError("a header field without its place")
        index = int.from_bytes(payload[:_INTEGER])
        return _field(lambda name, value: made(index, name, value))(payload[_INTEGER:])

    return decode


def _path(made: Callable[..., Reply], texts_max: int) -> Callable[[bytes], Reply]:
    def decode(payload: bytes) -> Reply:
        found = texts_of(payload)
        if not 1 <= len(found) <= texts_max or max(map(len, found)) > PATH_OCTETS_MAX:
            raise RemoteProtocolError("a change of the envelope that names no path")
        return made(*found)

    return decode


_DECODE: Final[Mapping[bytes, Callable[[bytes], Reply]]] = MappingProxyType(
    {
        b"a": _bare(Accept()),
        b"c": _bare(Continue()),
        b"d": _bare(Discard()),
        b"f": _bare(Shutdown()),  # SMFIR_CONN_FAIL
        b"p": _bare(Progress()),
        b"r": _bare(Reject()),
        b"s": _bare(Skip()),
        b"t": _bare(TempFail()),
        b"4": _bare(Shutdown()),
        b"y": _said,
        b"h": _field(AddHeader),
        b"i": _placed(InsertHeader),
        b"m": _placed(ChangeHeader),
        b"b": ReplaceBody,
        b"+": _path(AddRecipient, 1),
        b"2": _path(AddRecipient, 2),
        b"-": _path(DeleteRecipient, 1),
        b"e": _path(ChangeFrom, 2),
        b"q": lambda payload: Quarantine(payload.rstrip(b"\0")[:TEXT_CHARACTERS_MAX]),
    }
)

PERMITTED: Final[Mapping[type[Change], Actions]] = MappingProxyType(
    {
        AddHeader: Actions.ADD_HEADERS,
        InsertHeader: Actions.ADD_HEADERS,
        ChangeHeader: Actions.CHANGE_HEADERS,
        ReplaceBody: Actions.CHANGE_BODY,
        AddRecipient: Actions.ADD_RECIPIENT | Actions.ADD_RECIPIENT_WITH_PARAMETERS,
        DeleteRecipient: Actions.DELETE_RECIPIENT,
        ChangeFrom: Actions.CHANGE_FROM,
    }
)
"""By which of the actions that were agreed each change may be made. Quarantine is heard whether it was agreed or not:
mail that a milter wants held must not go on because it said so in the wrong moment."""
