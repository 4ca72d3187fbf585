"""What content has to look like to be taken (RFC2822_* options; spec/listeners.md section 2.5)."""

from __future__ import annotations

from momentum_trio.mail.header import Scan
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Refused
from momentum_trio.reception.transaction import Transaction

MODULE = "rfc2822"
NO_HEADERS = Refused(replies.HEADERS_MISSING, MODULE, "content begins with no header field")
INVALID_HEADER = Refused(replies.HEADER_INVALID, MODULE, "a line of the header section is no field")
NO_DATE = Refused(replies.DATE_MISSING, MODULE, "RFC2822_Date_Header = pedantic wants a Date field")
HEADER_TOO_LONG = Refused(Reply.of("552 5.3.4 message header size limit exceeded"), MODULE)


def headers(transaction: Transaction, scan: Scan) -> Decision:
    """RFC2822_Missing_Headers: content must begin with a header section, and its lines be fields."""
    if transaction.rules.options.missing_headers == "allow":
        return ACCEPTED
    if not scan.begins_with_field:
        return NO_HEADERS
    return ACCEPTED if scan.well_formed else INVALID_HEADER


def date(transaction: Transaction, scan: Scan) -> Decision:
    """RFC2822_Date_Header = pedantic: a Date field is required."""
    return NO_DATE if transaction.rules.options.date_header == "pedantic" and not scan.has_date else ACCEPTED
