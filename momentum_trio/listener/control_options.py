"""Options of Control_Listener that its sessions act on (the socket's own are every listener's: accept)."""

from __future__ import annotations

from momentum_trio.config.back_end import back_end
from momentum_trio.config.kind import BOOLEAN, PATH, SECONDS, STRING, one_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes

_AUTHENTICATED = scopes(
    "control_listener", "esmtp_listener", "http_listener", "listen", "pathway", "pathway_group", "peer"
)
_CONSOLE = scopes("control_listener", "listen", "peer")
_TLS = scopes("control_listener", "listen")
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


class ControlTlsOptions(Options):
    """TLS on a console's TCP sockets; read for each connection, and from no wider scope than the listener's."""

    certificate = Option(
        "TLS_Certificate",
        PATH,
        "",
        _TLS,
        "A console's: PEM file of the certificate; where it is set TCP connections speak TLS from the first octet.",
    )
    key = Option("TLS_Key", PATH, "", _TLS, "A console's: PEM file of the key, unless TLS_Certificate holds it.")
    client_ca = Option(
        "TLS_Client_CA", PATH, "", _TLS, "A console's: PEM file of the issuers of clients' certificates."
    )
    verify_mode = Option(
        "TLS_Verify_Mode",
        one_of("none", "require"),
        "",
        _TLS,
        "A console's: with TLS_Client_CA, whether clients have to show a certificate (require).",
    )
    ciphers = Option(
        "TLS_Ciphers", STRING, "DEFAULT", _TLS, "A console's: OpenSSL's list of ciphers, for TLS 1.2 and before."
    )
    protocols = Option(
        "TLS_Protocols", STRING, "+ALL:-TLSv1.0:-TLSv1.1", _TLS, "A console's: protocols spoken, such as +TLSv1.3."
    )
