"""Messages of the queue as ECStream has them, and what became of them: values, nothing awaits.

Each recipient is a message of its own, whose content goes once for all of them: so it has the same key in each attempt,
whoever is tried along with it.
"""

from __future__ import annotations

import hashlib
from typing import Final

from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Bounced, Delivered, Outcome
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_parcel import failure_of, transaction_of
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.ecstream.batch import Message, Recipient, within_bounds
from momentum_trio.protocol.ecstream.results import Result
from momentum_trio.protocol.smtp.client_command import PATH_UNSENDABLE, mail_parameters, rcpt_parameters
from momentum_trio.protocol.smtp.client_event import ClientTerms, Verdict
from momentum_trio.protocol.smtp.client_extensions import Extensions

EVERYTHING: Final = Extensions(eight_bit=True, chunking=True, binary=True, smtputf8=True, dsn=True)
"""ECStream offers nothing: a message says what it needs, and the server refuses what it does not have."""


def message_of(attempt: Attempt, content: OutgoingContent, terms: ClientTerms, key: bytes) -> Message | Bounced:
    """*attempt* as a message; which content is its own is not said yet."""
    transaction = transaction_of([attempt], content)
    recipient = Recipient(
        attempt.message.forward_path.encode(), rcpt_parameters(transaction, 0, EVERYTHING).strip().encode()
    )
    parameters = mail_parameters(transaction, EVERYTHING, terms).strip().encode()
    message = Message(transaction.reverse_path.encode(), (recipient,), parameters=parameters, key=key)
    return message if within_bounds(message) else Bounced(str(PATH_UNSENDABLE), Stage.IDLE)


def key_of(attempt: Attempt, content: OutgoingContent, hostname: str) -> bytes:
    """What *attempt* is recognized by.

    It is the same each time, unless the content is signed anew, which makes another message of it: a server that knew
    the key with other octets would refuse it.
    """
    named = f"{hostname}\0{attempt.message.message_id}\0".encode()
    return hashlib.sha256(named + content.signatures).hexdigest()[:40].encode()


def outcome_of(result: Result, peer_address: str, octets: int) -> Outcome:
    """What the queue is told of a message of one recipient."""
    reply = result.recipients[0] if result.recipients else result.reply
    if reply.positive:
        return Delivered(peer_address, reports_itself=True)
    return failure_of(Verdict(reply, Stage.READING_CONFIRMATION), peer_address, octets)
