"""Options of Control_Listener that its sessions act on (the socket's own are every listener's: accept)."""

from __future__ import annotations

from momentum_trio.config.authentication_options import AuthenticationOptions
from momentum_trio.config.authorization_options import AuthorizationOptions
from momentum_trio.config.kind import SECONDS
from momentum_trio.config.option import Option
from momentum_trio.config.scope import scopes


class ControlOptions(AuthenticationOptions):
    """What a console session reads."""

    timeout = Option(
        "Timeout",
        SECONDS,
        60.0,
        scopes("control_listener"),
        "Silence after which a console connection is dropped; 0 is no limit.",
    )
    enable_authorization = AuthorizationOptions.enable_authorization
    authorization = AuthorizationOptions.authorization
