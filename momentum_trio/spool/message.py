"""What the spool takes custody of, and what it answers: values only.

A *batch* is one accepted mail transaction: one content, one reverse-path, one message for each forward-path. It is the
unit of custody (kept whole or not at all); outcomes are recorded for each message of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec
from msgspec.structs import replace

from momentum_trio.mail.dsn import Notify

REASON_OCTETS_MAX = 400
"""How much of the reason of a failure is kept with a message."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One recipient of one transaction.

    message_id: from ``Spool.next_id``. notify, original_recipient: of RCPT (RFC 3461 sections 4.1 and 4.2), the latter
    decoded, ``rfc822;bob@example.com``. routing_domain: where an operator rerouted it, instead of the path's domain.
    """

    message_id: str
    forward_path: str
    notify: Notify = Notify.UNSET
    original_recipient: str = ""
    routing_domain: str = ""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """The envelope of one transaction, with what logs and routing need later.

    received_at: Unix seconds. octets: length of the content; ``Spool.commit`` sets it, callers may pass 0.
    context: the message context dictionary, in its order. returns, envelope_id: RET (``FULL``, ``HDRS`` or empty) and
    ENVID, decoded, of MAIL (RFC 3461 sections 4.3 and 4.4). body: what BODY declared (``8BITMIME``, ``BINARYMIME``), or
    empty. smtputf8: the transaction needs it (RFC 6531). not_before: Unix seconds; until then nothing is
    tried; 0: at once.
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
    returns: str = ""
    envelope_id: str = ""
    body: str = ""
    smtputf8: bool = False
    not_before: float = 0.0

    @property
    def begins_at(self) -> float:
        """When its life in the queue begins, Unix seconds: it is as old as the time since then."""
        return max(self.received_at, self.not_before)

    def with_octets(self, octets: int) -> Batch:
        """The same with another length."""
        return replace(self, octets=octets)


class Durability(Enum):
    """What a receipt vouches for.

    SYNCED: on stable storage; neither a crash of this program nor loss of power loses the batch.
    WRITTEN: with the operating system (``Force_Fsync = false``); a crash of this program does not lose it, loss of
    power within about a second may.
    """

    SYNCED = "synced"
    WRITTEN = "written"


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """Proof of custody, the only thing a final 250 is made from (RFC 5321 section 6.1).

    batch: with its octets. tickets: one for each of its messages, in order. A ticket is a small number that stands
    for a message while it is in custody; afterwards another message may have it.
    """

    batch: Batch
    durability: Durability
    tickets: Sequence[int] = ()


class Conclusion(Enum):
    """How custody of one message ended: it was handed on, or it failed for good (and was reported if it had to be)."""

    DELIVERED = "delivered"
    FAILED = "failed"


class Retry(msgspec.Struct, frozen=True, gc=False):
    """Where a message stands that could not be delivered yet.

    attempts: made so far. next_attempt_at: Unix seconds. notices: delay notifications sent. reason: of the last failure
    (``450 4.2.2 mailbox full``), cut to REASON_OCTETS_MAX.
    """

    attempts: int
    next_attempt_at: float
    notices: int = 0
    reason: str = ""


class Owed(msgspec.Struct, frozen=True, gc=False):
    """A message found at opening. domain: where it was rerouted to, else that of its path, in lower case.

    begins_at: when its life in the queue began, or will; then its retry, without an attempt, says so too.
    """

    ticket: int
    domain: str
    binding_group: str
    binding: str
    begins_at: float
    retry: Retry | None

    @property
    def is_scheduled(self) -> bool:
        """Whether it waits for the time that its sender has set."""
        return self.retry is not None and not self.retry.attempts and self.retry.next_attempt_at == self.begins_at


class Held(msgspec.Struct, frozen=True, gc=False):
    """A message in custody, read back. batch: its messages not concluded only, and this message's binding."""

    batch: Batch
    message: Message
    retry: Retry | None
