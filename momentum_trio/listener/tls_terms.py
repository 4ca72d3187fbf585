"""From options to the terms of a listener's TLS."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.config.option import Option
from momentum_trio.config.scope import scopes
from momentum_trio.config.tls_options import NONE
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.net.tls_terms import TlsTerms

OF_CONSOLE = scopes("control_listener", "listen")
"""Where the files of a console's TLS are named: those of the file level are mail's."""


def tls_terms(chain: Chain, within: frozenset[str] = ListenerTlsOptions.client_ca.scopes) -> TlsTerms | None:
    """What a context for a client along *chain* is made from; None where there is no TLS.

    within: the scopes whose files count. A key of a wider scope than the certificate's belongs to another certificate.
    """
    options = ListenerTlsOptions.resolve(chain)
    certificate = _file(chain, ListenerTlsOptions.certificate, within)
    if not certificate:
        return None
    return TlsTerms(
        certificate,
        _key(chain, within),
        _file(chain, ListenerTlsOptions.client_ca, within),
        options.ciphers,
        options.protocols,
        options.verify_mode,
        options.named,
    )


def _file(chain: Chain, option: Option[str], within: frozenset[str]) -> str:
    found = chain.find(option.key, option.scopes & within)
    path = "" if found is None else option.kind.parse(found.value)
    return "" if path.lower() == NONE else path


def _key(chain: Chain, within: frozenset[str]) -> str:
    option, certificate = ListenerTlsOptions.key, ListenerTlsOptions.certificate
    for scope in chain.scopes:
        if scope.kind in within and option.key in scope.settings:
            return _file(chain, option, within)
        if scope.kind in within and certificate.key in scope.settings:
            return ""
    return ""
