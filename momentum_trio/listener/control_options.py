"""Options of Control_Listener that its sessions act on (the socket's own are every listener's: accept)."""

from __future__ import annotations

from momentum_trio.config.authentication_options import AuthenticationOptions
from momentum_trio.config.back_end import back_end
from momentum_trio.config.kind import BOOLEAN, SECONDS
from momentum_trio.config.option import Option
from momentum_trio.config.scope import scopes

_CONSOLE = scopes("control_listener", "http_listener", "listen", "peer")


class ControlOptions(AuthenticationOptions):
    """What a console session reads."""

    timeout = Option(
        "Timeout",
        SECONDS,
        60.0,
        scopes("control_listener"),
        "Silence after which a console connection is dropped; 0 is no limit.",
    )
    enable_authorization = Option(
        "Enable_Authorization",
        BOOLEAN,
        False,
        _CONSOLE,
        "Whether console commands are checked against roles; what no role allows is refused. Over HTTP they are where "
        "somebody has to prove who he is, unless this says no.",
    )
    authorization = Option(
        "AuthorizationParameters",
        back_end(("groups",)),
        None,
        _CONSOLE,
        "Where the roles of users are: group:user,user lines.",
    )
