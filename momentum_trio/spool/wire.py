"""The envelopes of frames: msgpack arrays, typed when read. A field may be added at the end, with a default.

What format version 1 wrote is read by the same types: it lacks the fields that have defaults.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.reply import Reply
from momentum_trio.spool.key import Answer, Earlier
from momentum_trio.spool.message import REASON_OCTETS_MAX, Batch, Message, Retry

REPLIES_WITH_TEXT_MAX = 64
"""Different replies to one message with a key that are kept whole."""


class Recipient(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One message.

    attempts, next_attempt_at, notices, reason: its Retry when it was copied forward, or where it is sent later; 0, 0
    without. binding_group, binding: where it was moved to, or empty: those of its batch.
    """

    message_id: str
    forward_path: str
    attempts: int = 0
    next_attempt_at: float = 0.0
    notices: int = 0
    reason: str = ""
    notify: int = 0
    original_recipient: str = ""
    routing_domain: str = ""
    binding_group: str = ""
    binding: str = ""


class Ended(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Messages whose custody ended, of any batches, by how it did."""

    delivered: list[str]
    failed: list[str]

    @property
    def message_ids(self) -> Iterable[str]:
        """All of them."""
        return (*self.delivered, *self.failed)


class Custody(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A batch.

    file: name of its content under ``content/``, or empty (inline). content_check: CRC-32 of that file. concluding:
    what ended with its coming: one record, so that neither is true without the other. not_before: of Batch.
    """

    batch_id: str
    connection_id: str
    received_at: float
    reverse_path: str
    messages: list[Recipient]
    octets: int
    peer_address: str
    protocol: str
    binding_group: str
    binding: str
    context: list[tuple[str, str]]
    file: str
    content_check: int
    returns: str = ""
    envelope_id: str = ""
    body: str = ""
    smtputf8: bool = False
    concluding: Ended | None = None
    not_before: float = 0.0

    @property
    def begins_at(self) -> float:
        """As that of Batch."""
        return max(self.received_at, self.not_before)


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """How one message ended: a value of Conclusion. Version 1."""

    message_id: str
    conclusion: str


class Concluded(msgspec.Struct, array_like=True, frozen=True):
    """Outcomes of some messages of a batch. Version 1."""

    batch_id: str
    outcomes: list[Outcome]


class Due(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Retry of one message."""

    message_id: str
    attempts: int
    next_attempt_at: float
    notices: int = 0
    reason: str = ""


class Postponed(msgspec.Struct, array_like=True, frozen=True):
    """Retries of some messages of a batch. Version 1."""

    batch_id: str
    retries: list[Due]


class Settled(msgspec.Struct, array_like=True, frozen=True):
    """What came of attempts at messages of any batches."""

    ended: Ended
    postponed: list[Due]


class Moved(msgspec.Struct, array_like=True, frozen=True):
    """Messages of any batches are to go another way. None: as before; an empty routing domain: the path's again."""

    message_ids: list[str]
    binding_group: str | None = None
    binding: str | None = None
    routing_domain: str | None = None


class Said(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A reply."""

    code: int
    enhanced: str
    lines: list[str]


class Keyed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An idempotency key, and what was answered.

    name, digest: 16 and 32 octets (``key.py``). given_at: Unix seconds. seconds: how long it is kept. replies: each
    once, the message's first. recipients: which of them each was told, in order; empty: the first.
    """

    name: bytes
    digest: bytes
    given_at: float
    seconds: int
    batch_id: str
    replies: list[Said]
    recipients: list[int]


class KeysHeld(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Keys. copied: elsewhere before; if not, each counts only where its batch stands before it, in the same group."""

    keys: list[Keyed]
    copied: bool = False


def custody_of(batch: Batch, file: str, content_check: int, concluding: Ended | None = None) -> Custody:
    """The wire form of *batch*."""
    not_before, messages = batch.not_before, batch.messages
    if len(messages) == 1:  # as most have
        recipients = [_recipient_of(messages[0], not_before)]
    else:
        recipients = [_recipient_of(message, not_before) for message in messages]
    return Custody(
        batch.batch_id,
        batch.connection_id,
        batch.received_at,
        batch.reverse_path,
        recipients,
        batch.octets,
        batch.peer_address,
        batch.protocol,
        batch.binding_group,
        batch.binding,
        list(batch.context),
        file,
        content_check,
        batch.returns,
        batch.envelope_id,
        batch.body,
        batch.smtputf8,
        concluding,
        not_before,
    )


def _recipient_of(message: Message, not_before: float) -> Recipient:
    return Recipient(  # by their places: this is done once for each message
        message.message_id,
        message.forward_path,
        0,
        not_before,
        0,
        "",
        message.notify.value,
        message.original_recipient,
        message.routing_domain,
    )


def batch_of(custody: Custody) -> Batch:
    """The value *custody* stands for."""
    return Batch(
        custody.batch_id,
        custody.connection_id,
        custody.received_at,
        custody.reverse_path,
        tuple(message_of(each) for each in custody.messages),
        custody.octets,
        custody.peer_address,
        custody.protocol,
        custody.binding_group,
        custody.binding,
        tuple(custody.context),
        custody.returns,
        custody.envelope_id,
        custody.body,
        custody.smtputf8,
        custody.not_before,
    )


def message_of(recipient: Recipient) -> Message:
    """The value *recipient* stands for."""
    return Message(
        recipient.message_id,
        recipient.forward_path,
        Notify(recipient.notify),
        recipient.original_recipient,
        recipient.routing_domain,
    )


Value = Custody | Concluded | Postponed | Settled | Moved | KeysHeld


class Wire:
    """Encoder and decoders; made once, for they are costly to make and hold no state between calls.

    The decoders raise msgspec.MsgspecError or UnicodeDecodeError.
    """

    __slots__ = ("_encoder", "concluded", "custody", "keys", "moved", "postponed", "settled")

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self.custody = msgspec.msgpack.Decoder(Custody).decode
        self.concluded = msgspec.msgpack.Decoder(Concluded).decode
        self.postponed = msgspec.msgpack.Decoder(Postponed).decode
        self.settled = msgspec.msgpack.Decoder(Settled).decode
        self.moved = msgspec.msgpack.Decoder(Moved).decode
        self.keys = msgspec.msgpack.Decoder(KeysHeld).decode

    def encode(self, value: Value) -> bytes:
        """Raises UnicodeEncodeError for text that is not Unicode (lone surrogates)."""
        return self._encoder.encode(value)


def keyed_of(name: bytes, earlier: Earlier, given_at: float, seconds: int) -> Keyed:
    """The wire form of a key with what was answered. Of very many different replies some are kept without texts."""
    digest, batch_id, answer = earlier
    numbers: dict[Reply, int] = {answer.reply: 0}
    recipients = [_numbered(reply, numbers) for reply in answer.recipients]
    replies = [Said(reply.code, reply.enhanced, list(reply.lines)) for reply in numbers]
    return Keyed(name, digest, given_at, seconds, batch_id, replies, recipients if any(recipients) else [])


def _numbered(reply: Reply, numbers: dict[Reply, int]) -> int:
    if reply not in numbers and len(numbers) >= REPLIES_WITH_TEXT_MAX:
        reply = Reply(reply.code, reply.enhanced, ("",))
    return numbers.setdefault(reply, len(numbers))


def earlier_of(keyed: Keyed) -> Earlier:
    """What *keyed* tells."""
    replies = [Reply(said.code, said.enhanced, tuple(said.lines)) for said in keyed.replies]
    return Earlier(
        keyed.digest, keyed.batch_id, Answer(replies[0], tuple(replies[number] for number in keyed.recipients))
    )


def due_of(message_id: str, retry: Retry) -> Due:
    """The wire form of a retry."""
    return Due(message_id, retry.attempts, retry.next_attempt_at, retry.notices, retry.reason)


def shortened(retry: Retry) -> Retry:
    """*retry* with at most REASON_OCTETS_MAX octets of its reason."""
    if len(retry.reason) * 4 <= REASON_OCTETS_MAX:  # no character takes more than four
        return retry
    reason = retry.reason.encode(errors="replace")[:REASON_OCTETS_MAX].decode(errors="ignore")
    return msgspec.structs.replace(retry, reason=reason)
