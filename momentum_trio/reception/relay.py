"""Whether we take mail for a domain at all (spec/listeners.md section 2.4). Never an open relay unless told to be.

1. The recipient's domain stands in Relay_Domains or Bounce_Domains: yes, from anyone. A local delivery for a domain
   (a Maildir) does not say so: it is the list that says whose mail we take.
2. The client may relay: Relay_Hosts holds its address, or Open_Relay its scope; or, for this transaction, the
   reverse-path's domain stands in Relay_For_Sending_Domains. An empty list permits nothing: the original's reading, in
   which it opens the relay, is left out on purpose (docs/differences.md). The null reverse-path has no domain.
3. Otherwise 550. A bare ``postmaster`` is not relaying: it is this host's (RFC 5321 section 4.5.1), and goes to the
   domain of unqualified recipients, or to this host's name.
"""

from __future__ import annotations

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.decision import ACCEPTED, Decision, Refused
from momentum_trio.reception.transaction import Recipient, Transaction

DENIED = Refused(replies.RELAYING_DENIED, "relay", "no rule lets this client send to this domain")

RELAY_DOMAIN = "Relay_Domains holds the recipient's domain: anyone may send to it"
BOUNCE_DOMAIN = "Bounce_Domains holds the recipient's domain: anyone may send to it"
SENDING_DOMAIN = "Relay_For_Sending_Domains holds the domain of the reverse-path: it may be sent anywhere"
POSTMASTER = "postmaster without a domain is this host's own"


def relay(transaction: Transaction, recipient: Recipient) -> Decision:
    """May this client send to this domain?"""
    return ACCEPTED if permission(transaction, recipient) else DENIED


def permission(transaction: Transaction, recipient: Recipient) -> str:
    """The rule that lets this client send to this domain, in words; empty: none does."""
    rules = transaction.rules
    options = rules.options
    if recipient.domain in options.relay_domains:
        return RELAY_DOMAIN
    if recipient.domain in options.bounce_domains:
        return BOUNCE_DOMAIN
    if rules.client_may_relay:
        return rules.relay_right
    if transaction.is_of_relayed_sender:
        return SENDING_DOMAIN
    return POSTMASTER if recipient.is_postmaster else ""
