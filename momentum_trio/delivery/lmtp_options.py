"""Options of delivery by LMTP; otherwise those of SMTP hold. A change acts from the next connection on."""

from __future__ import annotations

from momentum_trio.config.kind import PORT
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import OUTBOUND


class LmtpOptions(Options):
    """Where servers are found."""

    port = Option(
        "LMTP_Port",
        PORT,
        2003,
        OUTBOUND,
        "Port that LMTP delivers to, unless Gateway names one, or a socket.",
    )
