"""TLS begun with clients, in bounded time: what a conversation goes over after it, and what it came to."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import NamedTuple

import trio

from momentum_trio.listener.server_contexts import ServerContexts
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import TlsContext
from momentum_trio.machine.os_tls import HandshakeFault, facts_of
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.net.tls_terms import TlsTerms

HANDSHAKE_SECONDS = 30.0
UNTRUSTED_MAX = 10_000
"""Clients that are remembered because their certificate was not good."""


class Who(NamedTuple):
    """With whom: the Listen as configured, and the client's address."""

    listen: str
    peer_address: str


@dataclass(frozen=True, slots=True)
class Secured:
    """A handshake that came to a good end. wire: what to converse over now."""

    wire: TlsWire
    facts: TlsFacts


class Handshakes:
    """Those of one plane's listeners.

    A certificate of a client that is not good ends his handshake: OpenSSL as Python has it does not go on. Where he
    need not show any (TLS_Verify_Mode is not set) he is not asked for one when he comes again, so that no mail is lost.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._contexts = ServerContexts(machine)
        self._untrusted: OrderedDict[Who, None] = OrderedDict()

    async def context(self, who: Who, terms: TlsTerms) -> TlsContext | None:
        """The context for *who*; None where its files do not serve, which the paniclog says."""
        if not terms.verify and who in self._untrusted:
            terms = replace(terms, client_ca="")
        try:
            return await self._contexts.context(who.listen, terms)
        except (OSError, ValueError) as fault:
            said = f"TLS at {who.listen}: {terms.certificate}: {fault}: nobody is let in"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, said))
            return None

    async def shake(self, who: Who, socket: trio.socket.SocketType, context: TlsContext) -> Secured | HandshakeFault:
        """Begin TLS with *who* on *socket*, as its server, within HANDSHAKE_SECONDS; closing it is its owner's.

        Cancellation, and a fault: the connection is good for nothing but to be closed.
        """
        wire = TlsWire(self._machine.wire(socket), context, server_side=True)
        try:
            with trio.fail_after(HANDSHAKE_SECONDS):
                await wire.shake()
        except trio.TooSlowError:
            return HandshakeFault("timed out")
        except OSError as broken:
            fault = HandshakeFault.of(broken)
            if fault.untrusted:
                self._remember(who)
            return fault
        return Secured(wire, facts_of(wire.tls))

    def _remember(self, who: Who) -> None:
        self._untrusted[who] = None
        if len(self._untrusted) > UNTRUSTED_MAX:
            self._untrusted.popitem(last=False)
