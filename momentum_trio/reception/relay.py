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

DENIED = Refused(replies.RELAYING_DENIED, "relay")


def relay(transaction: Transaction, recipient: Recipient) -> Decision:
    """May this client send to this domain?"""
    rules = transaction.rules
    options = rules.options
    permitted = (
        recipient.domain in options.relay_domains
        or recipient.domain in options.bounce_domains
        or rules.client_may_relay
        or transaction.sender_domain in options.relay_for_sending_domains
        or recipient.is_postmaster
    )
    return ACCEPTED if permitted else DENIED
