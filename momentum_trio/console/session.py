"""One console session: octets between socket and protocol, commands to the dispatch, who asked what to acctlog."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import trio

from momentum_trio.console.authentication import PAUSE_SECONDS, SECONDS_MAX, Authentication, TooMany
from momentum_trio.console.authority import (
    NOT_AUTHORIZED,
    Demanded,
    Peer,
    Refused,
    Terms,
    Verdict,
    entry,
    verdict,
)
from momentum_trio.console.command import Operator, failure
from momentum_trio.console.dispatch import Call, Dispatch, written
from momentum_trio.console.roster import Roster
from momentum_trio.console.workspace import Workspace
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.mail.record import Authenticated, Authorized
from momentum_trio.protocol.console.frame import PROTOCOLS, Authenticate, Banner, Command, Complete, printable
from momentum_trio.protocol.console.server import Event, Server
from momentum_trio.protocol.sasl.mechanism import Challenge, Failed, Proved

RECEIVE_OCTETS = 64 * 1024
FAREWELL_SECONDS = 1.0
"""How long a client that is told goodbye may take to read it."""
SEND_OCTETS = 64 * 1024
"""A reply goes out in pieces of this size; for each the client has the session's timeout, but not more than"""
SEND_SECONDS_MAX = 600.0
AUTHENTICATION_FAILED = "authentication failed"

NOTICE = ("Copyright (c) the momentum-trio authors", "Licensed under the Apache License, Version 2.0")


class Traffic(Protocol):
    """Where octets are counted."""

    octets_received: int
    octets_sent: int


