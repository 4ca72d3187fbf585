"""Mail that has been through too many hosts (the mail_loop module)."""

from __future__ import annotations

from momentum_trio.config.reply_code import ACCEPTS
from momentum_trio.mail.header import Scan
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Deferred, Refused
from momentum_trio.reception.transaction import Transaction

MODULE = "mail_loop"
WHY = "there are more than max_received_headers Received fields"


def loop(transaction: Transaction, scan: Scan) -> Decision:
    """More than max_received_headers Received fields (mail_loop): refused (RFC 5321 section 6.3)."""
    options = transaction.rules.mail_loop
    if scan.received_count <= options.received_max:
        return ACCEPTED
    if options.code == ACCEPTS:
        transaction.client.received_count = scan.received_count
        return ACCEPTED
    reply = Reply(options.code, f"{options.code // 100}.4.6", replies.MAIL_LOOP.lines)
    return Deferred(reply, MODULE, WHY) if options.code < 500 else Refused(reply, MODULE, WHY)
