"""Frames of the message bus: a header of 13 octets, a payload and, between those who share a secret, a MAC.

The header holds the payload's length (32 bits), the frame's number (64 bits: 0, 1, 2, ... in each direction) and its
kind (8 bits), the most significant octet first. docs/protocols/msgc.md, «Frames».
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

PREFACE: Final = b"MSGC\r\n\0\xec"
"""What who connects sends before his first frame; no line of SMTP and no request of HTTP begins so."""

HEADER: Final = struct.Struct(">IQB")
MAC_OCTETS: Final = 16
"""HMAC-SHA-256, cut in half (RFC 2104 section 5)."""

OPENING_OCTETS_MAX: Final = 1024
"""Of a payload before the other end is let in, and of what is said last."""
FRAME_OCTETS_MAX: Final = 1024 * 1024
"""Of a payload of MESSAGES."""
BATCH_OCTETS_MAX: Final = 128 * 1024
"""A frame takes no further message once it has so many octets of them."""
BATCH_MESSAGES_MAX: Final = 1024
WHY_OCTETS_MAX: Final = 512

_NUMBER_MAX: Final = 2**64 - 1
_COUNT: Final = struct.Struct(">BH")
_ARRAY16: Final = 0xDC  # msgpack's, of up to 65535 items


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    PROOF = 2
    WELCOME = 3
    REFUSED = 4
    NOOP = 5
    MESSAGES = 6


class Code(IntEnum):
    """Why a connection ends, in a Refused; how an end that was not said is counted, too."""

    PROTOCOL = 1
    VERSION = 2
    TOO_LARGE = 3
    UNPROVED = 4
    TAMPERED = 5
    REPLAYED = 6
    NOT_ALLOWED = 7
    DUPLICATE = 8
    REPLACED = 9
    STUCK = 10
    IDLE = 11
    EXPELLED = 12
    CLOSING = 13
    FULL = 14


class RemoteProtocolError(Exception):
    """The other end broke the protocol, or cannot prove who it is; nothing more can be read from it."""

    def __init__(self, why: str, code: Code = Code.PROTOCOL) -> None:
        super().__init__(why)
        self.why, self.code = why, code


class Frame(NamedTuple):
    """One whole frame, its number and its MAC found right."""

    kind: Kind
    payload: bytes


class Refused(NamedTuple):
    """The last frame of either side. why: for people."""

    code: Code
    why: str


class Sealer:
    """Frames on their way out. key: of this direction, once both ends have proved that they know the secret."""

    __slots__ = ("_number", "key")

    def __init__(self) -> None:
        self._number = 0
        self.key = b""

    def seal(self, kind: Kind, payload: bytes) -> bytes:
        """The next frame, as it is sent."""
        assert len(payload) <= (FRAME_OCTETS_MAX if kind is Kind.MESSAGES else OPENING_OCTETS_MAX)
        assert self._number <= _NUMBER_MAX
        octets = HEADER.pack(len(payload), self._number, kind) + payload
        self._number += 1
        return octets + _mac(self.key, octets) if self.key else octets


class Opener:
    """Octets that come, cut anywhere, to frames.

    key: as Sealer's, of the other direction. octets_max: the largest payload there may be now. It holds at most one
    incomplete frame, and what one ``receive`` brought beyond it.
    """

    __slots__ = ("_buffer", "_number", "key", "octets_max")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._number = 0
        self.key = b""
        self.octets_max = OPENING_OCTETS_MAX

    def receive(self, octets: bytes) -> None:
        """Take what came from the stream."""
        self._buffer += octets

    def preface(self) -> bool:
        """Take the preface; whether it is whole. Raises RemoteProtocolError at the first octet that is another."""
        head = bytes(self._buffer[: len(PREFACE)])
        if not PREFACE.startswith(head):
            raise RemoteProtocolError("this is not the protocol of the bus")
        if len(head) < len(PREFACE):
            return False
        del self._buffer[: len(PREFACE)]
        return True

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None when it is not there yet. Raises RemoteProtocolError, for good."""
        buffer = self._buffer
        if len(buffer) < HEADER.size:
            return None
        length, number, word = HEADER.unpack_from(buffer)
        if length > self.octets_max:
            raise RemoteProtocolError(f"a frame of {length} octets, where {self.octets_max} may be", Code.TOO_LARGE)
        if number != self._number:
            raise RemoteProtocolError(f"frame {number}, where {self._number} is due", Code.REPLAYED)
        end = HEADER.size + length
        if len(buffer) < end + (MAC_OCTETS if self.key else 0):
            return None
        octets = bytes(buffer[:end])
        if self.key:
            if not hmac.compare_digest(_mac(self.key, octets), buffer[end : end + MAC_OCTETS]):
                raise RemoteProtocolError(f"frame {number} is not as it was sent", Code.TAMPERED)
            end += MAC_OCTETS
        del buffer[:end]
        self._number += 1
        return Frame(_kind(word), octets[HEADER.size :])


def _mac(key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, "sha256")[:MAC_OCTETS]


def _kind(word: int) -> Kind:
    try:
        return Kind(word)
    except ValueError:
        raise RemoteProtocolError(f"there is no frame of kind {word}") from None


def encode_refused(code: Code, why: str) -> bytes:
    """The payload of REFUSED."""
    return bytes([code]) + why.encode("utf-8", "replace")[:WHY_OCTETS_MAX]


def decode_refused(payload: bytes) -> Refused:
    """What REFUSED says. A code of a later version is PROTOCOL here. Raises RemoteProtocolError."""
    if not payload:
        raise RemoteProtocolError("REFUSED is empty")
    known = payload[0] in Code.__members__.values()
    return Refused(Code(payload[0]) if known else Code.PROTOCOL, payload[1:].decode("utf-8", "replace"))


def joined(messages: Sequence[bytes]) -> bytes:
    """The payload of MESSAGES: each as msgpack has it, together msgpack's array of them."""
    assert 0 < len(messages) <= BATCH_MESSAGES_MAX
    return _COUNT.pack(_ARRAY16, len(messages)) + b"".join(messages)
