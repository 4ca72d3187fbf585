"""The batch: messages, each with its envelope, and contents, each of which any number of the messages share."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from momentum_trio.protocol.ecstream.frame import Code, Kind, Octets, RemoteProtocolError, framed

MESSAGES_MAX: Final = 65535
RECIPIENTS_MAX: Final = 65535
"""Of all messages of a batch together; so the results have a bound too."""
PATH_OCTETS_MAX: Final = 1024
"""What is longer than RFC 5321 permits but not than this is refused with its own reply, and costs nobody else."""
PARAMETERS_OCTETS_MAX: Final = 2048
KEY_OCTETS_MAX: Final = 64
CONTEXT_MAX: Final = 64
CONTEXT_VALUE_OCTETS_MAX: Final = 16 * 1024

_HEAD = struct.Struct(">IHH")  # number, contents, messages
_CONTENT = struct.Struct(">BI")  # form, octets
_MESSAGE = struct.Struct(
    ">BBHHHH"
)  # octets of key, pairs of context, octets of path and parameters, content, recipients
_RECIPIENT = struct.Struct(">HH")  # octets of path and parameters
_PAIR = struct.Struct(">BH")  # octets of name and value
_MESSAGE_OCTETS, _RECIPIENT_OCTETS = _MESSAGE.size, _RECIPIENT.size
_HERE, _FOLLOWS = 0, 1


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """path: without brackets. parameters: RCPT's, as SMTP writes them (RFC 5321 section 4.1.2)."""

    path: bytes
    parameters: bytes = b""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message.

    reverse_path: without brackets; empty: the null reverse-path. content: which of the batch's contents. parameters:
    those of MAIL, as SMTP writes them. context: names and values, as XSETCONTEXT sets them. key: of idempotency;
    empty: none.
    """

    reverse_path: bytes
    recipients: tuple[Recipient, ...]
    content: int = 0
    parameters: bytes = b""
    context: tuple[tuple[bytes, bytes], ...] = ()
    key: bytes = b""


class Following(NamedTuple):
    """A content that follows its batch in chunks. octets: how long it is."""

    octets: int


_NOTHING: Final = Following(0)


def length_of(content: Octets | Following) -> int:
    """In octets, wherever it is."""
    return content.octets if isinstance(content, Following) else len(content)


class Batch(NamedTuple):
    """number: 1, 2, 3 and so on. contents: RFC 5322 octets, each used by a message. messages: one at least."""

    number: int
    contents: tuple[Octets | Following, ...]
    messages: tuple[Message, ...]


class Encoded(NamedTuple):
    """A batch as it is sent. octets: what it costs of the credit, header included; contents that follow come on top."""

    batch: Batch
    pieces: Sequence[Octets]
    octets: int

    @classmethod
    def of(cls, batch: Batch) -> Encoded:
        """*batch*, encoded once. Raises as ``encode_batch``."""
        pieces = encode_batch(batch)
        return cls(batch, pieces, sum(map(len, pieces)))


def message_octets(message: Message) -> int:
    """What *message* takes of the payload of its batch, without its content."""
    own = _MESSAGE.size + len(message.reverse_path) + len(message.parameters) + len(message.key)
    pairs = sum(_PAIR.size + len(name) + len(value) for name, value in message.context)
    return own + pairs + sum(_RECIPIENT.size + len(each.path) + len(each.parameters) for each in message.recipients)


def content_octets(content: Octets | Following) -> int:
    """What *content* takes of the payload of its batch."""
    return _CONTENT.size + (0 if isinstance(content, Following) else len(content))


HEAD_OCTETS: Final = _HEAD.size
"""What every batch takes."""


def encode_batch(batch: Batch) -> list[Octets]:
    """*batch* as it is sent, in pieces; contents are not copied. Its bounds are asserted.

    Raises: struct.error where a field is longer than its length can say.
    """
    problem = _problem(batch)
    assert problem is None, problem
    assert all(map(within_bounds, batch.messages)), "a field of a message is too long"
    pieces: list[Octets] = [_HEAD.pack(batch.number, len(batch.contents), len(batch.messages))]
    for content in batch.contents:
        if isinstance(content, Following):
            pieces.append(_CONTENT.pack(_FOLLOWS, content.octets))
        else:
            pieces += (_CONTENT.pack(_HERE, len(content)), content)
    pieces.append(b"".join(map(_encoded, batch.messages)))
    return framed(Kind.BATCH, *pieces)


def _encoded(message: Message) -> bytes:
    path, parameters, key = message.reverse_path, message.parameters, message.key
    context, recipients = message.context, message.recipients
    pieces = [_MESSAGE.pack(len(key), len(context), len(path), len(parameters), message.content, len(recipients))]
    pieces += (key, path, parameters)
    for name, value in context:
        pieces += (_PAIR.pack(len(name), len(value)), name, value)
    for recipient in recipients:
        path, parameters = recipient.path, recipient.parameters
        pieces += (_RECIPIENT.pack(len(path), len(parameters)), path, parameters)
    return b"".join(pieces)


def decode_batch(payload: Octets) -> Batch:
    """The batch in *payload*; contents are slices of it. Raises RemoteProtocolError."""
    try:
        batch, end = _decoded(payload)
    except struct.error:
        raise RemoteProtocolError("a batch is cut short") from None
    if end != len(payload):  # a slice beyond the end is shorter than it should be; it is noticed here
        raise RemoteProtocolError("a batch is of another length than it says")
    if (problem := _problem(batch)) is not None:
        raise RemoteProtocolError(*problem)
    return batch


def _decoded(payload: Octets) -> tuple[Batch, int]:
    number, content_count, message_count = _HEAD.unpack_from(payload)
    at = _HEAD.size
    contents: list[Octets | Following] = []
    for _ in range(content_count):
        form, octets = _CONTENT.unpack_from(payload, at)
        at += _CONTENT.size
        if form == _HERE:
            contents.append(payload[at : at + octets])
            at += octets
        elif form == _FOLLOWS:
            contents.append(Following(octets))
        else:
            raise RemoteProtocolError("a content is neither here nor follows")
    messages, octets, end = list[Message](), bytes(payload[at:]), 0
    for _ in range(message_count):
        message, end = _message(octets, end)
        messages.append(message)
    return Batch(number, tuple(contents), tuple(messages)), at + end


def _message(octets: bytes, at: int) -> tuple[Message, int]:
    """The message at *at*, and where it ends."""
    key_octets, pairs, path_octets, parameter_octets, content, recipient_count = _MESSAGE.unpack_from(octets, at)
    at += _MESSAGE_OCTETS
    key = parameters = b""
    if key_octets:
        key = octets[at : at + key_octets]
        at += key_octets
    path = octets[at : at + path_octets]
    end = at + path_octets
    if parameter_octets:
        parameters = octets[end : end + parameter_octets]
        end += parameter_octets
    if (
        path_octets > PATH_OCTETS_MAX
        or key_octets > KEY_OCTETS_MAX
        or parameter_octets > PARAMETERS_OCTETS_MAX
        or pairs > CONTEXT_MAX
    ):
        raise _too_long()
    context: tuple[tuple[bytes, bytes], ...] = ()
    if pairs:
        context, end = _context(octets, end, pairs)
    recipients = []
    for _ in range(recipient_count):
        path_octets, parameter_octets = _RECIPIENT.unpack_from(octets, end)
        if path_octets > PATH_OCTETS_MAX or parameter_octets > PARAMETERS_OCTETS_MAX:
            raise _too_long()
        at = end + _RECIPIENT_OCTETS
        end = at + path_octets
        own = octets[at:end]
        if parameter_octets:
            recipients.append(Recipient(own, octets[end : end + parameter_octets]))
            end += parameter_octets
        else:
            recipients.append(Recipient(own))
    return Message(path, tuple(recipients), content, parameters, context, key), end


def _context(payload: bytes, at: int, pairs: int) -> tuple[tuple[tuple[bytes, bytes], ...], int]:
    """So many names with their values, and where they end."""
    context = []
    for _ in range(pairs):
        name_octets, value_octets = _PAIR.unpack_from(payload, at)
        at += _PAIR.size
        if value_octets > CONTEXT_VALUE_OCTETS_MAX:
            raise _too_long()
        pair = payload[at : at + name_octets + value_octets]
        context.append((pair[:name_octets], pair[name_octets:]))
        at += name_octets + value_octets
    return tuple(context), at


def _too_long() -> RemoteProtocolError:
    return RemoteProtocolError("a field of a message is too long", Code.TOO_LARGE)


def _problem(batch: Batch) -> tuple[str, Code] | None:
    """What is wrong with *batch* besides the length of its fields, or None."""
    if not batch.messages:
        return "a batch has no message", Code.PROTOCOL
    counts = [len(message.recipients) for message in batch.messages]
    if not all(counts):
        return "a message has no recipient", Code.PROTOCOL
    if {message.content for message in batch.messages} != set(range(len(batch.contents))):
        return "a content is used by no message, or there is none", Code.PROTOCOL
    if sum(counts) > RECIPIENTS_MAX:
        return "a batch has too many recipients", Code.TOO_LARGE
    if _NOTHING in batch.contents:
        return "a content that follows is empty", Code.PROTOCOL
    return None


def within_bounds(message: Message) -> bool:
    """Whether no field of *message* is longer than it may be."""
    context = message.context
    if len(message.reverse_path) > PATH_OCTETS_MAX or len(message.parameters) > PARAMETERS_OCTETS_MAX:
        return False
    if len(message.key) > KEY_OCTETS_MAX:
        return False
    for recipient in message.recipients:  # no generators: this is asked of every message
        if len(recipient.path) > PATH_OCTETS_MAX or len(recipient.parameters) > PARAMETERS_OCTETS_MAX:
            return False
    return len(context) <= CONTEXT_MAX and all(len(value) <= CONTEXT_VALUE_OCTETS_MAX for _, value in context)
