"""ESMTP_Listener: SMTP sessions. Octets between a socket and the core, the core's events to reception, nothing more.

The rules of SMTP are in ``protocol/smtp``, those of policy in ``reception``; here is when to read, send, wait and end.
"""

from __future__ import annotations

from functools import partial

import trio

from momentum_trio.listener.address_limits import with_client
from momentum_trio.listener.esmtp_identity import Proving
from momentum_trio.listener.esmtp_limits import SessionLimits
from momentum_trio.listener.esmtp_line import FAREWELL_SECONDS, Line
from momentum_trio.listener.esmtp_standing import Standing
from momentum_trio.listener.failure import DROPPED, MODULE, befalling, texts_of
from momentum_trio.listener.failure_options import Stage
from momentum_trio.listener.handshake import Secured, Who
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.listener.proxied import may_claim
from momentum_trio.listener.smtp_authentication import PAUSE_SECONDS, Unavailable
from momentum_trio.machine.contract import TlsContext
from momentum_trio.mail.reply import Reply
from momentum_trio.net.endpoint import endpoint_text
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.sasl.mechanism import Challenge, Failed, Proved
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.claims import PAIRS_MAX
from momentum_trio.protocol.smtp.event import (
    Auth,
    AuthResponse,
    ContentEnd,
    ContentPart,
    Data,
    Event,
    Hello,
    Mail,
    Quit,
    Rcpt,
    Refusal,
    Reset,
    StartTls,
    XClient,
    XDumpContext,
    XRemoteIp,
    XSetContext,
)
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.witness import WitnessedServer
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision, Refused
from momentum_trio.reception.door import Door
from momentum_trio.reception.policy.panel import Discarded
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.spool.spool import Receipt

EVENTS_PER_TURN = 100  # answered at a stretch, before other sessions get their turn


async def converse(connection: Connection, services: Services) -> None:
    """One SMTP session, from the greeting to its end; the caller closes the socket and records the end.

    Cancellation: a message whose commit was handed over is kept, whatever else is underway is given up.
    """
    assert services.door is not None
    await with_client(connection, services, KIND.service, partial(_converse, connection, services, services.door))


async def _converse(connection: Connection, services: Services, door: Door, refusal: Reply | None) -> None:
    session = Session(connection, door, services)
    try:
        with session.deadline:
            await session.talk(refusal)
        if session.deadline.fired:
            await session.line.farewell()
    finally:
        connection.on_drain = connection.doing = None
        if session.notes is not None and services.recorder is not None:
            services.recorder.end(connection, session.notes)
        await session.reception.end()


KIND = ListenerKind(
    "ESMTP_Listener",
    "SMTP",
    Plane.MAIL,
    converse,
    refusal=replies.CONCURRENCY.octets(),
    fault=replies.INTERNAL_FAULT.octets(),
    gone=replies.RECONFIGURATION.octets(),
)


