"""The proof of who a client is: a bounded number of SASL dialogues, each against the file as it is when it begins."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from momentum_trio.config.back_end import BackEnd
from momentum_trio.console.entry_file import reason, text_of
from momentum_trio.console.password_file import digests, passwords
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.console.frame import Authenticate
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Server
from momentum_trio.protocol.sasl.digest_md5 import DigestMd5Server
from momentum_trio.protocol.sasl.login import LoginServer
from momentum_trio.protocol.sasl.mechanism import (
    CRAM_MD5,
    DIGEST_MD5,
    LOGIN,
    Challenge,
    Failed,
    Proved,
    ServerSide,
    Step,
)

ATTEMPTS_MAX = 3
"""Dialogues begun on one connection, finished or not, and responses to none."""
PAUSE_SECONDS = 2.0
"""What a failure costs the client before he hears of it."""
SECONDS_MAX = 120.0
"""In which he has to be done, however much he talks."""
REALM = "Momentum Console"
"""Of DIGEST-MD5 where the configuration names none; that of ec_md5passwd."""
SERVICE = "console"
"""The first part of the digest-uri; the second is the node's name as the banner has it."""
_NONCE_OCTETS = 24


class Guesses(Protocol):
    """How many are permitted from where he comes from, all his connections together (``limits/guesses.py``)."""

    def begin(self) -> float:
        """Count one. Returns 0, or the seconds until one may be made: then it was not counted."""
        ...

    def was_right(self) -> None:
        """One that was counted was none."""
        ...


@dataclass(frozen=True, slots=True)
class TooMany:
    """There were too many wrong ones from his address: he may try again after *seconds*."""

    seconds: float


@dataclass(slots=True)
class Authentication:
    """What one client does to prove who he is.

    node: our name. back_ends: of the mechanisms that he was offered. attempts: as ATTEMPTS_MAX counts them.
    guesses: each dialogue is one until it succeeds. log_success: whether acctlog is to be told when the dialogue that
    runs succeeds.
    """

    machine: Machine
    node: str
    back_ends: Mapping[str, BackEnd]
    guesses: Guesses
    attempts: int = 0
    log_success: bool = False
    _dialogue: ServerSide | None = field(default=None, repr=False)

    async def take(self, said: Authenticate) -> Step | TooMany:
        """The next step. A mechanism begins a dialogue anew; a response without one goes on with that which runs."""
        dialogue, self._dialogue = self._dialogue, None
        if said.mechanism or dialogue is None:
            if seconds := self.guesses.begin():
                return TooMany(seconds)
            dialogue = await self._begin(said.mechanism)
        response = _octets(said.response)
        if dialogue is None or response is None:
            return Failed()
        step = dialogue.step(response)
        if isinstance(step, Challenge):
            self._dialogue = dialogue
        elif isinstance(step, Proved):
            self.guesses.was_right()
        return step

    @property
    def exhausted(self) -> bool:
        """Whether no other dialogue may begin."""
        return self.attempts >= ATTEMPTS_MAX

    async def _begin(self, mechanism: str) -> ServerSide | None:
        """The server's side of *mechanism*; None where it was not offered, or no other dialogue may begin.

        Where the file cannot be read nobody is known, and the paniclog says why.
        """
        if self.exhausted:
            return None
        self.attempts += 1
        held = self.back_ends.get(mechanism)
        if held is None:
            return None
        self.log_success = held.log_authentication
        try:
            text = await text_of(self.machine.disk, held)
        except OSError as fault:
            said = f"{mechanism}: {reason(fault)}: nobody can prove who he is by it"
            self.machine.events.publish(Panic(self.machine.clock.now(), Level.ERROR, said))
            text = ""
        return self._server(mechanism, held, text)

    def _server(self, mechanism: str, held: BackEnd, text: str) -> ServerSide:
        nonce = base64.b64encode(self.machine.entropy.octets(_NONCE_OCTETS)).decode()
        if mechanism == DIGEST_MD5:
            realm = held.realm or REALM
            known = digests(text, realm, stored_cleartext=held.stored_cleartext)
            return DigestMd5Server(known, realm, f"{SERVICE}/{self.node}", nonce)
        if mechanism == CRAM_MD5:
            return CramMd5Server(passwords(text), self.node, nonce)
        assert mechanism == LOGIN
        return LoginServer(passwords(text))


def _octets(text: str) -> bytes | None:
    """What *text* is the base64 of (RFC 4648 section 4, nothing beside it); None where it is of nothing."""
    try:
        octets = base64.b64decode(text)
    except ValueError:
        return None
    return octets if base64.b64encode(octets).decode() == text else None
