"""Options of Control_Listener that its sessions act on (the socket's own are every listener's: accept)."""

from __future__ import annotations

from momentum_trio.config.back_end import back_end
from momentum_trio.config.kind import BOOLEAN, SECONDS
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes

_AUTHENTICATED = scopes(
    "control_listener", "esmtp_listener", "http_listener", "listen", "pathway", "pathway_group", "peer"
)
_CONSOLE = scopes("control_listener", "listen", "peer")
_TRUTH_IF_SAID: Kind[bool | None] = Kind("boolean", BOOLEAN.parse, lambda truth: "true" if truth else "false")


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
        _TRUTH_IF_SAID,
        None,
        _AUTHENTICATED,
        "Whether peers must authenticate; where nothing says so, they must if an Auth*Parameters holds. Unix peers of "
        "a console always are, by their operating-system user.",
    )
    enable_authorization = Option(
        "Enable_Authorization",
        BOOLEAN,
        False,
        _CONSOLE,
        "Whether console commands are checked against roles; what no role allows is refused.",
    )
    always_allow = Option(
        "Always_Allow",
        BOOLEAN,
        False,
        _CONSOLE,
        "Authentication is not asked for: a console peer on loopback is the user anonymous. Others are still asked.",
    )
    always_deny = Option(
        "Always_Deny",
        BOOLEAN,
        False,
        _AUTHENTICATED,
        "Authentication fails, whatever was presented; wins over Always_Allow.",
    )
    login = Option(
        "AuthLoginParameters",
        back_end("file", "log_authentication"),
        None,
        _CONSOLE,
        "LOGIN: where user:password lines are. The password goes in clear: on loopback and in TLS alone.",
    )
    digest_md5 = Option(
        "AuthDigestMD5Parameters",
        back_end("digest", "realm", "stored_cleartext", "log_authentication"),
        None,
        _CONSOLE,
        "DIGEST-MD5: where user:realm:digest lines are, of ec_md5passwd. realm: Momentum Console by itself.",
    )
    cram_md5 = Option(
        "AuthCramMD5Parameters",
        back_end("file", "log_authentication"),
        None,
        _CONSOLE,
        "CRAM-MD5: where user:password lines are.",
    )
    authorization = Option(
        "AuthorizationParameters",
        back_end("groups"),
        None,
        _CONSOLE,
        "Where the roles of users are: group:user,user lines.",
    )
