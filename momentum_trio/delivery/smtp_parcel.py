"""A parcel as a mail transaction, and what became of it: values, nothing awaits."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.mail.dsn import Notify, Returning, Wish
from momentum_trio.protocol.smtp.client_event import Attributes, Transaction, Verdict
from momentum_trio.protocol.smtp.client_extensions import Extensions
from momentum_trio.spool.message import Batch

REASON_OCTETS_MAX = 1000
"""How much of a server's reply goes into the log."""

UNAVAILABLE = "[UNAVAILABLE]"
SMTP_PROTOCOLS = frozenset(("smtp", "esmtp"))


def transaction_of(
    attempts: Sequence[Attempt], content: OutgoingContent, *, name: str = "", tells_origin: bool = False
) -> Transaction:
    """The mail transaction that brings one batch to the forward-paths of *attempts*, in their order.

    name: what this host calls itself for it, where that is not what it said. tells_origin: XCLIENT is used.
    """
    batch = attempts[0].batch
    messages = [attempt.message for attempt in attempts]
    asked = any(message.notify is not Notify.UNSET or message.original_recipient for message in messages)
    return Transaction(
        batch.reverse_path,
        tuple(message.forward_path for message in messages),
        content.octets,
        eight_bit=content.eight_bit,
        binary=content.binary,
        smtputf8=batch.smtputf8 and content.eight_bit,
        returning=Returning(batch.returns, batch.envelope_id),
        wishes=tuple(Wish(message.notify, message.original_recipient) for message in messages) if asked else (),
        name=name,
        origin=origin_of(batch) if tells_origin else (),
    )


def origin_of(batch: Batch) -> Attributes:
    """Who handed *batch* in, as XCLIENT says it; it has not the client's name."""
    try:
        address = ip_address(batch.peer_address)
        told = f"IPV6:{address}" if address.version == 6 else str(address)
    except ValueError:  # a Unix socket, or nobody
        told = UNAVAILABLE
    protocol = batch.protocol.upper() if batch.protocol in SMTP_PROTOCOLS else "ESMTP"
    return (("NAME", UNAVAILABLE), ("ADDR", told), ("PROTO", protocol))


def needs_conversion(content: OutgoingContent, extensions: Extensions, *, sends_eight_bit_anyway: bool) -> bool:
    """Whether a server that offers *extensions* does not take *content* as it is."""
    if content.binary:
        return not extensions.binary
    return content.eight_bit and not extensions.eight_bit and not sends_eight_bit_anyway


def outcome_of(verdict: Verdict, peer_address: str, octets: int, *, reports_itself: bool = False) -> Outcome:
    """What the queue is told."""
    reply = verdict.reply
    if reply.positive:
        return Delivered(peer_address, reports_itself)
    return failure_of(verdict, peer_address, octets)


def failure_of(verdict: Verdict, peer_address: str, octets: int) -> Deferred | Bounced:
    """What the queue is told where nothing was delivered."""
    fate = Deferred if verdict.reply.code < 500 else Bounced
    return fate(str(verdict.reply)[:REASON_OCTETS_MAX], verdict.stage, peer_address, octets)
