"""What the options of an HTTP_Listener say to its sessions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.chain import Chain
from momentum_trio.console.authority import Terms
from momentum_trio.listener.esmtp_security import usable
from momentum_trio.listener.http_options import HttpOptions
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.listener.tls_terms import tls_terms
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.sasl.mechanism import DIGEST_MD5, PLAIN

LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class HttpTerms:
    """What one client of a Listen depends on.

    idle_seconds: silence tolerated, infinite where the option is 0. request_octets_max: None where it is 0. at_once:
    TLS from the first octet on; tls: what it is made of, None where there is nothing. digest, plain: what Digest and
    Basic are judged by. demands: whether it is said that he has to prove who he is; None: nothing says so. hosts:
    further names of this host, lower case. authorization: of console lines; says_authorization: whether anything does.
    The others: the options of these names.
    """

    idle_seconds: float
    request_octets_max: int | None
    log_to_paniclog: bool
    chunks: bool
    at_once: bool
    tls: TlsTerms | None
    digest: BackEnd | None
    plain: BackEnd | None
    demands: bool | None
    always_allow: bool
    always_deny: bool
    certificate_authorizes: bool
    hosts: frozenset[str]
    authorization: Terms
    says_authorization: bool

    @classmethod
    def of(cls, chain: Chain) -> HttpTerms:
        """Those along *chain*, made once for it."""
        known: HttpTerms | None = chain.resolved.get(cls)
        if known is None:
            known = chain.resolved[cls] = _terms(chain, HttpOptions.resolve(chain))
        return known


def _terms(chain: Chain, options: HttpOptions) -> HttpTerms:
    at_once = ListenerTlsOptions.resolve(chain).use_ssl
    authorization = HttpOptions.enable_authorization
    return HttpTerms(
        idle_seconds=options.idle_time or math.inf,
        request_octets_max=options.request_octets_max or None,
        log_to_paniclog=options.log_to_paniclog,
        chunks=not options.disable_chunked,
        at_once=at_once,
        tls=tls_terms(chain) if at_once else None,
        digest=_judged(chain, DIGEST_MD5, options.digest_md5),
        plain=_judged(chain, PLAIN, options.plain),
        demands=_demands(options),
        always_allow=options.always_allow,
        always_deny=options.always_deny,
        certificate_authorizes=options.certificate_authorizes,
        hosts=frozenset(name.rstrip(".").lower() for name in options.hosts),
        authorization=Terms(enable_authorization=options.enable_authorization, groups=options.authorization),
        says_authorization=chain.find(authorization.key, authorization.scopes) is not None,
    )


def _demands(options: HttpOptions) -> bool | None:
    """By itself whatever could prove who somebody is has him do it."""
    if options.enable_authentication is not None:
        return options.enable_authentication
    return True if options.digest_md5 or options.plain or options.certificate_authorizes else None


def _judged(chain: Chain, mechanism: str, held: BackEnd | None) -> BackEnd | None:
    judged = None if held is None else usable(chain, mechanism, held)
    return judged if isinstance(judged, BackEnd) else None


def unoffered(chain: Chain, *, is_near: bool) -> Iterator[str]:
    """Why clients of a Listen along *chain* are offered less than it says, a sentence each. is_near: it is on loopback,
    or a Unix socket."""
    options, terms = HttpOptions.resolve(chain), HttpTerms.of(chain)
    for mechanism, name, held in ((DIGEST_MD5, "Digest", options.digest_md5), (PLAIN, "Basic", options.plain)):
        judged = held if held is None else usable(chain, mechanism, held)
        if isinstance(judged, str):
            yield f"{name} is not offered: {judged}"
    proves = terms.digest or (terms.plain and terms.at_once) or terms.certificate_authorizes or terms.always_allow
    if not (proves or is_near):
        yield "nobody on another host can prove who he is here: what is answered is /healthz"
