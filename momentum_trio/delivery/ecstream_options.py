"""Options of delivery by ECStream; otherwise those of SMTP hold. A change acts from the next connection on."""

from __future__ import annotations

from momentum_trio.config.kind import PORT, SECONDS
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import OUTBOUND


class EcstreamDeliveryOptions(Options):
    """Where servers are found, and how long one may take until it lets us in."""

    port = Option(
        "ECStream_Port", PORT, 1825, OUTBOUND, "Port that ECStream delivers to, unless Gateway names one, or a socket."
    )
    timeout = Option(
        "ECStream_Timeout",
        SECONDS,
        600.0,
        OUTBOUND,
        "Wait for a connection, and as long again for the server's welcome over it. For results Body_Timeout holds.",
    )
