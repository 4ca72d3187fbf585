"""The option of silence that SMTP and HTTP sessions share."""

from __future__ import annotations

from momentum_trio.config.kind import SECONDS
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import INBOUND_SMTP, scopes


class IdleOptions(Options):
    """How long a client may be silent."""

    idle_time = Option(
        "Idle_Time",
        SECONDS,
        300.0,
        INBOUND_SMTP | scopes("http_listener", "xmpp_listener"),
        "Silence tolerated before 421 and close; 0: any. Over HTTP, between two requests and within one.",
    )
