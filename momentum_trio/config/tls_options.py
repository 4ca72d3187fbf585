"""Options of TLS that mean the same where we are the server and where we are the client."""

from __future__ import annotations

from momentum_trio.config.kind import PATH, STRING
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import INBOUND_SMTP, OUTBOUND, scopes

TLS_LISTENERS = INBOUND_SMTP | scopes("control_listener", "ecstream_listener")
"""Listeners that speak TLS, and what stands in them."""
_BOTH = OUTBOUND | TLS_LISTENERS
NONE = "none"  # of a path: cancels what a wider scope says


class TlsOptions(Options):
    """What we show and speak. A change acts from the next connection on."""

    certificate = Option(
        "TLS_Certificate",
        PATH,
        "",
        _BOTH,
        "PEM file of the certificate shown: to clients in listeners and what stands in them, to servers elsewhere; that"
        " of the file level to both, but to no console. none: no certificate. Files that change are read anew.",
    )
    key = Option(
        "TLS_Key",
        PATH,
        "",
        _BOTH,
        "PEM file of its key, unless TLS_Certificate holds it. That of a wider scope than it does not count.",
    )
    ciphers = Option("TLS_Ciphers", STRING, "DEFAULT", _BOTH, "OpenSSL's list of ciphers, for TLS 1.2 and before.")
    protocols = Option(
        "TLS_Protocols", STRING, "+ALL", _BOTH, "Protocols spoken, such as +ALL:-TLSv1.2; ALL is TLS 1.2 and 1.3."
    )
