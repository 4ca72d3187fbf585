"""Frames of ECStream: a header of eight octets, and a payload (docs/protocols/ecstream.md).

The header holds the payload's length (32 bits), the frame's kind (8 bits) and 24 bits that are zero; all numbers are
unsigned, the most significant octet first. Batches and results have files of their own; all other frames are here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

PREFACE: Final = b"ECSTREAM\r\n\0\xec"
"""What a client sends before its first frame; no line of SMTP and no request of HTTP begins so."""

VERSIONS: Final = range(1, 2)
"""The versions of this protocol that we speak."""

HEADER: Final = struct.Struct(">IB3s")
WINDOW_OCTETS_MIN: Final = 64 * 1024
FRAME_OCTETS_MIN: Final = 16 * 1024
FRAME_OCTETS_MAX: Final = 64 * 1024 * 1024
"""No server may allow frames with larger payloads than this."""
SMALL_OCTETS_MAX: Final = 1024
"""Of the payloads of frames that neither carry mail nor authenticate."""
SASL_OCTETS_MAX: Final = 16 * 1024
WHY_OCTETS_MAX: Final = 512
NUMBER_MAX: Final = 2**32 - 1
"""The last batch of a connection; also the largest credit, and the largest content that follows its batch."""

Octets = bytes | memoryview


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    AUTHENTICATE = 2
    BATCH = 3
    CHUNK = 4
    BYE = 5
    PING = 16
    PONG = 17
    ERROR = 18
    WELCOME = 33
    CHALLENGE = 34
    AUTHENTICATED = 35
    UNPROVED = 36
    RESULTS = 37
    CREDIT = 38


class Code(IntEnum):
    """Why a connection ends, in an Error."""

    PROTOCOL = 1
    VERSION = 2
    TOO_LARGE = 3
    CREDIT = 4
    IDLE = 5
    CLOSING = 6
    NOT_ALLOWED = 7
    FAULT = 8


class RemoteProtocolError(Exception):
    """The other end broke the protocol; nothing more can be read from it. code: what the error frame says."""

    def __init__(self, why: str, code: Code = Code.PROTOCOL) -> None:
        super().__init__(why)
        self.why, self.code = why, code


class LocalProtocolError(Exception):
    """We were asked to say what the protocol does not allow now: a fault of ours."""


class Hello(NamedTuple):
    """A client's first frame. lowest, highest: the versions it speaks. name: its product and version, for the log."""

    lowest: int
    highest: int
    name: bytes = b""


class Welcome(NamedTuple):
    """A server's first frame: the version that is spoken, and its bounds.

    frame_octets: of a payload. window_octets: the credit at the beginning, and the most there ever is. batch_messages:
    in one batch. batches: without results at a time. content_octets: of one content. idle_seconds: of silence, after
    which the server ends the connection; 0: never. key_seconds: how long it remembers an idempotency key at least;
    0: it takes none. mechanisms: of SASL, by which a client may authenticate.
    """

    version: int
    frame_octets: int
    window_octets: int
    batch_messages: int
    batches: int
    content_octets: int
    idle_seconds: int
    key_seconds: int
    mechanisms: tuple[bytes, ...] = ()
    name: bytes = b""


class Authenticate(NamedTuple):
    """A step of a SASL dialogue (RFC 4422). mechanism: in the first step; empty in the others."""

    mechanism: bytes
    response: bytes


class Challenge(NamedTuple):
    """The server's step of a SASL dialogue."""

    challenge: bytes


class Authenticated(NamedTuple):
    """The dialogue succeeded: the client is *identity*."""

    identity: bytes


class Unproved(NamedTuple):
    """The dialogue came to nothing; another may begin. why: for people."""

    why: bytes


class Credit(NamedTuple):
    """As many octets more may be sent."""

    octets: int


class Ping(NamedTuple):
    """Is anybody there? token: eight octets, which come back."""

    token: bytes


class Pong(NamedTuple):
    """Somebody is."""

    token: bytes


class Bye(NamedTuple):
    """A client sends no more batches; those before are still answered."""


class Error(NamedTuple):
    """The last frame of either side. unbegun: batches from this number on were not begun by the server, and may be sent
    elsewhere without fear of a second copy; a client says 0. why: for people."""

    code: int
    unbegun: int
    why: bytes


_HELLO = struct.Struct(">HHB")
_WELCOME = struct.Struct(">HIIHHIIIBB")
_AUTHENTICATE = struct.Struct(">BH")
_ERROR = struct.Struct(">HI")
_U32 = struct.Struct(">I")

Small = Hello | Welcome | Authenticate | Challenge | Authenticated | Unproved | Credit | Ping | Pong | Bye | Error


def framed(kind: Kind, *parts: Octets) -> list[Octets]:
    """A frame as it is sent, in pieces, so that large ones are not copied."""
    return [HEADER.pack(sum(map(len, parts)), kind, b"\0\0\0"), *parts]


def encode(frame: Small) -> bytes:
    """A small *frame* as it is sent. The bounds of its strings are the caller's to keep; the fields' are asserted."""
    kind, payload = _payload(frame)
    assert len(payload) <= OCTETS_MAX[kind]
    return b"".join(framed(kind, payload))


