"""Who asks over HTTP: what a request proves, by Basic, by Digest, by a certificate or by where it comes from.

What was right on a connection holds there for KNOWN_SECONDS: a client sends it with each request, and to look into the
file, or to try a hash, for each would cost more than the request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import trio

from momentum_trio.config.back_end import BackEnd
from momentum_trio.console.authentication import PAUSE_SECONDS, REALM
from momentum_trio.console.entry_file import reason, text_of
from momentum_trio.console.password_file import digests
from momentum_trio.limits.guesses import Guesses
from momentum_trio.listener.credentials import Busy
from momentum_trio.listener.http_terms import HttpTerms
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.mail.record import Authenticated, Level, Panic
from momentum_trio.protocol.http.authorization import (
    Basic,
    Digest,
    Unknown,
    basic_challenge,
    digest_challenge,
    parse,
)
from momentum_trio.protocol.http.nonces import Standing
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.in_clear import Claim
from momentum_trio.protocol.sasl.mechanism import DIGEST_MD5, same
from momentum_trio.reception.client import ANONYMOUS, Identity

KNOWN_SECONDS = 10.0
BASIC, CERTIFICATE, SYSTEM = "BASIC", "CERTIFICATE", "SYSTEM"
"""Mechanisms, beside DIGEST-MD5, of an Identity: SYSTEM is the operating system's word on a Unix peer."""


NOBODY = Identity("", "", is_proved=False)
"""Who asks where nobody has to say who he is."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was right. held: what judged it. said: the field of Basic; digest: the secret behind that of Digest."""

    user: str
    held: BackEnd
    until: float
    said: str = field(default="", repr=False)
    digest: str = field(default="", repr=False)


class _Wrong(NamedTuple):
    """What was said proves nothing. user: whom it names, if anybody."""

    user: str


