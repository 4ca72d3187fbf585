"""Whether the client has to prove who he is before he sends mail (spec/listeners.md section 2.4)."""

from __future__ import annotations

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Refused
from momentum_trio.reception.transaction import Transaction

REQUIRED = Refused(replies.AUTH_REQUIRED, "auth", "Enable_Authentication wants the client to prove who he is first")


def authenticated(transaction: Transaction) -> Decision:
    """Has this client proved who he is, where that is asked for?"""
    rules, client = transaction.rules, transaction.client
    options = rules.options
    if not options.enable_authentication or client.identity is not None or rules.client_may_relay:
        return ACCEPTED
    return ACCEPTED if options.always_allow and not options.always_deny else REQUIRED
