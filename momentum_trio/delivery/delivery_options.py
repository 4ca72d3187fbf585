"""Options of outbound scopes that the queue itself reads."""

from __future__ import annotations

from momentum_trio.config.kind import SECONDS, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.suspension_options import SuspensionOptions
from momentum_trio.config.value import Value
from momentum_trio.net.next_hop import NextHop

# MAILDIR and BLACKHOLE are ours: the original delivers locally with modules of its own.
METHOD_WORDS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM", "APN", "GCM", "MM7", "MAILDIR", "BLACKHOLE")
DELIVERY_METHOD = one_of(*METHOD_WORDS)

GATEWAY_METHODS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM")
"""Those that hand mail to another host, which ``Gateway`` can name."""


def _next_hop(value: Value) -> NextHop | None:
    text = word_of(value, "a host, an address or [IPv6]")
    return NextHop.parse(text) if text else None


NEXT_HOP: Kind[NextHop | None] = Kind("string", _next_hop, lambda hop: quoted("" if hop is None else str(hop)))


class DeliveryOptions(SuspensionOptions):
    """How, whether and how long mail of a scope is tried."""

    method = Option("Delivery_Method", DELIVERY_METHOD, "ESMTP", OUTBOUND, "How mail of the scope is delivered.")
    gateway = Option(
        "Gateway",
        NEXT_HOP,
        None,
        OUTBOUND,
        "The host that mail of the scope goes to, with :PORT behind it if need be. It becomes the routing domain: the"
        " options of the conversation with it are those of its own Domain.",
    )
    retry_interval = Option(
        "Retry_Interval", SECONDS, 1200.0, OUTBOUND, "Wait before the first retry; doubles each time."
    )
    retry_interval_max = Option("Max_Retry_Interval", SECONDS, 43200.0, OUTBOUND, "The longest wait between retries.")
    expiration = Option("Message_Expiration", SECONDS, 86400.0, OUTBOUND, "Age at which undelivered mail is given up.")