@dataclass(slots=True)
class Session:
    """One conversation, from the banner to the end.

    wire: to the client; closing it is its owner's. operator: who the client is, so far. peer: where he comes from.
    authentication: what he has to do before anything else; None where nothing is demanded.
    terms: read again whenever they matter, since the configuration may change. why: in a word, why it ended.
    """

    wire: Wire
    server: Server
    operator: Operator
    peer: Peer
    authentication: Authentication | None
    dispatch: Dispatch
    terms: Callable[[], Terms]
    machine: Machine
    traffic: Traffic
    why: str = "closed"
    _roster: Roster = field(init=False)
    _owes_proof: bool = field(init=False)
    _prove_by: float = math.inf
    _workspace: Workspace = field(default_factory=Workspace)
    _gone: bool = False
    _draining: bool = False
    _reading: trio.CancelScope | None = None
    _sending: trio.CancelScope | None = None

    def __post_init__(self) -> None:
        self._roster = Roster(self.machine)
        self._owes_proof = self.authentication is not None

    async def converse(self) -> None:
        """Converse until the client is done, silent for too long, in breach of the protocol, or the node drains.

        Raises: what a command raises that is a fault of ours; the client is told that there is one.
        Cancellation: the client is told goodbye, for which he has FAREWELL_SECONDS.
        """
        if self._owes_proof:
            self._prove_by = trio.current_time() + SECONDS_MAX
        if refusal := self._refusal():
            self.why = "fault"
        if refusal or self.peer.is_unix:
            self._account_entry(accepted=not refusal)
        self.server.begin(refusal)
        try:
            await self._exchange()
        finally:
            if not self.server.closed and not self._gone:
                self.server.farewell("the server ended this session; its paniclog may say why", broken=True)
                with trio.CancelScope(shield=True):
                    await self._send()

    def drain(self) -> None:
        """The node shuts down: say so once the command that runs is answered, at once if there is none.

        A client that does not read its answer has FAREWELL_SECONDS left.
        """
        self._draining = True
        if self._sending is not None:
            self._sending.deadline = min(self._sending.deadline, trio.current_time() + FAREWELL_SECONDS)
        if self._reading is not None:
            self._reading.cancel()

    async def _exchange(self) -> None:
        while await self._send() and not self.server.closed:
            if self._draining:
                self._end("drain", "the node shuts down")
            elif (event := self.server.next_event()) is not None:
                await self._take(event)
            elif not self.server.closed:
                await self._receive()
        if self.server.problem:
            self.why = "fault"

    async def _receive(self) -> None:
        idle, proving = self.terms().timeout_seconds, self._prove_by - trio.current_time()
        octets = None
        with trio.move_on_after(max(0.0, min(idle, proving))) as self._reading:
            try:
                octets = await self.wire.recv(RECEIVE_OCTETS)
            except ConnectionError:
                octets = b""
        self._reading = None
        if octets is not None:
            self.traffic.octets_received += len(octets)
            self.server.receive(octets)
        elif not self._draining:
            self._expire(idle, proving)

    def _expire(self, idle: float, proving: float) -> None:
        """Nothing came in time; acctlog ``T`` where a proof was owed."""
        if self._owes_proof:
            self._account_entry(accepted=False, expired=True)
        if proving < idle:
            self._end("idle", f"nobody proved who he is within {SECONDS_MAX:g} seconds")
        else:
            self._end("idle", f"nothing was said for {idle:g} seconds")

    def _end(self, why: str, sentence: str) -> None:
        self.why = why
        self.server.farewell(sentence)

    def _turn_away(self, sentence: str) -> None:
        self.why = "fault"
        self.server.farewell(sentence, broken=True)

    async def _take(self, event: Event) -> None:
        if refusal := self._refusal():
            self._turn_away(refusal)
            return
        match event:
            case Command():
                await self._run(event)
            case Complete():
                await self._complete(event)
            case Authenticate():
                await self._authenticate(event)

    async def _authenticate(self, said: Authenticate) -> None:
        assert self.authentication is not None  # the protocol lets it through where the banner names mechanisms alone
        match await self.authentication.take(said):
            case Challenge(octets):
                self.server.challenge(base64.b64encode(octets).decode())
            case Proved(user):
                self._welcome(user)
            case Failed(user):
                self.operator = replace(self.operator, user=user)
                self._account_entry(accepted=False)
                await self._refuse()
            case TooMany(seconds):
                self._account_entry(accepted=False)
                await self._pause()
                self._turn_away(f"too many failures from your address: try again in {math.ceil(seconds)} seconds")

    def _welcome(self, user: str) -> None:
        assert self.authentication is not None
        self._owes_proof, self._prove_by = False, math.inf
        self.operator = replace(self.operator, user=user)
        if self.authentication.log_success:
            self._account_entry(accepted=True)
        self.server.welcome(user)

    async def _refuse(self) -> None:
        """Say so after a pause; the last time it is farewell."""
        assert self.authentication is not None
        await self._pause()
        if self.authentication.exhausted:
            self._turn_away(AUTHENTICATION_FAILED)
        elif not self._draining:
            self.server.refuse(AUTHENTICATION_FAILED)

    async def _pause(self) -> None:
        """What a failure costs; a drain ends it."""
        with trio.CancelScope() as self._reading:
            await trio.sleep(PAUSE_SECONDS)
        self._reading = None

    async def _run(self, asked: Command) -> None:
        terms, operator = await self._operator()
        call = self.dispatch.call(operator, asked.line, asked.form, self._workspace)
        judged = verdict(terms, self.dispatch.administration.tree, operator, asked.line)
        self._account(call, judged)
        output = await self.dispatch.perform(call) if judged.accepted else written(failure(NOT_AUTHORIZED), call.form)
        self.server.part(output.text)
        self.server.end("error" if output.failed else "ok", confidential=call.confidential)

    async def _complete(self, asked: Complete) -> None:
        """Words of commands for everybody; what shows the node only where the line so far is allowed."""
        terms, operator = await self._operator()
        judged = verdict(terms, self.dispatch.administration.tree, operator, asked.line)
        self.server.complete(
            *self.dispatch.completions(operator, asked.line, self._workspace, arguments=judged.accepted)
        )

    async def _operator(self) -> tuple[Terms, Operator]:
        """The terms as they are, and who asks, with the roles that he has now."""
        terms = self.terms()
        return terms, replace(self.operator, roles=await self._roster.roles(terms, self.operator.user))

    async def _send(self) -> bool:
        """Send all that is to be sent; False when the client did not take it in time, or is gone."""
        octets = memoryview(self.server.octets_to_send())
        patience = min(self.terms().timeout_seconds, SEND_SECONDS_MAX)
        while octets:
            sent = 0
            is_last = self.server.closed or self._draining
            with trio.move_on_after(FAREWELL_SECONDS if is_last else patience) as self._sending:
                try:
                    sent = await self.wire.send(octets[:SEND_OCTETS])
                except ConnectionError:
                    pass
            self._sending = None
            if not sent:
                self._gone = True
                self.why = "drain" if self._draining else self.why
                return False
            self.traffic.octets_sent += sent
            octets = octets[sent:]
        return True

    def _refusal(self) -> str:
        """Why he is not let in, or is no more since the configuration changed; empty when he is."""
        match entry(self.terms(), self.peer):
            case Refused(why):
                return why
            case Demanded() if self.authentication is None:
                return "authentication is demanded here now: connect again"
        return ""

    def _account_entry(self, *, accepted: bool, expired: bool = False) -> None:
        """acctlog ``N``: whom the operating system named or a mechanism proved, and whoever was turned away; ``T``."""
        now, who = self.machine.clock.now(), self.operator
        self.machine.events.publish(Authenticated(now, who.endpoint, who.peer, who.user, accepted, expired))

    def _account(self, call: Call, judged: Verdict) -> None:
        """acctlog ``Z``: every command, run or refused, before it is run."""
        now, who = self.machine.clock.now(), self.operator
        self.machine.events.publish(
            Authorized(now, who.endpoint, who.peer, who.user, judged.accepted, call.masked, judged.role)
        )


def banner(product: str, version: str, node: str, user: str, terms: Terms, mechanisms: tuple[str, ...]) -> Banner:
    """What a server of ours says first."""
    idle = terms.timeout_seconds if math.isfinite(terms.timeout_seconds) else 0.0
    return Banner(PROTOCOLS, product, version, NOTICE, printable(node), printable(user), mechanisms, idle)
