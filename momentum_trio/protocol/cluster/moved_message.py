"""One message on its way from node to node, with where it stands: what the sender's spool has of it but its content."""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from momentum_trio.protocol.msgc.frame import RemoteProtocolError

METADATA_OCTETS_MAX: Final = 64 * 1024
DICTIONARIES_OCTETS_MAX: Final = 16 << 20
"""An envelope in a spool has no more."""
T = TypeVar("T")
KEY_LENGTH_MAX: Final = 64
DIGEST_LENGTH: Final = 64

Text = Annotated[str, Meta(max_length=4096)]
Id = Annotated[str, Meta(max_length=64)]
Time = Annotated[float, Meta(ge=0, le=2**53)]
Count = Annotated[int, Meta(ge=0, le=2**31)]


class Metadata(Struct, frozen=True, kw_only=True):
    """What SMTP has no word for, and the envelope: it was accepted once, and is not judged again.

    The names are those of ``spool.message``. octets, digest: length of the content, and its SHA-256, hexadecimal.
    attempts, next_attempt_at, notices, reason: of its retries; no attempts and no such time: it was not tried yet.
    """

    message_id: Id
    batch_id: Id
    connection_id: Id
    received_at: Time
    reverse_path: Text
    forward_path: Annotated[str, Meta(min_length=1, max_length=4096)]
    peer_address: Id
    protocol: Id
    binding_group: Text
    binding: Text
    octets: Annotated[int, Meta(ge=0, le=2**53)]
    digest: Annotated[str, Meta(min_length=DIGEST_LENGTH, max_length=DIGEST_LENGTH, pattern="^[0-9a-f]*$")]
    not_before: Time = 0.0
    notify: Annotated[int, Meta(ge=0, le=255)] = 0
    original_recipient: Text = ""
    routing_domain: Text = ""
    returns: Id = ""
    envelope_id: Text = ""
    body: Id = ""
    smtputf8: bool = False
    attempts: Count = 0
    next_attempt_at: Time = 0.0
    notices: Count = 0
    reason: Text = ""


class Dictionaries(Struct, frozen=True, kw_only=True):
    """Its context dictionaries: that of the message, in its order."""

    message: tuple[tuple[str, str], ...] = ()


def encode(part: Metadata | Dictionaries) -> bytes:
    """*part* as it goes over the wire: JSON."""
    return msgspec.json.encode(part)


def decode_metadata(octets: bytes) -> Metadata:
    """What METADATA says; fields of later versions are passed over. Raises RemoteProtocolError."""
    return _decoded(_METADATA, octets)


def decode_dictionaries(octets: bytes) -> Dictionaries:
    """What METADATADICTS says. Raises RemoteProtocolError."""
    return _decoded(_DICTIONARIES, octets)


_METADATA: Final = msgspec.json.Decoder(Metadata)
_DICTIONARIES: Final = msgspec.json.Decoder(Dictionaries)


def _decoded(decoder: msgspec.json.Decoder[T], octets: bytes) -> T:
    try:
        return decoder.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"metadata that are none: {error}") from None
