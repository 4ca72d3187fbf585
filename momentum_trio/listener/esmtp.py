"""ESMTP_Listener: SMTP sessions. Octets between a socket and the core, the core's events to reception, nothing more.

The rules of SMTP are in ``protocol/smtp``, those of policy in ``reception``; here is when to read, send, wait and end.
"""

from __future__ import annotations

import math

import trio

from momentum_trio.config.authentication_options import SmtpAuthenticationOptions
from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.chain import Chain
from momentum_trio.limits.client_key import client_key
from momentum_trio.limits.guesses import Guesses
from momentum_trio.limits.rate import Rate, rate_of
from momentum_trio.listener.address_limits import counted
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import security_of
from momentum_trio.listener.esmtp_terms import for_trusted, terms_of
from momentum_trio.listener.failure import DROPPED, MODULE, befalling
from momentum_trio.listener.failure_options import FailureOptions, Stage
from momentum_trio.listener.handshake import Secured, Who
from momentum_trio.listener.kind import Connection, Doing, ListenerKind, Plane, Services
from momentum_trio.listener.opening_pause import said_in_pause
from momentum_trio.listener.proxied import introduced, may_claim
from momentum_trio.listener.smtp_authentication import PAUSE_SECONDS, Dialogues, Outcome, Unavailable
from momentum_trio.machine.contract import TlsContext
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.record import Authenticated
from momentum_trio.mail.reply import Reply
from momentum_trio.net.tls_terms import TlsTerms
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
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.protocol.smtp.witness import WitnessedServer
from momentum_trio.reception.client import ANONYMOUS, Address, Client, Identity, endpoint_text
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision, Deferred, Refused
from momentum_trio.reception.door import Door
from momentum_trio.reception.policy.panel import Discarded
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.rules import Rules
from momentum_trio.spool.spool import Receipt

RECEIVE_OCTETS = 64 * 1024
EVENTS_PER_TURN = 100  # answered at a stretch, before other sessions get their turn
FAREWELL_SECONDS = 1.0  # for a last reply, and for the client to take it before the socket is closed
LINGER_OCTETS_MAX = 1024 * 1024
TARPITS = ("tarpits",)
TARPITS_MAX = 500
"""Sessions that wait for a refusal (Refusal_Delay) at once; the next ones are refused at once."""

MESSAGES_TOO_FAST = Deferred(replies.MESSAGES_TOO_FAST, "limits", "Message_Rate_Per_Address: the client's address")
TOO_MANY_REFUSED = Deferred(replies.TOO_MANY_REFUSED, "limits", "Max_Refused_Recipients of this connection")


async def converse(connection: Connection, services: Services) -> None:
    """One SMTP session, from the greeting to its end; the caller closes the socket and records the end.

    Cancellation: a message whose commit was handed over is kept, whatever else is underway is given up.
    """
    assert services.door is not None
    if not await introduced(connection, services.door.machine):
        return
    if connection.proxied is None:
        await _converse(connection, services, services.door)
        return
    with counted(connection, services.limits, KIND.service) as refusal:
        await _converse(connection, services, services.door, refusal)


