"""What protects an SMTP session: the TLS it can begin or has, and the mechanisms by which its client proves himself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from momentum_trio.config.authentication_options import SmtpAuthenticationOptions
from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.chain import Chain
from momentum_trio.config.secret_query import query_of
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.listener.tls_terms import tls_terms
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5, IN_CLEAR, LOGIN, PLAIN
from momentum_trio.reception.client import Client, Identity

STARTTLS = "STARTTLS"
AUTH = "AUTH "


@dataclass(frozen=True, slots=True)
class Security:
    """What one client is offered.

    tls: what TLS would be, or is; None: there is none here. at_once: from the first octet. in_tls: it has begun.
    starttls: it is offered. back_ends: of the mechanisms that SMTP_Extensions lists, in its order. is_unseen: nobody
    else listens to the client.
    """

    tls: TlsTerms | None = None
    at_once: bool = False
    in_tls: bool = False
    back_ends: Mapping[str, BackEnd] = field(default_factory=dict)
    is_unseen: bool = False
    starttls: bool = False

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Those offered now: a password does not go over a network in clear."""
        return tuple(name for name in self.back_ends if self.is_unseen or name not in IN_CLEAR)

    @property
    def mechanisms_in_tls(self) -> frozenset[str]:
        """Those offered once there is TLS, and not yet."""
        return frozenset(self.back_ends).difference(self.mechanisms) if self.starttls else frozenset()

    @property
    def extensions(self) -> tuple[str, ...]:
        """Their EHLO lines; ``AUTH=`` is for clients from before RFC 2554."""
        words = " ".join(self.mechanisms)
        offered = (f"AUTH={words}", f"AUTH {words}") if words else ()
        return (*offered, STARTTLS) if self.starttls else offered


NOTHING = Security()


@dataclass(frozen=True, slots=True)
class _Offer:
    """What is the same for all clients of one chain; kept with it, since most sessions ask more than once.

    tls: None also where nothing begins it.
    """

    tls: TlsTerms | None
    at_once: bool
    back_ends: Mapping[str, BackEnd]
    in_clear: bool

    @classmethod
    def of(cls, chain: Chain, options: SessionOptions) -> _Offer:
        known: _Offer | None = chain.resolved.get(cls)
        if known is None:
            listed = [word.upper() for word in options.smtp_extensions]
            at_once, back_ends = ListenerTlsOptions.resolve(chain).use_ssl, _back_ends(chain, listed)
            tls = tls_terms(chain) if at_once or STARTTLS in listed else None
            in_clear = bool(back_ends) and SmtpAuthenticationOptions.resolve(chain).in_clear
            known = chain.resolved[cls] = cls(tls, at_once, back_ends, in_clear)
        return known


def security_of(chain: Chain, options: SessionOptions, client: Client) -> Security:
    """What *client* is offered along *chain*, whose *options* are, as far as he has come."""
    offer, in_tls = _Offer.of(chain, options), client.tls is not None
    if not (in_tls or offer.at_once or offer.tls or offer.back_ends):
        return NOTHING
    return Security(
        tls=offer.tls or (tls_terms(chain) if in_tls else None),
        at_once=offer.at_once,
        in_tls=in_tls,
        back_ends=offer.back_ends,
        is_unseen=in_tls or offer.in_clear or is_near(client),
        starttls=offer.tls is not None and not offer.at_once and not in_tls,
    )


def mechanisms_of(chain: Chain) -> Mapping[str, BackEnd]:
    """Every mechanism whose parameters hold along *chain* and can be used, with what it is judged by."""
    return _back_ends(chain, [f"{AUTH}{name}" for name in _parameters(chain)])


def is_proved_still(
    proved_by: tuple[str, BackEnd] | None, identity: Identity | None, security: Security, chain: Chain
) -> bool:
    """Whether a client whom *security* and *chain* hold for would still be taken for *identity*.

    proved_by: the mechanism, and what that was judged by; None: he has proved nothing.
    """
    if proved_by is None:
        return True
    mechanism, held = proved_by
    options = SmtpAuthenticationOptions.resolve(chain)
    is_lost = options.always_deny or (identity is not None and not identity.is_proved and not options.always_allow)
    return security.back_ends.get(mechanism) == held and not is_lost


def is_near(client: Client) -> bool:
    """Whether *client* is on this host, and nobody speaks for him."""
    return (client.is_unix or client.peer_address.is_loopback) and not client.is_proxied


def unoffered(chain: Chain, options: SessionOptions) -> Iterator[str]:
    """What SMTP_Extensions lists along *chain* and nobody is offered, a sentence with its reason each."""
    listed = [word.upper() for word in options.smtp_extensions]
    if STARTTLS in listed and not ListenerTlsOptions.resolve(chain).use_ssl and tls_terms(chain) is None:
        yield f"{STARTTLS} is not offered: there is no TLS_Certificate"
    held = _parameters(chain)
    for name in _mechanisms(listed):
        if name not in held:
            yield f"{AUTH}{name} is not offered: there is no such mechanism"
            continue
        back_end = held[name]
        judged = "its parameters are not set" if back_end is None else usable(chain, name, back_end)
        if isinstance(judged, str):
            yield f"{AUTH}{name} is not offered: {judged}"


def _back_ends(chain: Chain, listed: Iterable[str]) -> Mapping[str, BackEnd]:
    held = _parameters(chain)
    wanted = ((name, held.get(name)) for name in _mechanisms(listed))
    judged = {name: usable(chain, name, back_end) for name, back_end in wanted if back_end is not None}
    return {name: usable for name, usable in judged.items() if isinstance(usable, BackEnd)}


def usable(chain: Chain, mechanism: str, back_end: BackEnd) -> BackEnd | str:
    """*back_end*, with its query where its scheme is of auth_ds; or why *mechanism* has nothing of it."""
    if back_end.is_file:
        return back_end
    query = query_of(chain, back_end.scheme)
    if isinstance(query, str):
        return query
    if not query.serves(mechanism):
        return f"it cannot do with what the query of {back_end.uri} has"
    return replace(back_end, query=query)


def _mechanisms(listed: Iterable[str]) -> list[str]:
    return [word.removeprefix(AUTH).strip() for word in listed if word.startswith(AUTH)]


def _parameters(chain: Chain) -> Mapping[str, BackEnd | None]:
    options = SmtpAuthenticationOptions.resolve(chain)
    return {
        CRAM_MD5: options.cram_md5,
        DIGEST_MD5: options.digest_md5,
        LOGIN: options.login,
        PLAIN: options.plain,
    }
