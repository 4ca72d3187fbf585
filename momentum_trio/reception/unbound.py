"""Mail that no binding claims (``Default_Binding = none``)."""

from __future__ import annotations

from momentum_trio.config.binding import MEANS_DEFAULT
from momentum_trio.mail.reply import Reply
from momentum_trio.reception.decision import ACCEPTED, Decision, Deferred
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.transaction import Transaction

UNBOUND = Deferred(
    Reply.of("451 4.3.5 no binding for this message"),
    "binding",
    "Default_Binding = none, and Outbound_Binding names no other for this client",
)


def bound(transaction: Transaction) -> Decision:
    """At MAIL: a binding must have been chosen, if the default one is not to be used, or policy is to choose it."""
    rules = transaction.rules
    if rules.rows and PolicyPhase.SET_BINDING in rules.rows:
        return ACCEPTED
    return UNBOUND if rules.options.outbound_binding in MEANS_DEFAULT and not rules.has_default_binding else ACCEPTED
