"""Which forms of address we take: literals, the null reverse-path, addresses without a domain."""

from __future__ import annotations

from momentum_trio.mail.path import domain_of, is_literal
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Refused
from momentum_trio.reception.transaction import Recipient, Transaction

MODULE = "address"
NULL_SENDER = Refused(replies.NULL_REVERSE_PATH, MODULE, "Allow_NULL_Envelope_Sender does not take the null one")
LITERAL = Refused(replies.IP_LITERAL, MODULE, "Allow_IP_Literal takes no address literal for a domain")
SENDER_UNQUALIFIED = Refused(
    Reply.of("550 5.1.7 envelope sender has no domain"),
    MODULE,
    "there is no domain, and no Domain_For_Unqualified_Sender_Address to put behind it",
)
RECIPIENT_UNQUALIFIED = Refused(
    Reply.of("550 5.1.3 recipient has no domain"),
    MODULE,
    "there is no domain, and no Domain_For_Unqualified_Recipient_Addresses to put behind it",
)


def completed(path: str, domain: str) -> str:
    """*path* with *domain* put behind it when it has none and is not the null reverse-path."""
    return f"{path}@{domain.lower()}" if domain and path and not domain_of(path) else path


def null_reverse_path(transaction: Transaction) -> Decision:
    """Allow_NULL_Envelope_Sender, at MAIL."""
    refused = transaction.is_null and not transaction.rules.options.allow_null_envelope_sender
    return NULL_SENDER if refused else ACCEPTED


def sender(transaction: Transaction) -> Decision:
    """Allow_IP_Literal, and a domain at all, at MAIL."""
    if transaction.is_null:
        return ACCEPTED
    domain = transaction.sender_domain
    if not domain:
        return SENDER_UNQUALIFIED
    return LITERAL if is_literal(domain) and not transaction.rules.options.allow_ip_literal else ACCEPTED


def recipient(transaction: Transaction, asked: Recipient) -> Decision:
    """Allow_IP_Literal, and a domain for all but postmaster (RFC 5321 section 4.5.1), at RCPT."""
    if not asked.domain:
        return ACCEPTED if asked.is_postmaster else RECIPIENT_UNQUALIFIED
    return LITERAL if is_literal(asked.domain) and not transaction.rules.options.allow_ip_literal else ACCEPTED