def _payload(frame: Small) -> tuple[Kind, bytes]:
    match frame:
        case Hello(lowest, highest, name):
            return Kind.HELLO, _HELLO.pack(lowest, highest, len(name)) + name
        case Welcome():
            return Kind.WELCOME, _welcome(frame)
        case Authenticate(mechanism, response):
            return Kind.AUTHENTICATE, _AUTHENTICATE.pack(len(mechanism), len(response)) + mechanism + response
        case Credit(octets):
            return Kind.CREDIT, _U32.pack(octets)
        case Error(code, unbegun, why):
            return Kind.ERROR, _ERROR.pack(code, unbegun) + why[:WHY_OCTETS_MAX]
        case Bye():
            return Kind.BYE, b""
        case _:
            return _KIND_OF[type(frame)], frame[0]


def _welcome(frame: Welcome) -> bytes:
    numbers = _WELCOME.pack(*frame[:8], len(frame.mechanisms), len(frame.name))
    return numbers + b"".join(bytes([len(name)]) + name for name in frame.mechanisms) + frame.name


_KIND_OF: dict[type, Kind] = {
    Challenge: Kind.CHALLENGE,
    Authenticated: Kind.AUTHENTICATED,
    Unproved: Kind.UNPROVED,
    Ping: Kind.PING,
    Pong: Kind.PONG,
}

OCTETS_MAX: dict[Kind, int] = {
    Kind.HELLO: SMALL_OCTETS_MAX,
    Kind.WELCOME: SMALL_OCTETS_MAX,
    Kind.AUTHENTICATE: SASL_OCTETS_MAX,
    Kind.CHALLENGE: SASL_OCTETS_MAX,
    Kind.AUTHENTICATED: SMALL_OCTETS_MAX,
    Kind.UNPROVED: SMALL_OCTETS_MAX,
    Kind.CREDIT: 4,
    Kind.PING: 8,
    Kind.PONG: 8,
    Kind.BYE: 0,
    Kind.ERROR: SMALL_OCTETS_MAX,
}
"""The largest payload of each small frame."""


def decode(kind: Kind, payload: bytes) -> Small:
    """The small frame of *kind*. Raises RemoteProtocolError."""
    try:
        return _DECODERS[kind](payload)
    except struct.error:
        raise RemoteProtocolError(f"{kind.name} of {len(payload)} octets is too short") from None


def _hello(payload: bytes) -> Hello:
    lowest, highest, length = _HELLO.unpack_from(payload)
    name = payload[_HELLO.size : _HELLO.size + length]
    if len(name) < length or lowest > highest:
        raise RemoteProtocolError("HELLO is none")
    return Hello(lowest, highest, name)  # what stands behind the name is for later versions


def _welcomed(payload: bytes) -> Welcome:
    fields = _WELCOME.unpack_from(payload)
    count, length = fields[8:]
    at = _WELCOME.size
    mechanisms = []
    for _ in range(count):
        size = payload[at] if at < len(payload) else 0
        mechanisms.append(payload[at + 1 : at + 1 + size])
        at += 1 + size
    if at + length > len(payload) or not all(mechanisms):
        raise RemoteProtocolError("WELCOME is too short")
    welcome = Welcome._make((*fields[:8], tuple(mechanisms), payload[at : at + length]))
    if not FRAME_OCTETS_MIN <= welcome.frame_octets <= min(FRAME_OCTETS_MAX, welcome.window_octets - HEADER.size):
        raise RemoteProtocolError("WELCOME allows frames that cannot be")
    if not (welcome.window_octets >= WINDOW_OCTETS_MIN and welcome.batch_messages and welcome.batches):
        raise RemoteProtocolError("WELCOME allows too little")
    return welcome


def _authenticate(payload: bytes) -> Authenticate:
    mechanism, response = _AUTHENTICATE.unpack_from(payload)
    at = _AUTHENTICATE.size
    if len(payload) != at + mechanism + response:
        raise RemoteProtocolError("AUTHENTICATE is of another length than it says")
    return Authenticate(payload[at : at + mechanism], payload[at + mechanism :])


def _credit(payload: bytes) -> Credit:
    return Credit(*_U32.unpack(payload))


def _error(payload: bytes) -> Error:
    code, unbegun = _ERROR.unpack_from(payload)
    return Error(code, unbegun, payload[_ERROR.size :])


def _ping(payload: bytes) -> Ping:
    return Ping(_token(payload))


def _pong(payload: bytes) -> Pong:
    return Pong(_token(payload))


def _token(payload: bytes) -> bytes:
    if len(payload) != 8:
        raise RemoteProtocolError("the token of a PING has eight octets")
    return payload


_DECODERS: dict[Kind, Callable[[bytes], Small]] = {
    Kind.HELLO: _hello,
    Kind.WELCOME: _welcomed,
    Kind.AUTHENTICATE: _authenticate,
    Kind.CHALLENGE: Challenge,
    Kind.AUTHENTICATED: Authenticated,
    Kind.UNPROVED: Unproved,
    Kind.CREDIT: _credit,
    Kind.PING: _ping,
    Kind.PONG: _pong,
    Kind.BYE: lambda payload: Bye(),
    Kind.ERROR: _error,
}
