"""Options of outbound scopes that the queue itself reads."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, SECONDS, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.value import Value

# MAILDIR and BLACKHOLE are ours: the original delivers locally with modules of its own.
METHOD_WORDS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM", "APN", "GCM", "MM7", "MAILDIR", "BLACKHOLE")
DELIVERY_METHOD = one_of(*METHOD_WORDS)

_BLACKHOLE_WORDS = {
    "0": "false",
    "off": "false",
    "disabled": "false",
    "1": "true",
    "on": "true",
    "enabled": "true",
    "false": "false",
    "true": "true",
    "inline": "inline",
    "internal": "internal",
}


def _blackhole(value: Value) -> str:
    word = word_of(value, expected := "false, true, inline or internal").lower()
    if word not in _BLACKHOLE_WORDS:
        raise ValueError(f"expected {expected}")
    return _BLACKHOLE_WORDS[word]


BLACKHOLE = Kind("enum(false|true|inline|internal)", _blackhole, quoted)


class DeliveryOptions(Options):
    """How, whether and how long mail of a scope is tried."""

    method = Option("Delivery_Method", DELIVERY_METHOD, "ESMTP", OUTBOUND, "How mail of the scope is delivered.")
    suspended = Option("Suspend_Delivery", BOOLEAN, False, OUTBOUND, "Make no attempts; what is queued stays.")
    retry_interval = Option(
        "Retry_Interval", SECONDS, 1200.0, OUTBOUND, "Wait before the first retry; doubles each time."
    )
    retry_interval_max = Option("Max_Retry_Interval", SECONDS, 43200.0, OUTBOUND, "The longest wait between retries.")
    expiration = Option("Message_Expiration", SECONDS, 86400.0, OUTBOUND, "Age at which undelivered mail is given up.")
    blackhole = Option("Blackhole", BLACKHOLE, "false", OUTBOUND, "Fail all mail of the scope.")
