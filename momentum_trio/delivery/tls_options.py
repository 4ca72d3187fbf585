"""Options of TLS in outbound conversations. A change acts from the next connection on."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, PATH, one_of
from momentum_trio.config.option import Option
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.tls_options import TlsOptions

NO, IF_AVAILABLE, REQUIRED = "no", "ifavailable", "required"
CA, HOST, OPTIONAL = "ca", "host", "optional"


class OutboundTlsOptions(TlsOptions):
    """Whether a server is spoken to over TLS, and what it has to prove."""

    tls = Option(
        "TLS",
        one_of(NO, IF_AVAILABLE, REQUIRED),
        NO,
        OUTBOUND,
        "TLS with the servers mail goes to: never, where they offer it, or else no delivery.",
    )
    verify = Option(
        "TLS_Verify",
        one_of(NO, CA, HOST, OPTIONAL),
        NO,
        OUTBOUND,
        "What a server's certificate has to be: anything (no), of an issuer in TLS_CA (ca), that and in the name of the"
        " domain or its host (host). optional delivers whatever it is.",
    )
    authorities = Option(
        "TLS_CA", PATH, "", OUTBOUND, "PEM file of the issuers that are trusted; without it the system's."
    )
    fallback = Option(
        "TLS_Ifavailable_Fallback",
        BOOLEAN,
        True,
        OUTBOUND,
        "With TLS = ifavailable: deliver in plain text where TLS fails, or try again later.",
    )
    mta_sts = Option(
        "MTA_STS",
        BOOLEAN,
        True,
        OUTBOUND,
        "Heed the MTA-STS policies of domains (RFC 8461). Acts unless TLS = no.",
        ours=True,
    )
    dane = Option(
        "DANE",
        BOOLEAN,
        True,
        OUTBOUND,
        "Heed TLSA records of servers (RFC 7672), where a nameserver we trust says that DNSSEC proved them. Acts unless"
        " TLS = no.",
        ours=True,
    )
    password_unverified = Option(
        "Outbound_SMTP_AUTH_Unverified",
        BOOLEAN,
        False,
        OUTBOUND,
        "Authenticate also where TLS_Verify asks the server for nothing, so that somebody on the way could be it. "
        "Otherwise a server that is told a password has to be what TLS_Verify = host says.",
        ours=True,
    )
