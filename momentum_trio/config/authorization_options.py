"""Options of what an authenticated user may do, at a console and over HTTP."""

from __future__ import annotations

from momentum_trio.config.back_end import back_end
from momentum_trio.config.kind import BOOLEAN
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes

_SCOPES = scopes("control_listener", "http_listener", "listen", "peer")


class AuthorizationOptions(Options):
    """Whether roles are asked, and who has which."""

    enable_authorization = Option(
        "Enable_Authorization",
        BOOLEAN,
        False,
        _SCOPES,
        "Whether console commands are checked against roles; what no role allows is refused. Over HTTP they are where "
        "somebody has proved who he is, unless this says no.",
    )
    authorization = Option(
        "AuthorizationParameters",
        back_end(("groups",)),
        None,
        _SCOPES,
        "Where the roles of users are: group:user,user lines.",
    )