class Proving:
    """The proofs of one connection. service: for guesses. user: of a Unix peer, by the operating system.

    is_near: the client is on this host, and nobody stands between.
    """

    def __init__(self, connection: Connection, services: Services, service: str, user: str) -> None:
        assert services.proofs is not None
        self._connection, self._proofs, self._user = connection, services.proofs, user
        self._guesses = Guesses(services.limits, service, connection.peer_address)
        self._known: _Known | None = None
        self.is_near = (connection.is_unix or connection.peer_address.is_loopback) and connection.proxied is None
        self._is_open = connection.listen.is_loopback and self.is_near

    async def who(self, request: Request, terms: HttpTerms) -> Identity | Response:
        """Who asks, or what he is told instead of an answer. Cancellation: a guess stays counted."""
        connection = self._connection
        if terms.always_deny:
            return refusal(403, "Forbidden", "Always_Deny holds for this peer.")
        if connection.is_unix and connection.proxied is None:
            return Identity(self._user, SYSTEM)
        tls = connection.tls
        if terms.certificate_authorizes and tls is not None and tls.is_verified and tls.subject_cn:
            return Identity(tls.subject_cn, CERTIFICATE)
        said = request.field("authorization")
        if said and (terms.digest is not None or terms.plain is not None):
            return await self._judged(said, request, terms)
        if terms.always_allow:
            return Identity(ANONYMOUS, "", is_proved=False)
        if not self._is_open or terms.demands:
            return self._demand(terms)
        return NOBODY

    def _demand(self, terms: HttpTerms, *, stale: bool = False) -> Response:
        """Ask who he is, by what may be asked here: a password does not go over a network in clear."""
        asked = []
        if terms.digest is not None:
            asked.append(digest_challenge(terms.digest.realm or REALM, self._proofs.nonce(), stale=stale))
        if terms.plain is not None and self._may_show:
            asked.append(basic_challenge(REALM if terms.digest is None else terms.digest.realm or REALM))
        if not asked:
            why = (
                "Who asks here has to prove who he is, and there is no way to: TLS, or an Auth*Parameters, is wanting."
            )
            return refusal(403, "Forbidden", why)
        fields = tuple(("www-authenticate", challenge) for challenge in asked)
        return refusal(401, "Unauthorized", "Say who you are.", fields=fields)

    @property
    def _may_show(self) -> bool:
        """Whether he may show a password: nobody else sees it."""
        return self._connection.tls is not None or self.is_near

    async def _judged(self, said: str, request: Request, terms: HttpTerms) -> Identity | Response:
        if (known := self._by_known(said, request, terms)) is not None:
            return known
        async with self._proofs.turn:
            outcome = await self._guessed(said, request, terms)
        return await self._refused(outcome.user, terms) if isinstance(outcome, _Wrong) else outcome

    async def _guessed(self, said: str, request: Request, terms: HttpTerms) -> Identity | Response | _Wrong:
        if seconds := self._guesses.begin():
            self._account("", accepted=False)
            retry = (("retry-after", str(math.ceil(seconds))),)
            return refusal(429, "Too many failures", "There were too many from your address.", fields=retry)
        try:
            match parse(said):
                case Basic() as basic if terms.plain is not None and self._may_show:
                    return await self._basic(said, basic, terms.plain)
                case Digest() as digest if terms.digest is not None:
                    return await self._digest(digest, request, terms, terms.digest)
                case Basic(user, _) | Digest(user):
                    return _Wrong(user)
                case Unknown():
                    return _Wrong("")
        except OSError as fault:
            return self._unavailable(fault)

    def _by_known(self, said: str, request: Request, terms: HttpTerms) -> Identity | Response | None:
        """Who it is by what was right before on this connection; None: that says nothing of it."""
        known = self._known
        if known is None or known.until <= trio.current_time():
            return None
        if known.said:
            is_it = known.held == terms.plain and same(said.encode("latin-1"), known.said.encode("latin-1"))
            return Identity(known.user, BASIC) if is_it else None
        digest = parse(said)
        if not isinstance(digest, Digest) or known.held != terms.digest or digest.user != known.user:
            return None
        return self._proved(digest, known.digest, request, terms)

    async def _basic(self, said: str, basic: Basic, held: BackEnd) -> Identity | _Wrong:
        claim = Claim(basic.user, basic.password)
        if not await self._proofs.credentials.hold(held, claim, held.realm or REALM):
            return _Wrong(basic.user)
        self._right(_Known(basic.user, held, trio.current_time() + KNOWN_SECONDS, said=said))
        return Identity(basic.user, BASIC)

    async def _digest(
        self, digest: Digest, request: Request, terms: HttpTerms, held: BackEnd
    ) -> Identity | Response | _Wrong:
        realm = held.realm or REALM
        secret = await self._secret(digest, held, realm)
        wanted = secret or digest_of(digest.user, realm, digest.nonce)
        answer = self._proved(digest, wanted, request, terms) if digest.realm == realm else None
        if answer is None or not secret:
            return _Wrong(digest.user)
        self._right(_Known(digest.user, held, trio.current_time() + KNOWN_SECONDS, digest=secret))
        return answer

    async def _secret(self, digest: Digest, held: BackEnd, realm: str) -> str:
        if held.query is not None:
            found = await self._proofs.credentials.secrets(DIGEST_MD5, held, digest.user, realm)
            return found.get(digest.user, "")
        text = await text_of(self._proofs.machine.disk, held)
        return digests(text, realm, stored_cleartext=held.stored_cleartext).get(digest.user, "")

    def _proved(self, digest: Digest, secret: str, request: Request, terms: HttpTerms) -> Identity | Response | None:
        """Who it is, if *digest* is a proof of *secret* for this *request*; a new challenge where its nonce is over."""
        wanted = digest.wanted(secret, request.method)
        if digest.uri != request.target or not same(digest.response.encode(), wanted.encode()):
            return None
        standing = self._proofs.nonces.use(digest.nonce, digest.count, trio.current_time())
        if standing is Standing.FRESH:
            return Identity(digest.user, DIGEST_MD5)
        return self._demand(terms, stale=True) if standing is Standing.STALE else None

    def _right(self, known: _Known) -> None:
        self._guesses.was_right()
        self._known = known
        if known.held.log_authentication:
            self._account(known.user, accepted=True)

    async def _refused(self, user: str, terms: HttpTerms) -> Response:
        """A failure costs the client a pause before he hears of it."""
        self._known = None
        self._account(user, accepted=False)
        await trio.sleep(PAUSE_SECONDS)
        return self._demand(terms)

    def _unavailable(self, fault: OSError) -> Response:
        self._guesses.was_right()
        if not isinstance(fault, Busy):
            text = f"HTTP: {reason(fault)}: nobody can prove who he is by it"
            machine = self._proofs.machine
            machine.events.publish(Panic(machine.clock.now(), Level.ERROR, text))
        return refusal(503, "Unavailable", "Nothing can be said about who you are: try again later.")

    def _account(self, user: str, *, accepted: bool) -> None:
        machine, connection = self._proofs.machine, self._connection
        now = machine.clock.now()
        machine.events.publish(Authenticated(now, str(connection.listen), connection.peer, user, accepted))
