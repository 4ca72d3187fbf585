"""Mail that has been through too many hosts (the mail_loop module)."""

from __future__ import annotations

from momentum_trio.mail.header import Scan
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Refused
from momentum_trio.reception.transaction import Transaction

RECEIVED_MAX = 20
LOOPING = Refused(replies.MAIL_LOOP, "mail_loop", f"there are more than {RECEIVED_MAX} Received fields")


def loop(transaction: Transaction, scan: Scan) -> Decision:
    """More than RECEIVED_MAX Received fields: refused (RFC 5321 section 6.3)."""
    return LOOPING if scan.received_count > RECEIVED_MAX else ACCEPTED
