"""TLS with the servers that mail goes to: what is asked of a connection, and the handshake that has to give it.

What a server has to prove is decided host by host: by TLSA records where DNSSEC proved any (RFC 7672), else by the
domain's MTA-STS policy where it enforces one (RFC 8461), else by TLS_Verify. One that is told a password proves
at least its name (RFC 4954 section 14).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.tls_options import NONE
from momentum_trio.delivery import dane
from momentum_trio.delivery.dane import Tlsa
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.tls_contexts import ClientContexts
from momentum_trio.delivery.tls_options import CA, HOST, NO, REQUIRED, OutboundTlsOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import HandshakeFault, peer_chain
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.stage import Stage
from momentum_trio.net.certificate_name import is_named

HANDSHAKE_SECONDS_MAX = 300.0
_SERVER_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")

FAILED = "451 4.7.5 [internal] TLS negotiation failed"
TIMED_OUT = f"{FAILED} (timed out)"
WRONG_ISSUER = "451 4.7.5 [internal] SSL cert must be signed by a valid CA"
WRONG_NAME = "451 4.7.5 [internal] SSL cert common name does not match host"


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """Why there is no TLS, or none that would do.

    reason: as of a Deferred. stage: where the conversation stood. plain_allowed: whether the mail may go in plain text
    instead, over a new connection.
    """

    reason: str
    stage: Stage = Stage.HANDSHAKING_TLS
    plain_allowed: bool = False


class Proof(Enum):
    """What a server has to show."""

    NOTHING = "nothing"
    ISSUER = "a certificate of an issuer we trust"
    NAME = "that, in the name of the domain or the host"
    POLICY = "that, in the name of the host"
    TLSA = "a certificate that a TLSA record speaks of"


@dataclass(frozen=True, slots=True)
class TlsDemand:
    """What options, MTA-STS and DANE ask of a connection to the hosts of one domain.

    contexts: where contexts are kept; None: each is made anew. enforced: the domain's MTA-STS policy is to be enforced.
    tlsa: the usable TLSA records of hosts that have any; an empty tuple where there are none but unusable ones.
    tells_password: to the server, which has to prove its name for it, whatever else it need not.
    """

    options: OutboundTlsOptions
    domain: str
    contexts: ClientContexts | None = field(default=None, repr=False, compare=False)
    enforced: bool = False
    tlsa: Mapping[str, tuple[Tlsa, ...]] = field(default_factory=dict)
    tells_password: bool = False

    def wanted(self, place: Place) -> bool:
        """Whether TLS is to be begun at *place* where the server offers it."""
        return self.options.tls != NO

    def required(self, place: Place) -> bool:
        """Whether mail must not go to *place* without TLS."""
        return self.options.tls == REQUIRED or place.host in self.tlsa or self.enforced

    def proof(self, place: Place) -> Proof:
        """What the server at *place* has to show."""
        asked = self._asked(place)
        is_named = self.tells_password and not self.options.password_unverified
        return Proof.NAME if asked is Proof.NOTHING and is_named else asked

    def _asked(self, place: Place) -> Proof:
        if place.host in self.tlsa:
            return Proof.TLSA if self.tlsa[place.host] else Proof.NOTHING
        if self.enforced:
            return Proof.POLICY
        return {CA: Proof.ISSUER, HOST: Proof.NAME}.get(self.options.verify, Proof.NOTHING)

    def terms(self, place: Place) -> ClientTlsTerms:
        """What the context for *place* is made from. A policy is for the system's authorities, not for TLS_CA."""
        options, proof = self.options, self.proof(place)
        certificate = "" if options.certificate.lower() == NONE else options.certificate
        return ClientTlsTerms(
            verify=proof in (Proof.ISSUER, Proof.NAME, Proof.POLICY),
            authorities="" if proof is Proof.POLICY or options.authorities.lower() == NONE else options.authorities,
            certificate=certificate,
            key="" if options.key.lower() == NONE else options.key,
            ciphers=options.ciphers,
            protocols=options.protocols,
        )


async def secure(
    machine: Machine, socket: trio.socket.SocketType, place: Place, demand: TlsDemand, chain: Chain
) -> TlsWire | TlsFailure:
    """Begin TLS on *socket*, as its client: after 220 to STARTTLS, or at once. The socket stays the caller's to close.

    The handshake may take as long as EHLO_Timeout says.
    Raises: nothing for what the server does, nor for files that do not serve.
    Cancellation: the connection is good for nothing but to be closed.
    """
    plain_allowed = demand.options.fallback and not demand.required(place)
    try:
        context = await (demand.contexts or ClientContexts(machine)).context(demand.terms(place))
    except (OSError, ValueError) as fault:
        return TlsFailure(f"{FAILED} (our own terms: {fault})", Stage.AFTER_STARTTLS, plain_allowed)
    name = place.host if _SERVER_NAME.fullmatch(place.host) and ":" not in place.host else None
    wire = TlsWire(machine.wire(socket), context, server_name=name)
    patience = SmtpOptions.resolve(chain).ehlo_timeout or HANDSHAKE_SECONDS_MAX
    try:
        with trio.fail_after(min(patience, HANDSHAKE_SECONDS_MAX)):
            await wire.shake()
    except trio.TooSlowError:
        return TlsFailure(TIMED_OUT, plain_allowed=plain_allowed)
    except OSError as broken:
        return _failure(HandshakeFault.of(broken), plain_allowed)
    return _judged(machine, wire, place, demand)


def _failure(fault: HandshakeFault, plain_allowed: bool) -> TlsFailure:
    detail = f" ({fault.text})" if fault.text else ""
    if fault.untrusted:
        return TlsFailure(WRONG_ISSUER + detail)
    return TlsFailure(FAILED + detail, plain_allowed=plain_allowed)


def _judged(machine: Machine, wire: TlsWire, place: Place, demand: TlsDemand) -> TlsWire | TlsFailure:
    """*wire*, if the certificate that was shown on it is what *demand* asks for."""
    proof = demand.proof(place)
    if proof in (Proof.NAME, Proof.POLICY):
        names = (
            (place.host,) if proof is Proof.POLICY else (place.host, demand.domain.strip("[]").removeprefix("ipv6:"))
        )
        if not is_named(wire.tls.getpeercert() or {}, names, common_name=proof is Proof.NAME):
            return TlsFailure(WRONG_NAME)
    elif proof is Proof.TLSA:
        names = (place.host, demand.domain)
        if not dane.holds(demand.tlsa[place.host], peer_chain(wire.tls), names, machine.clock.now()):
            return TlsFailure(f"{FAILED} (no TLSA record matches)")
    return wire
