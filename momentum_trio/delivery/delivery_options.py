"""Options of outbound scopes that the queue itself reads."""

from __future__ import annotations

from momentum_trio.config.host_kind import NEXT_HOP
from momentum_trio.config.kind import BOOLEAN, SECONDS, one_of
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import OUTBOUND

# MAILDIR and BLACKHOLE are ours: the original delivers locally with modules of its own.
METHOD_WORDS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM", "APN", "GCM", "MM7", "MAILDIR", "BLACKHOLE")
DELIVERY_METHOD = one_of(*METHOD_WORDS)

GATEWAY_METHODS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM")
"""Those that hand mail to another host, which ``Gateway`` can name."""


class DeliveryOptions(Options):
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
    suspended = Option("Suspend_Delivery", BOOLEAN, False, OUTBOUND, "Make no attempts; what is queued stays.")
    retry_interval = Option(
        "Retry_Interval", SECONDS, 1200.0, OUTBOUND, "Wait before the first retry; doubles each time."
    )
    retry_interval_max = Option("Max_Retry_Interval", SECONDS, 43200.0, OUTBOUND, "The longest wait between retries.")
    expiration = Option("Message_Expiration", SECONDS, 86400.0, OUTBOUND, "Age at which undelivered mail is given up.")
