"""The options of HTTP sessions (spec/listeners.md section 4)."""

from __future__ import annotations

from momentum_trio.config.authentication_options import AuthenticationOptions, SmtpAuthenticationOptions
from momentum_trio.config.authorization_options import AuthorizationOptions
from momentum_trio.config.idle_options import IdleOptions
from momentum_trio.config.kind import BOOLEAN, OCTETS, STRINGS
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import PATHWAYS, scopes

_HTTP = scopes("http_listener", "listen", "peer")
_HTTP_AND_PATHWAYS = _HTTP | PATHWAYS


class HttpOptions(Options):
    """What one HTTP session depends on, resolved along the chain of its listener, Listen and peer."""

    idle_time = IdleOptions.idle_time
    request_octets_max = Option(
        "Max_Request_Size",
        OCTETS,
        0,
        _HTTP_AND_PATHWAYS,
        "Largest body of a request in octets; larger ones are answered 413. 0: any, within what its path takes.",
    )
    log_to_paniclog = Option(
        "Log_Requests_To_Paniclog",
        BOOLEAN,
        False,
        _HTTP_AND_PATHWAYS,
        "Write a line for each request to the paniclog too, whatever its level.",
    )
    disable_chunked = Option(
        "Disable_Chunked",
        BOOLEAN,
        False,
        _HTTP_AND_PATHWAYS,
        "Answers whose length nobody knows beforehand end with the connection, instead of being chunked.",
    )
    certificate_authorizes = Option(
        "TLS_Verified_Peer_Is_Authorized",
        BOOLEAN,
        False,
        _HTTP | scopes("pathway"),
        "Whoever shows a certificate of an issuer in TLS_Client_CA need prove nothing else; the common name in it is"
        " his user's.",
    )
    hosts = Option(
        "HTTP_Hosts",
        STRINGS,
        (),
        _HTTP,
        "Names under which this is asked for, beside Hostname, localhost and addresses: a request with another Host is"
        " answered 421.",
        ours=True,
    )
    enable_authentication = AuthenticationOptions.enable_authentication
    always_allow = AuthenticationOptions.always_allow
    always_deny = AuthenticationOptions.always_deny
    digest_md5 = AuthenticationOptions.digest_md5
    plain = SmtpAuthenticationOptions.plain
    enable_authorization = AuthorizationOptions.enable_authorization
    authorization = AuthorizationOptions.authorization
