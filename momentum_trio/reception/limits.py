"""How much one connection may bring (spec/listeners.md section 2.3: 452, and the session stays).

The size of a message is limited where its octets are read, in the protocol's own core, once.
"""

from __future__ import annotations

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Deferred
from momentum_trio.reception.reception_options import forward_paths_max
from momentum_trio.reception.transaction import Recipient, Transaction

MODULE = "limits"
RECEPTIONS = Deferred(
    replies.RECEPTIONS_PER_CONNECTION, MODULE, "this connection has brought Max_Receptions_Per_Connection messages"
)
RECIPIENTS_PER_MESSAGE = Deferred(
    replies.RECIPIENTS_PER_MESSAGE, MODULE, "this message has Max_Recipients_Per_Message recipients"
)
RECIPIENTS_PER_CONNECTION = Deferred(
    replies.RECIPIENTS_PER_CONNECTION, MODULE, "this connection has had Max_Recipients_Per_Connection recipients"
)


def receptions_per_connection(transaction: Transaction) -> Decision:
    """Max_Receptions_Per_Connection, at MAIL."""
    limit = transaction.rules.options.receptions_per_connection_max
    return RECEPTIONS if 0 < limit <= transaction.tally.receptions else ACCEPTED


def recipients_per_message(transaction: Transaction, recipient: Recipient) -> Decision:
    """Max_Recipients_Per_Message, and never more than FORWARD_PATHS_MAX, at RCPT."""
    limit = forward_paths_max(transaction.rules.options)
    return RECIPIENTS_PER_MESSAGE if limit <= len(transaction.forward_paths) else ACCEPTED


def recipients_per_connection(transaction: Transaction, recipient: Recipient) -> Decision:
    """Max_Recipients_Per_Connection, at RCPT."""
    limit = transaction.rules.options.recipients_per_connection_max
    return RECIPIENTS_PER_CONNECTION if 0 < limit <= transaction.tally.recipients else ACCEPTED
