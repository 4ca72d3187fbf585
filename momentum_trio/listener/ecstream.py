"""ECStream_Listener: batches of mail. Octets between a socket and the core, batches to reception's injector.

The protocol is in ``protocol/ecstream`` (docs/protocols/ecstream.md), what becomes of a message in ``reception``; here
is when to read, send, wait and end. Batches that came together are committed together, and answered in one send.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import trio

from momentum_trio.listener.address_limits import with_client
from momentum_trio.listener.ecstream_batches import Arrival, inject
from momentum_trio.listener.ecstream_line import Line, why_of
from momentum_trio.listener.ecstream_standing import PROTOCOL, Standing
from momentum_trio.listener.esmtp_identity import Proving
from momentum_trio.listener.esmtp_line import FAREWELL_SECONDS
from momentum_trio.listener.handshake import Secured, Who
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.listener.message_limits import MessageLimits
from momentum_trio.listener.smtp_authentication import PAUSE_SECONDS, Unavailable
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.batch import Batch
from momentum_trio.protocol.ecstream.frame import (
    HEADER,
    SMALL_OCTETS_MAX,
    Authenticate,
    Code,
    Error,
    encode,
)
from momentum_trio.protocol.ecstream.server import Begun, Closed, ContentPart, Left, Server, State
from momentum_trio.protocol.sasl.mechanism import Challenge, Failed, Proved
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import Auth, AuthResponse
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.protocol.smtp.terms import AUTH_TRIES_MAX
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision, Deferred
from momentum_trio.reception.door import Door
from momentum_trio.reception.injection import Injector
from momentum_trio.reception.policy.phase import PolicyPhase

SHUTTING_DOWN = Deferred(replies.SHUTTING_DOWN, PROTOCOL, "the node drains")


async def converse(connection: Connection, services: Services) -> None:
    """One ECStream connection, from its preface to its end; the caller closes the socket and records the end.

    Cancellation: messages whose commit was handed over are kept, whatever else is underway is given up.
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
        await session.end()


def last_word(reply: Reply, code: Code = Code.CLOSING) -> bytes:
    """ERROR for somebody who gets no conversation, or no more of it: *reply* says why."""
    return encode(Error(code, 1, why_of(reply)))


KIND = ListenerKind(
    "ECStream_Listener",
    "ECStream",
    Plane.MAIL,
    converse,
    refusal=last_word(replies.CONCURRENCY),
    fault=last_word(replies.INTERNAL_FAULT, Code.FAULT),
    gone=last_word(replies.RECONFIGURATION),
)


