"""Domains whose mail is dropped (Blackhole): ``inline`` is answered at once, ``internal`` is delivery's to fail."""

from __future__ import annotations

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Refused
from momentum_trio.reception.transaction import Recipient, Transaction

BLACKHOLED = Refused(replies.BLACKHOLED, "blackhole", "Blackhole drops mail of the recipient's domain at RCPT TO")
INLINE = frozenset(("true", "inline"))


def blackhole(transaction: Transaction, recipient: Recipient) -> Decision:
    """Is the recipient's domain one whose mail is refused at RCPT TO?"""
    word = transaction.rules.blackhole
    return BLACKHOLED if word is not None and word(recipient.domain) in INLINE else ACCEPTED
