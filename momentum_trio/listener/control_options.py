"""Options of Control_Listener that its sessions act on (the socket's own are every listener's: accept)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, SECONDS
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes

_AUTHENTICATED = scopes(
    "control_listener", "esmtp_listener", "http_listener", "listen", "pathway", "pathway_group", "peer"
)
_AUTHORIZED = scopes("control_listener", "listen", "peer")


class ControlOptions(Options):
    """What a console session reads."""

    timeout = Option(
        "Timeout",
        SECONDS,
        60.0,
        scopes("control_listener"),
        "Silence after which a console connection is dropped; 0 is no limit.",
    )
    enable_authentication = Option(
        "Enable_Authentication",
        BOOLEAN,
        False,
        _AUTHENTICATED,
        "Whether peers must authenticate; Unix peers of a console always are, by their operating-system user.",
    )
    enable_authorization = Option(
        "Enable_Authorization",
        BOOLEAN,
        False,
        _AUTHORIZED,
        "Whether console commands are checked against roles; what no role allows is refused.",
    )
    always_deny = Option(
        "Always_Deny",
        BOOLEAN,
        False,
        _AUTHENTICATED,
        "Authentication fails, whatever was presented; wins over Always_Allow.",
    )
