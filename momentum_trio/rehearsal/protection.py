"""TLS and AUTH of a rehearsed session: there is no key and no password, so both are believed.

TLS begins when it is asked for, with a client that shows no certificate. AUTH goes as it went in the recording; where
there is none to go by (a script), whoever gets to the end of a dialogue has proved who he is.
"""

from __future__ import annotations

from typing import cast

import trio

from momentum_trio.config.back_end import BackEnd
from momentum_trio.limits.guesses import Guesses
from momentum_trio.listener.credentials import Credentials
from momentum_trio.listener.handshake import Handshakes, Secured, Who
from momentum_trio.listener.smtp_authentication import Dialogues, Outcome, Unavailable
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import TlsContext
from momentum_trio.machine.os_tls import HandshakeFault
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5, LOGIN, PLAIN, Challenge, Failed, Proved

USER = "rehearsed"
ROUNDS = {PLAIN: 1, LOGIN: 2, CRAM_MD5: 1, DIGEST_MD5: 2}
"""How often a client has to respond."""
FACTS = TlsFacts("TLS", "rehearsed", 0)


class BelievedHandshakes(Handshakes):
    """Those that need no octets."""

    async def context(self, who: Who, terms: TlsTerms) -> TlsContext:
        """One that nobody looks at."""
        return cast("TlsContext", terms)

    async def shake(self, who: Who, socket: trio.socket.SocketType, context: TlsContext) -> Secured | HandshakeFault:
        """Nothing is encrypted: the wire as it is, as if TLS had begun well."""
        return Secured(cast("TlsWire", socket), FACTS)


class Belief:
    """What the next step of AUTH comes to. code: of the reply that the recording has; 0: it says nothing."""

    def __init__(self) -> None:
        self.code = 0


class BelievedDialogues(Dialogues):
    """Those that ask no file."""

    def __init__(self, belief: Belief, machine: Machine, guesses: Guesses, host: str) -> None:
        super().__init__(machine, Credentials(machine), guesses, host)
        self._belief, self._responses = belief, 0

    async def begin(self, mechanism: str, held: BackEnd, initial: bytes | None) -> Outcome:
        """As ``Dialogues`` has it."""
        self.mechanism, self.held, self._responses = mechanism, held, 0
        return self._next(said=initial is not None)

    async def respond(self, octets: bytes) -> Outcome:
        """As ``Dialogues`` has it."""
        return self._next(said=True)

    def _next(self, *, said: bool) -> Outcome:
        self._responses += said
        match self._belief.code:
            case 0 if self._responses >= ROUNDS[self.mechanism]:
                return Proved(USER)
            case 0 | 334:
                return Challenge(b"")
            case 235:
                return Proved(USER)
            case 454:
                return Unavailable()
            case _:
                return Failed()
