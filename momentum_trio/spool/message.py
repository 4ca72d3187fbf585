"""What the spool takes custody of, and what it answers: values only.

A *batch* is one accepted mail transaction: one content, one reverse-path, one message for each forward-path. It is the
unit of custody (kept whole or not at all); outcomes are recorded for each message of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Message:
    """One recipient of one transaction. message_id: from ``Spool.next_id``."""

    message_id: str
    forward_path: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The envelope of one transaction, with what logs and routing need later.

    received_at: Unix seconds. octets: length of the content; ``Spool.commit`` sets it, callers may pass 0.
    context: the message context dictionary, in its order.
    """

    batch_id: str
    connection_id: str
    received_at: float
    reverse_path: str
    messages: tuple[Message, ...]
    octets: int
    peer_address: str
    protocol: str
    binding_group: str = "default"
    binding: str = "default"
    context: tuple[tuple[str, str], ...] = ()


class Durability(Enum):
    """What a receipt vouches for.

    SYNCED: on stable storage; neither a crash of this program nor loss of power loses the batch.
    WRITTEN: with the operating system (``Force_Fsync = false``); a crash of this program does not lose it, loss of
    power within about a second may.
    """

    SYNCED = "synced"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of custody, the only thing a final 250 is made from (RFC 5321 section 6.1). batch: with its octets."""

    batch: Batch
    durability: Durability


class Conclusion(Enum):
    """How custody of one message ended: it was handed on, or it failed for good (and was reported if it had to be)."""

    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Retry:
    """Where a message stands that could not be delivered yet. attempts: made so far; next_attempt_at: Unix seconds."""

    attempts: int
    next_attempt_at: float
