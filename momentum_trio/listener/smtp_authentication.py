"""AUTH of one SMTP session: its SASL dialogues, each against the file as it is when it begins, or against a database
(RFC 4954)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from momentum_trio.config.back_end import BackEnd
from momentum_trio.console.entry_file import reason, text_of
from momentum_trio.console.password_file import digests, passwords
from momentum_trio.limits.guesses import Guesses
from momentum_trio.listener.credentials import Busy, Credentials
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.sasl import cram_md5, digest_md5
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Server
from momentum_trio.protocol.sasl.digest_md5 import DigestMd5Server
from momentum_trio.protocol.sasl.in_clear import Claim, ClaimSide, claim_side
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, IN_CLEAR, Challenge, Failed, Proved, ServerSide

PAUSE_SECONDS = 2.0
"""What a failure costs the client before he hears of it."""
DIGEST_URI = "smtp/"
"""What the digest-uri of DIGEST-MD5 begins with; a client puts behind it what he knows this host by."""
_NONCE_OCTETS = 24


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nothing can be said about who he is now: there were too many guesses, or a file cannot be read."""


Outcome = Challenge | Proved | Failed | Unavailable


@dataclass(slots=True)
class Dialogues:
    """Those of one session, one at a time. host: our name. guesses: each dialogue is one until it succeeds.

    mechanism, held: of the one that runs, or ran last, and what it is judged by.
    """

    machine: Machine
    credentials: Credentials
    guesses: Guesses
    host: str
    mechanism: str = ""
    held: BackEnd | None = None
    _side: ServerSide | ClaimSide | None = field(default=None, repr=False)
    _secrets: dict[str, str] = field(default_factory=dict, repr=False)  # those that _side knows

    async def begin(self, mechanism: str, held: BackEnd, initial: bytes | None) -> Outcome:
        """Begin one by *mechanism* against *held*. initial: what the client said with it.

        Cancellation: the guess stays counted.
        """
        self.mechanism, self.held, self._side = mechanism, held, None
        if self.guesses.begin():
            return Unavailable()
        try:
            side = self._side = await self._begun(mechanism, held)
            return await self._step(side, initial or b"", is_last=initial == b"")
        except OSError as fault:
            return self._unavailable(fault)

    async def respond(self, octets: bytes) -> Outcome:
        """Take the client's response to a challenge."""
        side = self._side
        assert side is not None
        try:
            await self._look_up(octets)
            return await self._step(side, octets)
        except OSError as fault:
            return self._unavailable(fault)

    async def _step(self, side: ServerSide | ClaimSide, octets: bytes, *, is_last: bool = False) -> Outcome:
        step = side.step(octets)
        if isinstance(step, Claim):
            assert self.held is not None
            is_right = await self.credentials.hold(self.held, step, self._realm)
            step = Proved(step.user) if is_right else Failed(step.user)
        if isinstance(step, Challenge) and is_last:
            step = Failed()  # an initial response of no octets is one (RFC 4954 section 4), and no mechanism has such
        if isinstance(step, Proved):
            self.guesses.was_right()
        if not isinstance(step, Challenge):
            self._side = None
        return step

    async def _look_up(self, response: bytes) -> None:
        """Ask a database for the secret of him whom *response* names, where the mechanism compares with it."""
        held, mechanism = self.held, self.mechanism
        if held is None or held.query is None or mechanism in IN_CLEAR or self._secrets:
            return  # the secrets are there, or the last response says nothing new
        named = cram_md5.named if mechanism == CRAM_MD5 else digest_md5.named
        self._secrets.update(await self.credentials.secrets(mechanism, held, named(response), self._realm))

    @property
    def _realm(self) -> str:
        assert self.held is not None
        return self.held.realm or self.host

    async def _begun(self, mechanism: str, held: BackEnd) -> ServerSide | ClaimSide:
        """Our side of *mechanism*. Raises OSError, where the file cannot be read."""
        if mechanism in IN_CLEAR:
            return claim_side(mechanism)
        secrets = self._secrets = {} if held.query is not None else await self._read(mechanism, held)
        nonce = base64.b64encode(self.machine.entropy.octets(_NONCE_OCTETS)).decode()
        if mechanism == CRAM_MD5:
            return CramMd5Server(secrets, self.host, nonce)
        return DigestMd5Server(secrets, self._realm, DIGEST_URI, nonce)

    async def _read(self, mechanism: str, held: BackEnd) -> dict[str, str]:
        text = await text_of(self.machine.disk, held)
        if mechanism == CRAM_MD5:
            return passwords(text)
        return digests(text, self._realm, stored_cleartext=held.stored_cleartext)

    def _unavailable(self, fault: OSError) -> Unavailable:
        self._side = None
        self.guesses.was_right()
        if isinstance(fault, Busy):
            return Unavailable()
        said = f"AUTH {self.mechanism}: {reason(fault)}: nobody can prove who he is by it"
        self.machine.events.publish(Panic(self.machine.clock.now(), Level.ERROR, said))
        return Unavailable()