class Session:
    """One client's conversation: what the core understands is asked of reception, what that decides is said.

    line: between the core and him. standing: what holds for him. deadline: of his silence. notes: of all that is said,
    where it is recorded.
    """

    __slots__ = (
        "_connection",
        "_door",
        "_has_moved",
        "_limits",
        "_proving",
        "_server",
        "_services",
        "deadline",
        "line",
        "notes",
        "reception",
        "standing",
    )

    def __init__(self, connection: Connection, door: Door, services: Services) -> None:
        self._connection, self._door, self._services = connection, door, services
        standing = self.standing = Standing(connection, services, door)
        self.reception = standing.reception
        self._has_moved = False  # he is at another since: the rules of the next mail transaction are those of that
        recorder = services.recorder
        self.notes = None if recorder is None else recorder.begin(connection, standing.chain())
        server = Server(standing.terms) if self.notes is None else WitnessedServer(standing.terms, self.notes)
        self._server = server
        deadline = self.deadline = services.deadlines.after(standing.silence_seconds)
        line = self.line = Line(connection, door.machine.wire(connection.socket), server, deadline)
        self._limits = SessionLimits(connection, services, standing, line)
        self._proving = Proving(connection, services, standing)

    async def talk(self, refusal: Reply | None = None) -> None:
        """Converse until one of the two is done, or the deadline cuts it. refusal: instead of a greeting."""
        server, connection, line = self._server, self._connection, self.line
        if self.standing.security.at_once and not await self._secured_at_once():
            return
        await self._begin(refusal)
        await line.send()
        while not server.closed:
            if connection.draining.is_set() and not server.in_transaction:
                line.end(replies.SHUTTING_DOWN, "drain")
                await line.send()
                break
            try:
                octets = await line.receive()
            except OSError:  # a reset: an end like any other
                return
            server.receive(octets)
            if not await self._answer_all():
                self.deadline.credit(len(octets))
            await line.send()
            if not octets and line.tls is None:
                return
        if line.tls is not None or connection.why != "quit":
            with trio.move_on_after(FAREWELL_SECONDS):
                await line.linger()

    async def _begin(self, refusal: Reply | None) -> None:
        """Greet the client, or say why not, once he has waited as long as he has to."""
        server, connection, standing = self._server, self._connection, self.standing
        said = b"" if refusal or standing.security.at_once else await self._limits.opening_pause()
        if isinstance(said, Reply):
            refusal = said
        if refusal is None and standing.failures and (refusal := await self._failure(Stage.CONNECT, None)):
            self.reception.rejected(Phase.JUST_CONNECTED.words, refusal, MODULE)
        if refusal is None and self.reception.rules.rows and not connection.draining.is_set():
            refusal = await self._unwanted()
        if connection.draining.is_set():
            refusal, connection.why = replies.SHUTTING_DOWN, "drain"
        server.begin(refusal)
        if refusal is DROPPED:
            connection.why = "drop"
            server.octets_to_send()
        if isinstance(said, bytes) and said:
            server.receive(said)
            await self._answer_all()

    async def _unwanted(self) -> Reply | None:
        """Why policy is against this client: that is said in place of a greeting, and nothing else (RFC 5321 3.1)."""
        decision = await self._asked(PolicyPhase.CONNECT)
        self.standing.pathway_at_connect = self.reception.client.pathway
        if isinstance(decision, Accepted):
            return None
        self.reception.rejected(Phase.JUST_CONNECTED.words, decision.reply, decision.module)
        self._connection.why = "policy"
        return decision.reply

    async def _asked(self, phase: PolicyPhase) -> Decision:
        """What policy says in *phase*. It costs the client nothing of his time."""
        if phase not in self.reception.rules_now.rows:
            return ACCEPTED
        self.deadline.park()
        decision = await self._ruled(phase)
        self.deadline.resume()
        return decision

    async def _ruled(self, phase: PolicyPhase) -> Decision:
        """What policy says in *phase*, which may send the client, or his message, through a pathway."""
        reception, standing = self.reception, self.standing
        before = standing.client.pathway
        decision = await reception.ask(phase)
        if standing.client.pathway != before:
            standing.through_pathway()
            self._server.terms = standing.terms
            self.deadline.tolerance_seconds = standing.silence_seconds
        transaction = reception.transaction
        if phase is PolicyPhase.MAILFROM and transaction is not None and transaction.pathway is not None:
            transaction.rules = standing.rules_through(transaction.pathway)
        return decision

    async def _answer_all(self) -> bool:
        """Answer everything the core has understood so far; the replies wait in it for one send. Returns whether there
        was a whole command or message, not just octets.

        A client that pipelines without end gets its replies every so many commands, and the others their turn.
        """
        server, reception, standing = self._server, self.reception, self.standing
        left = EVENTS_PER_TURN
        advanced = False
        while True:
            left -= 1
            if not left:
                await self.line.send()
                left = EVENTS_PER_TURN
            if (standing.is_of_the_past or self._has_moved) and not server.in_transaction:
                self._renew()
            event = server.next_event()
            if event is None:
                return advanced
            if not advanced and not isinstance(event, ContentPart):
                advanced = True
                self.deadline.touch()
            match event:
                case Rcpt():
                    if standing.failures and await self._fails(Stage.RCPT, event):
                        continue
                    decision = reception.recipient(event.forward_path, event.line, event.wish)
                    if reception.rules.rows and decision is ACCEPTED:
                        decision = await self._asked(PolicyPhase.RCPTTO)
                    if isinstance(decision, Refused):
                        decision = await self._limits.refused_recipient(decision)
                    self._answer(decision, Phase.AWAITING_RCPTTO)
                case Mail():
                    await self._mail(event)
                case Data():
                    if not (standing.failures and await self._fails(Stage.DATA, event)):
                        server.answer()
                case ContentEnd():
                    await self._content_end(event)
                case ContentPart():
                    self.deadline.park()
                    await reception.write(event.octets)
                    self.deadline.resume()
                case Hello():
                    await self._hello(event)
                case Reset():
                    await self._reset()
                case Refusal():
                    reception.client.note(event.reply)
                    reception.rejected(server.awaiting.words, event.reply, "smtp")
                case Quit():
                    self._connection.why = "quit"
                case StartTls():
                    await self._start_tls()
                case Auth() | AuthResponse():
                    await self._authenticate(event)
                case XClient():
                    self._begin_anew(event)
                case XRemoteIp():
                    self._move(event)
                case XSetContext():
                    self._set_context(event)
                case XDumpContext():
                    server.answer(replies.contexts(*reception.contexts))
                case _:
                    assert not event.needs_answer, event

    async def _hello(self, event: Hello) -> None:
        standing = self.standing
        if standing.failures and await self._fails(Stage.EHLO, event):
            return
        await self.reception.abandon()
        server = self._server
        extended = event.verb == "EHLO"
        self.reception.hello(event.domain, event.line, extended=extended)
        if self.reception.rules.rows and not isinstance(decision := await self._asked(PolicyPhase.EHLO), Accepted):
            self._answer(decision, Phase.AWAITING_HELLO)
            self.reception.hello("", "", extended=extended)
            return
        standing.offered = standing.terms.extensions if extended else None
        standing.look_back()
        server.answer()

    async def _reset(self) -> None:
        await self.reception.abandon()
        if not self._comes_again():
            self._server.answer()

    async def _mail(self, event: Mail) -> None:
        if self._comes_again():
            return
        decision = self.reception.mail(event.reverse_path, event.line, event.returning, event.body, event.smtputf8)
        if self.reception.rules.rows and decision is ACCEPTED:
            decision = await self._asked(PolicyPhase.MAILFROM)
        if isinstance(decision, Accepted):
            decision = await self._limits.to_message(event.reverse_path) or decision
        fails = self.standing.failures and isinstance(decision, Accepted) and await self._fails(Stage.MAIL, event)
        if fails or not self._answer(decision, Phase.AWAITING_MAILFROM):
            await self.reception.abandon()

    async def _content_end(self, event: ContentEnd) -> None:
        reception, server = self.reception, self._server
        if event.fault is not None:
            reception.rejected(Phase.READING_BODY.words, event.fault, "smtp")
            server.answer()
            await reception.abandon()
            return
        if self.standing.failures and await self._fails(Stage.CONTENT, event):
            await reception.abandon()
            return
        self.deadline.park()
        taken = await reception.finish(event.octets)
        self.deadline.touch()
        if isinstance(taken, Receipt):
            server.answer(final_reply(taken))
            return
        if isinstance(taken, Discarded):
            server.answer(replies.OK)
            await reception.abandon()
            return
        self._answer(taken, Phase.READING_BODY)
        await reception.abandon()

    # Failures on purpose.

    async def _fails(self, stage: Stage, event: Event) -> bool:
        """Let happen what is to happen at *stage*; whether that was the answer to *event*."""
        reply = await self._failure(stage, event)
        if reply is None:
            return False
        if isinstance(event, Rcpt):
            self.reception.passed_over(event.forward_path, event.line)
        self.reception.rejected(self._server.awaiting.words, reply, MODULE)
        if reply is DROPPED:
            await self.line.drop()
        else:
            self._server.answer(reply)
        return True

    async def _failure(self, stage: Stage, event: Event | None) -> Reply | None:
        transaction = self.reception.transaction
        texts = texts_of(event, () if transaction is None else transaction.forward_paths)
        wait = partial(self.line.at_rest, trio.sleep)
        return await befalling(self.standing.failures, stage, texts, self._door.machine.entropy, wait)

    def _answer(self, decision: Decision, phase: Phase) -> bool:
        """Tell the client what reception decided, and the rejectlog if it was not yes. Returns whether it was."""
        if isinstance(decision, Accepted):
            self._server.answer()
            return True
        self.reception.rejected(phase.words, decision.reply, decision.module)
        self._server.answer(decision.reply)
        return False

    # Generations.

    def _comes_again(self) -> bool:
        """Whether something the client was told no longer holds: he is asked to come again then."""
        if not self.standing.is_stale:
            return False
        reply = replies.reconfiguration(self.standing.options.reconfig_message)
        self.reception.rejected(Phase.AWAITING_MAILFROM.words, reply, "esmtp")
        self.line.end(reply, "reconfigured")
        return True

    def _renew(self) -> None:
        """Let the newest generation hold, and what holds for where the client is, from the next mail transaction on."""
        standing = self.standing
        if standing.is_of_the_past:
            if self.notes is not None:
                self.notes.reconfigured = True
            standing.renew()
        elif standing.is_stale:
            return
        if self._has_moved and not standing.is_stale:
            self._has_moved = False
            standing.move()
        if standing.listen is not None:
            self._server.terms = standing.terms
            self.deadline.touch(standing.silence_seconds)

    # What a trusted peer says about the client.

    def _begin_anew(self, event: XClient) -> None:
        """XCLIENT: from here on somebody else talks."""
        claim, reception = event.claim, self.reception
        if self._comes_again():
            return
        if not self._is_claimed_rightly(claim.address):
            return
        if claim.address is not None:
            reception.claimed(claim.address, claim.port)
        if claim.local_address is not None:
            reception.client.local = endpoint_text(claim.local_address, claim.local_port)
        reception.begun_anew(claim.hello)
        self._proving.forget()
        self.standing.begin_anew()
        self._server.terms = self.standing.terms
        self._server.answer()
        self.deadline.touch(self.standing.silence_seconds)

    def _move(self, event: XRemoteIp) -> None:
        """XREMOTEIP: what was offered stays; from the next mail transaction on all else is that of the address."""
        if self._is_claimed_rightly(event.address):
            self.reception.claimed(event.address)
            self._has_moved = True
            self._server.answer()

    def _is_claimed_rightly(self, address: Address | None) -> bool:
        """Whether the peer can know a client there; if not, he is told."""
        if address is None or may_claim(self._connection, address):
            return True
        self.reception.rejected(self._server.awaiting.words, replies.NOT_LOOPBACK, "esmtp")
        self._server.answer(replies.NOT_LOOPBACK)
        return False

    def _set_context(self, event: XSetContext) -> None:
        client = self.reception.client
        context = {**(client.context or {}), **dict(event.pairs)}
        if len(context) > PAIRS_MAX:
            self._server.answer(replies.XSETCONTEXT_FULL)
            return
        client.context = context
        self._server.answer()

    # TLS.

    async def _secured_at_once(self) -> bool:
        """Begin TLS before the greeting (``Use_SSL``); whether it came to a good end. Nothing is said in clear."""
        self._connection.in_clear = False
        context = await self._context()
        if context is None or not await self._secure(context):
            return False
        self._server.terms = self.standing.terms
        return True

    async def _start_tls(self) -> None:
        """Answer STARTTLS: 220 and the handshake, or 454 where our own files do not serve."""
        if self._comes_again():
            return
        context = await self._context()
        if context is None:
            self.reception.rejected(self._server.phase.words, replies.TLS_UNAVAILABLE, "tls")
            self._server.answer(replies.TLS_UNAVAILABLE)
            return
        self._server.answer()
        await self.line.send()
        self._connection.in_clear = False
        if await self._secure(context):
            self._server.secured(self.standing.terms)

    async def _context(self) -> TlsContext | None:
        handshakes, terms = self._services.handshakes, self.standing.security.tls
        if handshakes is None or terms is None:
            return None
        self.deadline.park()
        try:
            return await handshakes.context(self._who, terms)
        finally:
            self.deadline.resume()

    async def _secure(self, context: TlsContext) -> bool:
        """The handshake, which a drain or Idle_Time ends too; whether it came to a good end."""
        handshakes, line = self._services.handshakes, self.line
        assert handshakes is not None
        line.is_resting = line.is_torn = True
        made = await handshakes.shake(self._who, self._connection.socket, context)
        line.is_resting = False
        if not isinstance(made, Secured):
            self._connection.why = "tls"
            said = Reply.of(f"454 4.7.0 TLS negotiation failed ({made.text or 'the client left'})")
            self.reception.rejected(self._server.phase.words, said, "tls")
            self._server.receive(b"")  # nothing that comes now is of this conversation
            return False
        line.is_torn = False
        line.wire = line.tls = made.wire
        self._connection.tls = made.facts
        self.reception.secured(made.facts)
        self._proving.forget()
        self.standing.secured()
        self.deadline.touch()
        return True

    @property
    def _who(self) -> Who:
        return Who(str(self._connection.listen), str(self._connection.peer_address))

    # AUTH.

    async def _authenticate(self, event: Auth | AuthResponse) -> None:
        if self._comes_again():
            return
        self.deadline.park()
        outcome = await self._proving.step(event, KIND.service)
        match outcome:
            case Challenge():
                self._server.challenge(outcome.octets)
            case Proved():
                await self._welcome()
            case _:
                await self._not_proved(outcome)
        self.deadline.resume()

    async def _welcome(self) -> None:
        """He has proved who he is: say so, unless policy is against it."""
        decision: Decision = ACCEPTED
        if PolicyPhase.AUTH in self.reception.rules.rows:
            decision = await self._ruled(PolicyPhase.AUTH)
        if not self._answer(decision, self._server.phase):
            self._proving.revoke()

    async def _not_proved(self, outcome: Failed | Unavailable) -> None:
        """Say so, after a pause: who guesses has to wait."""
        self._proving.failed(outcome)
        await trio.sleep(PAUSE_SECONDS)
        reply = replies.AUTH_UNAVAILABLE if isinstance(outcome, Unavailable) else replies.AUTH_FAILED
        self.reception.rejected(self._server.phase.words, reply, "auth")
        self._server.answer(reply)


def final_reply(receipt: Receipt) -> Reply:
    """The final 250: made from proof of custody alone (RFC 5321 section 6.1)."""
    return Reply(250, "2.0.0", (f"OK {receipt.batch.batch_id}",))