class Session:
    """One client's connection: what the core understands is injected, what becomes of it is said.

    line: between the core and him. standing: what holds for him. deadline: of his silence.
    """

    __slots__ = (
        "_arrival",
        "_connection",
        "_door",
        "_failure_count",
        "_injector",
        "_limits",
        "_proving",
        "_server",
        "_services",
        "deadline",
        "line",
        "standing",
    )

    def __init__(self, connection: Connection, door: Door, services: Services) -> None:
        self._connection, self._door, self._services = connection, door, services
        standing = self.standing = Standing(connection, door)
        server = self._server = Server(standing.tell())
        deadline = self.deadline = services.deadlines.after(standing.silence_seconds)
        line = self.line = Line(connection, door.machine.wire(connection.socket), server, deadline)
        self._limits = MessageLimits(connection, services, standing, line.in_turn)
        self._injector = Injector(door, standing.client, standing.rules, standing.terms, through=standing.rules_through)
        self._hold()
        self._proving = Proving(connection, services, standing)
        self._arrival: Arrival | None = None  # the batch whose contents follow
        self._failure_count = 0  # of dialogues

    async def end(self) -> None:
        """The connection is over: nothing is kept of what is not in custody."""
        try:
            if self._arrival is not None:
                await self._arrival.discard()
        finally:
            await self._injector.end()

    async def talk(self, refusal: Reply | None = None) -> None:
        """Converse until one of the two is done, or the deadline cuts it. refusal: why there is nothing to converse."""
        line, connection = self.line, self._connection
        if self.standing.security.at_once and not await self._secured():
            return
        if (refusal := refusal or await self._unwelcome()) is not None:
            line.end(Code.CLOSING if refusal.code == 421 else Code.NOT_ALLOWED, refusal, "policy")
        while self._server.state is not State.CLOSED:
            if connection.draining.is_set() and line.is_between_batches:
                line.end(Code.CLOSING, replies.SHUTTING_DOWN, "drain")
                break
            try:
                count = await line.receive()
            except OSError:  # a reset: an end like any other
                return
            if await self._answer_all():
                self.deadline.touch()
            else:
                self.deadline.credit(count)
            await line.send()
            if not count:
                return
        await line.send()
        with trio.move_on_after(FAREWELL_SECONDS):
            await line.linger()

    async def _unwelcome(self) -> Reply | None:
        """Why this client is not conversed with; the rejectlog has it then."""
        standing, reception = self.standing, self._injector.reception
        if standing.is_stale:
            return self._rejected(replies.RECONFIGURATION, PROTOCOL)
        if not (standing.is_let_in or standing.security.mechanisms):
            return self._rejected(replies.NOT_LET_IN, PROTOCOL)
        if PolicyPhase.CONNECT not in reception.rules.rows:
            return None
        self.deadline.park()
        decision = await self._asked(PolicyPhase.CONNECT)
        self._server.terms = standing.tell()
        self.deadline.resume()
        self.deadline.touch(standing.silence_seconds)
        return None if isinstance(decision, Accepted) else self._rejected(decision.reply, decision.module)

    async def _asked(self, phase: PolicyPhase) -> Decision:
        """What policy says of the client in *phase*; it may send him through a pathway."""
        before = self.standing.client.pathway
        decision = await self._injector.reception.ask(phase)
        if self.standing.client.pathway != before:
            self.standing.judge_anew()
            self._hold()
        return decision

    def _rejected(self, reply: Reply, module: str, phase: Phase = Phase.JUST_CONNECTED) -> Reply:
        self._injector.reception.rejected(phase.words, reply, module)
        return reply

    async def _answer_all(self) -> bool:
        """Answer everything the core has understood so far; the frames wait in it for one send. Returns whether there
        was a whole batch, content or other frame, not just octets."""
        server, whole, advanced, are_chunks = self._server, list[Batch](), False, False
        while True:
            event = server.next_event()
            if isinstance(event, Closed):
                whole.clear()  # who has broken the protocol, or left, is told nothing of them: they were not begun
            if whole and not (isinstance(event, Begun) and event.whole):
                await self._take(whole)
                whole.clear()
            match event:
                case None:
                    break
                case Begun(batch, whole=True):
                    whole.append(batch)
                case Begun(batch):
                    await self._begin(batch)
                case ContentPart():
                    await self._go_on(event)
                    if not event.ends:
                        are_chunks = True
                        continue
                case Authenticate():
                    await self._authenticate(event)
                case Left():
                    self._connection.why = "quit"
                case Closed(error, by_client):
                    if error is not None and not (by_client or self.line.has_ended):
                        self._rejected(Reply(500, "5.5.2", (error.why.decode("ascii", "replace"),)), PROTOCOL)
                    break
            advanced = True
        return advanced or (server.has_to_send and not are_chunks)

    # batches

    async def _take(self, batches: Sequence[Batch]) -> None:
        self._renew()
        self.deadline.park()
        for batch, results in zip(batches, await inject(self._injector, batches), strict=True):
            self._server.results(batch.number, results)
        self.deadline.resume()
        self._look_for_end()

    async def _begin(self, batch: Batch) -> None:
        self._renew()
        self.deadline.park()
        self._arrival = Arrival(self._injector, self._door.spool, batch)
        await self._arrival.begin()
        self.deadline.resume()

    async def _go_on(self, part: ContentPart) -> None:
        arrival, server = self._arrival, self._server
        assert arrival is not None
        self.deadline.park()
        await arrival.take(part)
        if part.whole:
            server.results(arrival.number, arrival.results)
            self._arrival = None
            self._look_for_end()
        else:
            server.consumed(part.number, HEADER.size + len(part.octets))
        self.deadline.resume()

    async def _turn(self, reverse_path: str) -> Decision | None:
        decision = await self._limits.to_message(reverse_path)
        return SHUTTING_DOWN if self.line.has_lost_turn else decision

    def _look_for_end(self) -> None:
        """End the connection if something was said after which there is nothing to say."""
        if (said := self._injector.said_last) is not None:
            self.line.end(Code.CLOSING, said, "drain" if said is SHUTTING_DOWN.reply else "reconfigured")

    def _renew(self) -> None:
        """Let the newest generation hold, for the batches that come. If the client was told what holds no more, none of
        them is taken: he is asked to come again."""
        standing, injector = self.standing, self._injector
        if not standing.is_of_the_past:
            return
        standing.renew()
        self._hold()
        self.deadline.touch(standing.silence_seconds)
        if standing.is_stale:
            injector.said_last = self._rejected(replies.RECONFIGURATION, PROTOCOL, Phase.AWAITING_MAILFROM)

    def _hold(self) -> None:
        """What stands holds for the mail that comes."""
        standing, injector = self.standing, self._injector
        injector.reception.rules, injector.terms = standing.rules, standing.terms
        injector.turn = self._turn if self._limits.are_any else None

    # TLS

    async def _secured(self) -> bool:
        """Begin TLS; whether it came to a good end. Nothing is said in clear."""
        connection, line, standing, handshakes = self._connection, self.line, self.standing, self._services.handshakes
        connection.in_clear = False
        who = Who(str(connection.listen), str(connection.peer_address))
        if handshakes is None or (terms := standing.security.tls) is None:
            return False
        self.deadline.park()
        context = await handshakes.context(who, terms)
        self.deadline.resume()
        if context is None:
            return False
        line.is_resting = line.is_torn = True
        made = await handshakes.shake(who, connection.socket, context)
        line.is_resting = False
        if not isinstance(made, Secured):
            connection.why = "tls"
            self._rejected(Reply(454, "4.7.0", (f"TLS negotiation failed ({made.text or 'the client left'})",)), "tls")
            return False
        line.is_torn = False
        line.wire = line.tls = made.wire
        connection.tls = made.facts
        self._injector.reception.secured(made.facts)
        standing.secured_by = terms
        standing.judge_anew()
        self._server.terms = standing.tell()
        self._hold()
        self.deadline.touch()
        return True

    # authentication

    async def _authenticate(self, event: Authenticate) -> None:
        mechanism, response = event.mechanism.decode("ascii"), event.response
        step = Auth(mechanism, response or None) if mechanism else AuthResponse(response)
        self.deadline.park()
        outcome = await self._proving.step(step, KIND.service)
        match outcome:
            case Challenge():
                self._server.challenge(outcome.octets)
            case Proved():
                await self._welcome(outcome)
            case _:
                await self._not_proved(outcome)
        self.deadline.resume()

    async def _welcome(self, proved: Proved) -> None:
        """He has proved who he is: let him in, unless policy is against it, or that gives no right to send."""
        self._hold()
        decision: Decision = ACCEPTED
        reception = self._injector.reception
        if PolicyPhase.AUTH in reception.rules.rows:
            decision = await self._asked(PolicyPhase.AUTH)
        if isinstance(decision, Accepted) and self.standing.is_let_in:
            self._server.authenticated(proved.user.encode()[:SMALL_OCTETS_MAX])
            return
        self._proving.revoke()
        self._hold()
        reply, module = (
            (replies.NOT_LET_IN, PROTOCOL) if isinstance(decision, Accepted) else (decision.reply, decision.module)
        )
        self._unproved(reply, module)

    async def _not_proved(self, outcome: Failed | Unavailable) -> None:
        """Say so, after a pause: who guesses has to wait."""
        self._proving.failed(outcome)
        await trio.sleep(PAUSE_SECONDS)
        self._unproved(replies.AUTH_UNAVAILABLE if isinstance(outcome, Unavailable) else replies.AUTH_FAILED, "auth")

    def _unproved(self, reply: Reply, module: str) -> None:
        self._rejected(reply, module)
        self._failure_count += 1
        if self._failure_count >= AUTH_TRIES_MAX:
            self.line.end(Code.NOT_ALLOWED, replies.TOO_MANY_TRIES, "closed")
        else:
            self._server.unproved(why_of(reply))
