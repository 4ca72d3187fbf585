"""The envelopes of frames: msgpack arrays, typed when read. A field may be added at the end, with a default."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from momentum_trio.spool.message import Batch, Conclusion, Message, Retry


class Recipient(msgspec.Struct, array_like=True, frozen=True):
    """One message. attempts, next_attempt_at: its Retry when it was copied forward; 0, 0 without."""

    message_id: str
    forward_path: str
    attempts: int = 0
    next_attempt_at: float = 0.0


class Custody(msgspec.Struct, array_like=True, frozen=True):
    """A batch. file: name of its content under ``content/``, or empty (inline). content_check: CRC-32 of that file."""

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


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """How one message ended: a value of Conclusion."""

    message_id: str
    conclusion: str


class Concluded(msgspec.Struct, array_like=True, frozen=True):
    """Outcomes of some messages of a batch."""

    batch_id: str
    outcomes: list[Outcome]


class Due(msgspec.Struct, array_like=True, frozen=True):
    """Retry of one message."""

    message_id: str
    attempts: int
    next_attempt_at: float


class Postponed(msgspec.Struct, array_like=True, frozen=True):
    """Retries of some messages of a batch."""

    batch_id: str
    retries: list[Due]


def custody_of(batch: Batch, file: str, content_check: int) -> Custody:
    """The wire form of *batch*."""
    return Custody(
        batch.batch_id,
        batch.connection_id,
        batch.received_at,
        batch.reverse_path,
        [Recipient(message.message_id, message.forward_path) for message in batch.messages],
        batch.octets,
        batch.peer_address,
        batch.protocol,
        batch.binding_group,
        batch.binding,
        list(batch.context),
        file,
        content_check,
    )


def batch_of(custody: Custody) -> Batch:
    """The value *custody* stands for."""
    return Batch(
        custody.batch_id,
        custody.connection_id,
        custody.received_at,
        custody.reverse_path,
        tuple(Message(each.message_id, each.forward_path) for each in custody.messages),
        custody.octets,
        custody.peer_address,
        custody.protocol,
        custody.binding_group,
        custody.binding,
        tuple(custody.context),
    )


class Wire:
    """Encoder and decoders; made once, for they are costly to make and hold no state between calls."""

    __slots__ = ("_concluded", "_custody", "_encoder", "_postponed")

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._custody = msgspec.msgpack.Decoder(Custody)
        self._concluded = msgspec.msgpack.Decoder(Concluded)
        self._postponed = msgspec.msgpack.Decoder(Postponed)

    def encode(self, value: Custody | Concluded | Postponed) -> bytes:
        """Raises UnicodeEncodeError for text that is not Unicode (lone surrogates)."""
        return self._encoder.encode(value)

    def custody(self, octets: bytes) -> Custody:
        """Raises msgspec.MsgspecError or UnicodeDecodeError."""
        return self._custody.decode(octets)

    def concluded(self, octets: bytes) -> Concluded:
        """Raises as ``custody``."""
        return self._concluded.decode(octets)

    def postponed(self, octets: bytes) -> Postponed:
        """Raises as ``custody``."""
        return self._postponed.decode(octets)


def concluded_of(batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> Concluded:
    """The wire form of outcomes."""
    return Concluded(batch_id, [Outcome(message_id, conclusion.value) for message_id, conclusion in outcomes])


def postponed_of(batch_id: str, retries: Sequence[tuple[str, Retry]]) -> Postponed:
    """The wire form of retries."""
    return Postponed(batch_id, [Due(each, retry.attempts, retry.next_attempt_at) for each, retry in retries])
