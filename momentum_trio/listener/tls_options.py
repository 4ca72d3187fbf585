"""Options of TLS with clients: a listener's, a Listen's, and whatever stands in them."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, PATH, STRINGS, one_of
from momentum_trio.config.option import Option
from momentum_trio.config.scope import GLOBAL, INBOUND_SMTP, scopes
from momentum_trio.config.tls_options import TLS_LISTENERS, TlsOptions


class ListenerTlsOptions(TlsOptions):
    """What a context for clients is made from."""

    named = Option(
        "TLS_SNI_Certificates",
        STRINGS,
        (),
        TLS_LISTENERS,
        "PEM files, each of a certificate and its key: shown instead of TLS_Certificate to clients that ask for one of"
        " the names in it.",
        ours=True,
    )
    client_ca = Option(
        "TLS_Client_CA",
        PATH,
        "",
        TLS_LISTENERS | GLOBAL,
        "PEM file of the issuers of clients' certificates; without it no client is asked for one.",
    )
    verify_mode = Option(
        "TLS_Verify_Mode",
        one_of("none", "require"),
        "",
        TLS_LISTENERS,
        "With TLS_Client_CA: no client is asked for a certificate (none), each has to show a good one (require), or"
        " may.",
    )
    use_ssl = Option(
        "Use_SSL",
        BOOLEAN,
        False,
        INBOUND_SMTP | scopes("ecstream_listener"),
        "TLS from the first octet (port 465). STARTTLS is not offered then.",
    )