async def _converse(connection: Connection, services: Services, door: Door, refusal: Reply | None = None) -> None:
    session = Session(connection, door, services)
    try:
        with session.deadline:
            await session.talk(refusal)
        if session.deadline.fired:
            await session.farewell()
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
    """One client's conversation: the core, reception, the options that hold, and when we last heard of him.

    The options of one generation hold until, between two mail transactions, a newer one is seen. What the client was
    told already (the greeting, the offer of EHLO) cannot be taken back: if that changed, he is asked to come again.
    """

    __slots__ = (
        "_address",
        "_client",
        "_connection",
        "_dialogues",
        "_door",
        "_failures",
        "_generation",
        "_greeted_as",
        "_has_moved",
        "_listen",
        "_offered",
        "_options",
        "_proved_by",
        "_refused_count",
        "_resting",
        "_secured_by",
        "_security",
        "_server",
        "_services",
        "_socket",
        "_stale",
        "_tls",
        "_torn",
        "_wire",
        "deadline",
        "notes",
        "reception",
    )

    def __init__(self, connection: Connection, door: Door, services: Services) -> None:
        self._connection, self._door, self._services, self._socket = connection, door, services, connection.socket
        self._wire = door.machine.wire(connection.socket)
        self._generation = connection.generations.current
        self._listen = connection.listen_now()  # whose options hold; None: it is gone, and none took its place
        client = self._client = client_of(connection)
        self._address = client.peer_address  # whose options hold
        self._has_moved = False  # he is at another since: the rules of the next mail transaction are those of that
        chain = self._chain()
        rules = door.rules(self._generation.tree, chain, client, self._generation.plugins)
        self._options = SessionOptions.resolve(chain)
        self._failures = FailureOptions.resolve(chain).failures
        self._security = security_of(chain, self._options, client)
        self.reception = door.reception(client, rules)
        terms = self._terms(rules)
        recorder = services.recorder
        self.notes = None if recorder is None else recorder.begin(connection, chain)  # where it is recorded
        self._server = Server(terms) if self.notes is None else WitnessedServer(terms, self.notes)
        connection.doing = self._doing
        self._greeted_as = (terms.host, self._options.static_banner)
        self._offered: tuple[str, ...] | None = None  # by EHLO, once it came
        self._refused_count = 0  # recipients
        self._stale = self._listen is None  # what the client was told no longer holds
        self._resting = False  # nothing but the client is waited for
        self._torn = False  # a reply was sent in part, or TLS has begun in part
        self._tls: TlsWire | None = None
        self._secured_by: TlsTerms | None = None  # what it was begun by
        self._dialogues: Dialogues | None = None  # of AUTH, once it came
        self._proved_by: tuple[str, BackEnd] | None = None  # the mechanism and what it was judged by
        self.deadline = services.deadlines.after(self._silence_seconds)
        connection.on_drain = self._drain

    async def talk(self, refusal: Reply | None = None) -> None:
        """Converse until one of the two is done, or the deadline cuts it. refusal: instead of a greeting."""
        server, connection, deadline = self._server, self._connection, self.deadline
        if self._security.at_once and not await self._secured_at_once():
            return
        await self._begin(refusal)
        await self._send()
        while not server.closed:
            if connection.draining.is_set() and not server.in_transaction:
                self._end(replies.SHUTTING_DOWN, "drain")
                await self._send()
                break
            self._resting = True
            try:
                octets = await self._wire.recv(RECEIVE_OCTETS)
            except OSError:  # a reset: an end like any other
                return
            self._resting = False
            connection.octets_received += len(octets)
            server.receive(octets)
            if not await self._answer_all():
                deadline.credit(len(octets))
            await self._send()
            if not octets and self._tls is None:
                return
        if self._tls is not None or connection.why != "quit":
            with trio.move_on_after(FAREWELL_SECONDS):
                await self._linger()

    async def _begin(self, refusal: Reply | None) -> None:
        """Greet the client, or say why not, once he has waited as long as he has to."""
        server, connection = self._server, self._connection
        said = b"" if refusal or self._security.at_once else await self._pause()
        if isinstance(said, Reply):
            refusal = said
        if refusal is None and self._failures and (refusal := await self._failure(Stage.CONNECT, None)):
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
        if isinstance(decision, Accepted):
            return None
        self.reception.rejected(Phase.JUST_CONNECTED.words, decision.reply, decision.module)
        self._connection.why = "policy"
        return decision.reply

    async def _asked(self, phase: PolicyPhase) -> Decision:
        """What policy says in *phase*. It costs the client nothing of his time."""
        if phase not in self.reception.rules.rows:
            return ACCEPTED
        self.deadline.park()
        decision = await self.reception.ask(phase)
        self.deadline.resume()
        return decision

    async def farewell(self) -> None:
        """The deadline has cut the conversation: say why, if the client still listens."""
        if self._connection.draining.is_set():
            self._end(replies.SHUTTING_DOWN, "drain")
        else:
            self._end(replies.idle_timeout(self._server.terms.host), "idle")
        if self._torn:
            return  # nothing can be said in the middle of a reply
        with trio.move_on_after(FAREWELL_SECONDS):
            await self._send()
            await self._linger()

    async def _answer_all(self) -> bool:
        """Answer everything the core has understood so far; the replies wait in it for one send. Returns whether there
        was a whole command or message, not just octets.

        A client that pipelines without end gets its replies every so many commands, and the others their turn.
        """
        server, reception, generations = self._server, self.reception, self._connection.generations
        left = EVENTS_PER_TURN
        advanced = False
        while True:
            left -= 1
            if not left:
                await self._send()
                left = EVENTS_PER_TURN
            if generations.current is not self._generation and not server.in_transaction:
                self._renew()
            event = server.next_event()
            if event is None:
                return advanced
            if not advanced and not isinstance(event, ContentPart):
                advanced = True
                self.deadline.touch()
            match event:
                case Rcpt():
                    if self._failures and await self._fails(Stage.RCPT, event):
                        continue
                    decision = reception.recipient(event.forward_path, event.line, event.wish)
                    if reception.rules.rows and decision is ACCEPTED:
                        decision = await self._asked(PolicyPhase.RCPTTO)
                    if isinstance(decision, Refused):
                        decision = await self._refused_recipient(decision)
                    self._answer(decision, Phase.AWAITING_RCPTTO)
                case Mail():
                    await self._mail(event)
                case Data():
                    if not (self._failures and await self._fails(Stage.DATA, event)):
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
        if self._failures and await self._fails(Stage.EHLO, event):
            return
        await self.reception.abandon()
        server = self._server
        extended = event.verb == "EHLO"
        self.reception.hello(event.domain, event.line, extended=extended)
        if self.reception.rules.rows and not isinstance(decision := await self._asked(PolicyPhase.EHLO), Accepted):
            self._answer(decision, Phase.AWAITING_HELLO)
            self.reception.hello("", "", extended=extended)
            return
        self._offered = server.terms.extensions if extended else None
        self._stale = self._taken_back()
        server.answer()

    async def _reset(self) -> None:
        await self.reception.abandon()
        if self._stale:
            self._ask_to_come_again()
        else:
            self._server.answer()

    async def _mail(self, event: Mail) -> None:
        if self._stale:
            self._ask_to_come_again()
            return
        if self._has_moved:
            self._has_moved = False
            self._judge_anew(self._chain())
        decision = self.reception.mail(event.reverse_path, event.line, event.returning, event.body, event.smtputf8)
        if self.reception.rules.rows and decision is ACCEPTED:
            decision = await self._asked(PolicyPhase.MAILFROM)
        if isinstance(decision, Accepted):
            if event.reverse_path and self._options.message_rate_per_address is not None and self._is_too_fast():
                decision = MESSAGES_TOO_FAST
            elif self._options.inbound_throttle is not None:
                await self._wait_for_its_turn()
        fails = self._failures and isinstance(decision, Accepted) and await self._fails(Stage.MAIL, event)
        if fails or not self._answer(decision, Phase.AWAITING_MAILFROM):
            await self.reception.abandon()

    async def _content_end(self, event: ContentEnd) -> None:
        reception, server = self.reception, self._server
        if event.fault is not None:
            reception.rejected(Phase.READING_BODY.words, event.fault, "smtp")
            server.answer()
            await reception.abandon()
            return
        if self._failures and await self._fails(Stage.CONTENT, event):
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
            await self._drop()
        else:
            self._server.answer(reply)
        return True

    async def _failure(self, stage: Stage, event: Event | None) -> Reply | None:
        match event:
            case Hello():
                texts: tuple[str, ...] = (event.domain,)
            case Mail():
                texts = (event.reverse_path,)
            case Rcpt():
                texts = (event.forward_path,)
            case _:
                transaction = self.reception.transaction
                texts = () if transaction is None else tuple(transaction.forward_paths)
        return await befalling(self._failures, stage, texts, self._door.machine.entropy, self._wait)

    async def _wait(self, seconds: float) -> None:
        """Let the client wait: he gets what is due to him before that, and a drain ends it between transactions."""
        await self._send()
        self.deadline.park()
        self._resting = True
        await trio.sleep(seconds)
        self._resting = False
        self.deadline.resume()

    async def _drop(self) -> None:
        """End the connection without a word; replies to what came before are sent."""
        await self._send()
        self._end(DROPPED, "drop")
        self._server.octets_to_send()

    # Limits on the client.

    async def _pause(self) -> bytes | Reply:
        """Wait before the greeting where that is wanted: what the client said too early, or the reply to that."""
        options = self._services.conntrol.options(self._generation.tree)
        if options is None or not options.pause_seconds:
            return b""
        self.deadline.park()
        self._resting = True
        try:
            said = await said_in_pause(
                self._wire, options.pause_seconds, RECEIVE_OCTETS, at_once=options.farewell is not None
            )
        except OSError:
            said = b""
        self._resting = False
        self.deadline.touch()
        if said is None:
            return b""
        self._connection.octets_received += len(said)
        if not said:
            return replies.UNAVAILABLE  # he left: whatever is said, nobody hears it
        self._client.is_early_talker = True
        if options.farewell is None:
            return said
        self.reception.rejected(Phase.JUST_CONNECTED.words, options.farewell, "conntrol")
        return options.farewell

    def _is_too_fast(self) -> bool:
        """Whether this message is one too many of the client's address; counted if not."""
        option = SessionOptions.message_rate_per_address
        rate = rate_of(self._generation.tree, self._chain(), option, client_key(self._client.peer_address))
        limits = self._services.limits
        return rate is not None and not limits.throttle(rate.key, rate.events_per_second, rate.burst).admitted

    async def _wait_for_its_turn(self) -> None:
        """Inbound_Throttle_Messages: what the client has to wait for is no silence of his."""
        connection = self._connection

        def rate() -> Rate | None:
            tree = connection.generations.current.tree
            chain = tree.chain_for(connection.listener, self._listen, self._address)
            return rate_of(tree, chain, SessionOptions.inbound_throttle)

        await self._send()
        self.deadline.park()
        self._resting = True
        await self._services.turnstile.pass_through(rate)
        self._resting = False
        self.deadline.resume()

    async def _refused_recipient(self, decision: Refused) -> Decision:
        """One more that is: count it, and let the client wait for it."""
        self._refused_count += 1
        options, limits = self._options, self._services.limits
        if 0 < options.refused_recipients_max < self._refused_count:
            return TOO_MANY_REFUSED
        if not options.refusal_seconds or limits.gauge(TARPITS) >= TARPITS_MAX:
            return decision
        limits.gauge_add(TARPITS, limits.node, 1)
        try:
            await self._wait(options.refusal_seconds)
        finally:
            limits.gauge_add(TARPITS, limits.node, -1)
        return decision

    def _answer(self, decision: Decision, phase: Phase) -> bool:
        """Tell the client what reception decided, and the rejectlog if it was not yes. Returns whether it was."""
        if isinstance(decision, Accepted):
            self._server.answer()
            return True
        self.reception.rejected(phase.words, decision.reply, decision.module)
        self._server.answer(decision.reply)
        return False

    def _end(self, reply: Reply, why: str) -> None:
        """The last reply of this session."""
        self._server.abort(reply)
        self._connection.why = why

    async def _send(self) -> None:
        """All replies that wait, in one send. A client that is gone is found out by the next recv."""
        octets = self._server.octets_to_send()
        if not octets:
            return
        try:
            sent = await self._wire.send(octets)
            self._connection.octets_sent += sent
            if sent < len(octets):
                await self._send_rest(memoryview(octets)[sent:])
        except OSError:
            return

    async def _send_rest(self, rest: memoryview) -> None:
        self._torn = True
        while rest:
            sent = await self._wire.send(rest)
            self._connection.octets_sent += sent
            rest = rest[sent:]
        self._torn = False

    async def _linger(self) -> None:
        """Let the client read our last reply: a close with octets of his unread would reset the connection under it.

        Within TLS he is told that it was the last.
        """
        if self._tls is not None:
            await self._tls.finish()
            if self._connection.why == "quit":
                return
        try:
            self._socket.shutdown(trio.socket.SHUT_WR)
            left = LINGER_OCTETS_MAX
            while left > 0 and (octets := await self._socket.recv(RECEIVE_OCTETS)):
                left -= len(octets)
        except OSError:
            return

    def _drain(self) -> None:
        """The node drains: a session at rest between mail transactions ends now, others at the end of theirs."""
        if self._resting and not self._server.in_transaction:
            self.deadline.expire()

    def _doing(self) -> Doing:
        """For ``show inbound``. Who neither rests nor sends while another task looks has work done for him."""
        server, waits = self._server, self._resting or self._torn
        return Doing(server.phase.words, self.deadline.touched_at, not (waits or server.closed))

    @property
    def _silence_seconds(self) -> float:
        """How long a client may be silent; Idle_Time = 0 lets it be so for ever."""
        return self._options.idle_time or math.inf

    # Generations.

    def _taken_back(self) -> bool:
        """Whether something the client was told no longer holds."""
        terms = self._server.terms
        return (
            self._listen is None
            or (terms.host, self._options.static_banner) != self._greeted_as
            or (self._offered is not None and self._offered != terms.extensions)
            or (self._secured_by is not None and self._secured_by != self._security.tls)
            or not self._is_proved_still()
        )

    def _ask_to_come_again(self) -> None:
        reply = replies.reconfiguration(self._options.reconfig_message)
        self.reception.rejected(Phase.AWAITING_MAILFROM.words, reply, "esmtp")
        self._end(reply, "reconfigured")

    def _renew(self) -> None:
        """Let the newest generation hold, from the next mail transaction on.

        If it has no Listen any more that would take this client, the options that held stay until he is asked to come
        again: those of the listener alone could be laxer.
        """
        connection = self._connection
        self._generation = connection.generations.current
        if self.notes is not None:
            self.notes.reconfigured = True
        self._listen = connection.listen_now()
        if self._listen is None:
            self._stale = True
            return
        chain = self._chain()
        self._options = SessionOptions.resolve(chain)
        self._judge_anew(chain)
        self._server.terms = self._terms(self.reception.rules)
        self._stale = self._taken_back()
        self.deadline.touch(self._silence_seconds)

    def _chain(self) -> Chain:
        return self._chain_of(self._address)

    def _chain_of(self, address: Address) -> Chain:
        return self._generation.tree.chain_for(self._connection.listener, self._listen, address)

    def _terms(self, rules: Rules) -> Terms:
        now = self._door.machine.clock.now()
        opening = self._services.conntrol.opening(self._generation.tree)
        peer_text, trusted = self._client.peer_text, self._for_trusted()
        return terms_of(self._options, rules, self._security, peer_text, now, trusted, opening)

    def _for_trusted(self) -> tuple[str, ...]:
        """What is offered to the peer that we see ourselves, not to whom he says he brings; behind a proxy of the PROXY
        protocol there is only the latter."""
        if self._connection.proxied is not None:
            return ()
        own = self._connection.peer_address
        return for_trusted(self._options if own == self._address else SessionOptions.resolve(self._chain_of(own)))

    def _judge_anew(self, chain: Chain) -> None:
        """What the client may and is offered, by what is known of him now."""
        reception, client = self.reception, self._client
        generation, of_client = self._generation, self._chain_of(client.peer_address)
        self._failures = FailureOptions.resolve(chain).failures
        reception.rules = self._door.rules(generation.tree, of_client, client, generation.plugins)
        self._security = security_of(chain, self._options, client)

    # What a trusted peer says about the client.

    def _begin_anew(self, event: XClient) -> None:
        """XCLIENT: from here on somebody else talks."""
        claim, reception = event.claim, self.reception
        if self._stale:
            self._ask_to_come_again()
            return
        if not self._is_claimed_rightly(claim.address):
            return
        if claim.address is not None:
            reception.claimed(claim.address, claim.port)
        if claim.local_address is not None:
            self._client.local = endpoint_text(claim.local_address, claim.local_port)
        reception.begun_anew(claim.hello)
        self._address = self._client.peer_address
        self._offered = self._proved_by = self._dialogues = None
        chain = self._chain()
        self._options = SessionOptions.resolve(chain)
        self._judge_anew(chain)
        self._secured_by = self._secured_by and self._security.tls
        self._server.terms = terms = self._terms(reception.rules)
        self._greeted_as = (terms.host, self._options.static_banner)
        self._server.answer()
        self.deadline.touch(self._silence_seconds)

    def _move(self, event: XRemoteIp) -> None:
        """XREMOTEIP: what was offered stays; from the next mail transaction on the rules are those of the address."""
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
        context = {**(self._client.context or {}), **dict(event.pairs)}
        if len(context) > PAIRS_MAX:
            self._server.answer(replies.XSETCONTEXT_FULL)
            return
        self._client.context = context
        self._server.answer()

    # TLS.

    async def _secured_at_once(self) -> bool:
        """Begin TLS before the greeting (``Use_SSL``); whether it came to a good end. Nothing is said in clear."""
        self._connection.in_clear = False
        context = await self._context()
        if context is None or not await self._secure(context):
            return False
        self._server.terms = self._terms(self.reception.rules)
        return True

    async def _start_tls(self) -> None:
        """Answer STARTTLS: 220 and the handshake, or 454 where our own files do not serve."""
        if self._stale:
            self._ask_to_come_again()
            return
        context = await self._context()
        if context is None:
            self.reception.rejected(self._server.phase.words, replies.TLS_UNAVAILABLE, "tls")
            self._server.answer(replies.TLS_UNAVAILABLE)
            return
        self._server.answer()
        await self._send()
        self._connection.in_clear = False
        if await self._secure(context):
            self._server.secured(self._terms(self.reception.rules))

    async def _context(self) -> TlsContext | None:
        handshakes, terms = self._services.handshakes, self._security.tls
        if handshakes is None or terms is None:
            return None
        self.deadline.park()
        try:
            return await handshakes.context(self._who, terms)
        finally:
            self.deadline.resume()

    async def _secure(self, context: TlsContext) -> bool:
        """The handshake, which a drain or Idle_Time ends too; whether it came to a good end."""
        handshakes = self._services.handshakes
        assert handshakes is not None
        self._resting = self._torn = True
        made = await handshakes.shake(self._who, self._socket, context)
        self._resting = False
        if not isinstance(made, Secured):
            self._connection.why = "tls"
            said = Reply.of(f"454 4.7.0 TLS negotiation failed ({made.text or 'the client left'})")
            self.reception.rejected(self._server.phase.words, said, "tls")
            self._server.receive(b"")  # nothing that comes now is of this conversation
            return False
        self._torn = False
        self._wire = self._tls = made.wire
        self._connection.tls, self._secured_by = made.facts, self._security.tls
        self.reception.secured(made.facts)
        self._offered = self._proved_by = self._dialogues = None
        self._judge_anew(self._chain())
        self.deadline.touch()
        return True

    @property
    def _who(self) -> Who:
        return Who(str(self._connection.listen), str(self._connection.peer_address))

    # AUTH.

    async def _authenticate(self, event: Auth | AuthResponse) -> None:
        if self._stale:
            self._ask_to_come_again()
            return
        self.deadline.park()
        outcome = await self._outcome(event)
        match outcome:
            case Challenge():
                self._server.challenge(outcome.octets)
            case Proved():
                await self._welcome()
            case _:
                await self._not_proved(outcome)
        self.deadline.resume()

    async def _outcome(self, event: Auth | AuthResponse) -> Outcome:
        """What the next step of a dialogue comes to, the right of its user taken note of."""
        options = SmtpAuthenticationOptions.resolve(self._chain())
        if options.always_deny:
            return Failed()
        dialogues = self._dialogues
        if isinstance(event, Auth):
            if dialogues is None:
                dialogues = self._dialogues = self._new_dialogues()
            outcome = await dialogues.begin(event.mechanism, self._security.back_ends[event.mechanism], event.initial)
        else:
            assert dialogues is not None
            outcome = await dialogues.respond(event.octets)
        if isinstance(outcome, Proved):
            self._identify(Identity(outcome.user, dialogues.mechanism), dialogues)
        elif options.always_allow and not isinstance(outcome, Challenge):
            outcome = Proved(ANONYMOUS)
            self._identify(Identity(ANONYMOUS, dialogues.mechanism, is_proved=False), dialogues)
        return outcome

    def _new_dialogues(self) -> Dialogues:
        services, client = self._services, self.reception.client
        assert services.dialogues is not None
        return services.dialogues(Guesses(services.limits, KIND.service, client.peer_address), self._server.terms.host)

    def _identify(self, identity: Identity, dialogues: Dialogues) -> None:
        held = dialogues.held
        assert held is not None
        self.reception.client.identity, self._proved_by = identity, (dialogues.mechanism, held)
        self._judge_anew(self._chain())
        if held.log_authentication:
            self._account(identity.user, accepted=True)

    async def _welcome(self) -> None:
        """He has proved who he is: say so, unless policy is against it."""
        client = self._client
        decision: Decision = ACCEPTED
        if PolicyPhase.AUTH in self.reception.rules.rows:
            decision = await self.reception.ask(PolicyPhase.AUTH)
        if not self._answer(decision, self._server.phase):
            client.identity, client.auth_failed, self._proved_by = None, True, None
            self._judge_anew(self._chain())

    async def _not_proved(self, outcome: Failed | Unavailable) -> None:
        """Say so, after a pause: who guesses has to wait."""
        self.reception.client.auth_failed = True
        self._account(outcome.user if isinstance(outcome, Failed) else "", accepted=False)
        await trio.sleep(PAUSE_SECONDS)
        reply = replies.AUTH_UNAVAILABLE if isinstance(outcome, Unavailable) else replies.AUTH_FAILED
        self.reception.rejected(self._server.phase.words, reply, "auth")
        self._server.answer(reply)

    def _account(self, user: str, *, accepted: bool) -> None:
        """For the acctlog: ``N``."""
        machine, connection = self._door.machine, self._connection
        machine.events.publish(
            Authenticated(machine.clock.now(), str(connection.listen), connection.peer, user, accepted)
        )

    def _is_proved_still(self) -> bool:
        """Whether the client would still be taken for whom he has proved to be."""
        if self._proved_by is None:
            return True
        mechanism, held = self._proved_by
        denied = SmtpAuthenticationOptions.resolve(self._chain()).always_deny
        return self._security.back_ends.get(mechanism) == held and not denied


def client_of(connection: Connection) -> Client:
    """Who is at the other end of *connection*, or behind the proxy there."""
    client = Client(
        connection.connection_id, connection.peer_address, connection.peer, connection.local, connection.is_unix
    )
    if (said := connection.proxied) is not None:
        client.is_proxied = True
        if said.client is not None and said.local is not None:
            client.claim(*said.client)
            client.local = endpoint_text(*said.local)
    return client


def final_reply(receipt: Receipt) -> Reply:
    """The final 250: made from proof of custody alone (RFC 5321 section 6.1)."""
    return Reply(250, "2.0.0", (f"OK {receipt.batch.batch_id}",))
