"""Mail that comes whole with its envelopes, many messages at once (ECStream, HTTP), by the same door as SMTP's.

injector = Injector(door, client, rules, terms)            # one per connection
async with injector:
    for injection in await injector.inject(messages): ...  # one each, in order; an id means custody

Each message is a mail transaction of its own: the checks, the policy, the records and the receipts are a session's, and
what SMTP says to MAIL, RCPT and the end of content is said of it here. It is kept whole or not at all, whatever becomes
of the others; those that are kept share the groups of the spool's log. One with an idempotency key that its client has
used before makes no second message: it is answered as the first was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
import trio

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.claims import context_refusal
from momentum_trio.protocol.smtp.command import BINARYMIME, rcpt_of
from momentum_trio.protocol.smtp.content import Plain, is_faultless
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart, Event, Mail
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision, Deferred
from momentum_trio.reception.door import Door, Judged, discard_all
from momentum_trio.reception.idempotency import DENIALS, OTHER, Once, scope_of
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.policy.panel import Discarded
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.senders import Senders
from momentum_trio.spool.entry import PIECE_OCTETS, Entry
from momentum_trio.spool.key import KEY_LENGTH_MAX, Answer, Denial, Earlier, key_name
from momentum_trio.spool.spool import Receipt, SpoolFull, SpoolSick

PORTION_MESSAGES = 1000
PORTION_OCTETS = 4 * 1024 * 1024
"""Messages that are held at a time, of however many come together, until they are committed."""
MESSAGES_PER_TURN = 100
"""Judged at a stretch, before others get their turn."""

UNREADABLE = Deferred(replies.TRANSACTION_FAILED, "spool", "content that waited in the spool could not be read back")

Turn = Callable[[str], Awaitable[Decision | None]]
"""Waits until the client may begin a message with this reverse-path; or says why he may not."""


class Injection(msgspec.Struct, frozen=True, gc=False):
    """What became of it.

    id: of the batch we have custody of, or had; empty: of none. reply: to the message. recipients: of each what was
    said of him, in order; none at all: *reply* is everybody's. repeated: it was said before, to the same key.
    """

    id: str
    reply: Reply
    recipients: tuple[Reply, ...] = ()
    repeated: bool = False


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One that was taken. mail: as it was understood. refused: what was said of recipients, by their place, where that
    was no. recipient_count: of all of them."""

    mail: Mail
    refused: dict[int, Reply]
    recipient_count: int

    def answered(self, reply: Reply, batch_id: str = "") -> Injection:
        """What became of the message when *reply* was said to it."""
        refused = self.refused
        if not refused:
            return Injection(batch_id, reply)
        return Injection(batch_id, reply, tuple(refused.get(place, reply) for place in range(self.recipient_count)))

    @property
    def answer(self) -> Answer:
        """What is said to it where it is kept."""
        answered = self.answered(replies.OK)
        return Answer(answered.reply, answered.recipients)


class Underway(NamedTuple):
    """A message whose content comes in pieces. once: of its key, if it has one. envelope: None where that is known."""

    envelope: Envelope | None
    content: Plain
    once: Once | None = None


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """A message that is to be committed. envelope: None where none of its recipients was refused."""

    envelope: Envelope | None
    judged: Judged


class _Portion:
    """Messages that are committed together. octets: of those that are kept."""

    __slots__ = ("octets", "outcomes")

    def __init__(self) -> None:
        self.outcomes: list[Injection | _Kept] = []
        self.octets = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more comes into it."""
        return self.octets >= PORTION_OCTETS or len(self.outcomes) == PORTION_MESSAGES

    def add(self, outcome: Injection | _Kept) -> None:
        """A message was judged."""
        self.outcomes.append(outcome)
        if isinstance(outcome, _Kept):
            self.octets += outcome.judged.whole.batch.octets


class Injector:
    """What one connection injects: one caller at a time.

    reception: its door; replace its *rules* when the generation has changed, and *terms* here. terms: how envelopes and
    content are judged; parameters of what they offer are known. turn: what limits the client's messages. through: the
    rules of a message that policy has sent through a pathway. said_last: a 421 that was said: whatever would come after
    it is told the same, and the connection is to end.
    """

    def __init__(
        self,
        door: Door,
        client: Client,
        rules: Rules,
        terms: Terms,
        turn: Turn | None = None,
        through: Callable[[str], Rules] | None = None,
    ) -> None:
        self.turn, self._through = turn, through
        self._spool = door.spool
        self._held: list[Once] = []  # whose keys nobody else may have meanwhile
        self.reception = door.reception(client, rules)
        self.terms = terms
        self.said_last: Reply | None = None
        self._senders = Senders(self.reception, terms)

    async def __aenter__(self) -> Self:
        """A conversation begins: nothing holds that was said in one before."""
        self.said_last = None
        self.reception.begun()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    async def inject(self, messages: Iterable[Injected]) -> list[Injection]:
        """Take *messages* into custody: of each what became of it. Raises nothing for what mail is.

        Cancellation: some may be in custody; those will be delivered. Of the others nothing is kept.
        """
        injections, portion = list[Injection](), _Portion()
        self._senders.hold_under(self.terms)
        try:
            for message in messages:
                if portion.is_full or (message.key and self._would_wait(message)):
                    whole, portion = portion, _Portion()
                    injections.extend(await self._settled(whole.outcomes))
                portion.add(self._judged_as_before(message) or await self._judge(message))
                if len(portion.outcomes) % MESSAGES_PER_TURN == 0:
                    await trio.lowlevel.checkpoint()
            whole, portion = portion, _Portion()
            return injections + await self._settled(whole.outcomes)
        finally:
            self._release()
            if portion.outcomes:
                await discard_all(each.judged for each in portion.outcomes if isinstance(each, _Kept))
            await self.reception.abandon()

    async def begin(self, message: Injected) -> Underway | Injection:
        """Begin to inject a *message* whose content comes in pieces; the one in *message* counts for nothing.

        Returns: what to ``write`` to, and ``finish``, before anything else is injected; or what became of it at once.
        """
        self._senders.hold_under(self.terms)
        if not message.key:
            return await self._begin(message)
        once = await self._once(message)
        if isinstance(once, Injection):
            return once
        if once.earlier is not None:
            return Underway(None, Plain(self.terms), once)
        self._held.append(once)
        begun = await self._begin(message)
        if isinstance(begun, Underway):
            return begun._replace(once=once)
        once.release()
        return begun

    async def write(self, underway: Underway, octets: bytes) -> None:
        """Some of the content. Cancellation: the caller ends the injector."""
        _, content, once = underway
        if once is not None:
            once.write(octets)
            if once.earlier is not None:
                return
        content.receive(octets)
        while isinstance(part := content.next_event(), ContentPart):
            await self.reception.write(part.octets)

    async def finish(self, underway: Underway) -> Injection:
        """All of the content has come: what became of the message. Cancellation: as that of ``inject``."""
        return (await self._settled([await self._judged(underway)]))[0]

    async def end(self) -> None:
        """The connection is over. Cancellation: shielded, in bounded time."""
        self._release()
        if self.reception.is_idle:  # most often: then there is nothing to wait for
            return
        with trio.CancelScope(shield=True):
            await self.reception.end()

    async def _settled(self, outcomes: Sequence[Injection | _Kept]) -> list[Injection]:
        """Take custody of those that are to be kept; of the others, or where it cannot be, nothing is."""
        kept = [outcome for outcome in outcomes if isinstance(outcome, _Kept)]
        try:
            taken = iter(await self.reception.commit_all([each.judged for each in kept]) if kept else ())
        finally:
            self._release()
        return [each if isinstance(each, Injection) else _told(each.envelope, next(taken)) for each in outcomes]

    async def _judge(self, message: Injected) -> Injection | _Kept:
        content = message.content
        if isinstance(content, bytes) and not message.key and is_faultless(content, self.terms):  # as most are
            return await self._judge_whole(message, content)
        underway = await self.begin(message)
        if isinstance(underway, Injection):
            return underway
        if isinstance(content, Entry):
            return await self._read(underway, content)
        return await self._judged(underway, bytes(content))

    async def _judge_whole(self, message: Injected, content: bytes) -> Injection | _Kept:
        """With *content* nothing is wrong in itself."""
        envelope = await self._envelope(message)
        if isinstance(envelope, Injection):
            return envelope
        if self.turn is None:
            self._senders.taken()
        return await self._taken(envelope, content)

    def _judged_as_before(self, message: Injected) -> _Kept | None:
        """A message that is to be kept, as others of its sender; None: it has to be judged by itself."""
        if self.said_last is not None or self.turn is not None:
            return None
        judged = self._senders.judged(message)
        return None if judged is None else _Kept(None, judged)

    async def _read(self, underway: Underway, source: Entry) -> Injection | _Kept:
        """The content is in *source*."""
        offset = 0
        try:
            while octets := await source.read(offset, PIECE_OCTETS):
                await self.write(underway, octets)
                offset += len(octets)
        except (SpoolFull, SpoolSick):
            return await self._refuse(underway.envelope, UNREADABLE)
        return await self._judged(underway)

    # keys

    def _would_wait(self, message: Injected) -> bool:
        """For another message with its key, maybe one of ours: nobody waits who has what others may wait for."""
        return self._spool.claims.is_claimed(self._name(message))

    def _name(self, message: Injected) -> bytes:
        return key_name(scope_of(self.reception.client), message.key)

    async def _once(self, message: Injected) -> Once | Injection:
        """What is known of its key; or why it has none."""
        if self.said_last is not None:
            return Injection("", self.said_last)
        if len(message.key) > KEY_LENGTH_MAX:
            return Injection("", self._refused(replies.KEY_TOO_LONG, Phase.AWAITING_MAILFROM))
        try:
            known = await self._spool.claims.of(self._name(message))
        except SpoolSick:
            return Injection("", self._decided(UNREADABLE, Phase.AWAITING_MAILFROM))
        if isinstance(known, Denial):
            return Injection("", self._decided(DENIALS[known], Phase.AWAITING_MAILFROM))
        return Once(known, message.envelope)

    def _again(self, once: Once, earlier: Earlier) -> Injection:
        """All of a message has come whose key is known."""
        if once.is_the_same(earlier):
            return Injection(earlier.batch_id, *earlier.answer, repeated=True)
        return Injection("", self._decided(OTHER, Phase.READING_BODY))

    def _release(self) -> None:
        """Nothing with a key is underway."""
        held, self._held = self._held, []
        for once in held:
            once.release()

    # envelopes

    async def _begin(self, message: Injected) -> Underway | Injection:
        envelope = await self._envelope(message)
        if isinstance(envelope, Injection):
            return envelope
        return Underway(envelope, Plain(self.terms, binary=envelope.mail.body == BINARYMIME))

    async def _envelope(self, message: Injected) -> Envelope | Injection:
        reception, mail = self.reception, self._mail(message)
        if (self.turn is not None or reception.rules.rows) and isinstance(mail, Mail):
            mail = await self._let_in(mail)
        if isinstance(mail, Reply):
            await reception.abandon()
            return Injection("", mail)
        refused, rows = dict[int, Reply](), reception.rules_now.rows
        for place, addressee in enumerate(message.recipients):
            reply = self._recipient(addressee, mail)
            if reply is None and PolicyPhase.RCPTTO in rows:
                reply = self._unless_accepted(await reception.ask(PolicyPhase.RCPTTO), Phase.AWAITING_RCPTTO)
            if reply is not None:
                refused[place] = reply
        count = len(message.recipients)
        if len(refused) < count:
            return Envelope(mail, refused, count)
        await reception.abandon()
        return Injection("", _mildest(refused.values()), tuple(refused.values()))

    def _mail(self, message: Injected) -> Mail | Reply:
        if self.said_last is not None:
            return self.said_last
        mail = self._senders.mail(message)
        if isinstance(mail, Reply):
            return self._refused(mail, Phase.AWAITING_MAILFROM)
        if message.context and (refusal := context_refusal(message.context)) is not None:
            return self._refused(refusal, Phase.AWAITING_MAILFROM)
        reception = self.reception
        decision = reception.mail(mail.reverse_path, mail.line, mail.returning, mail.body, mail.smtputf8)
        if reception.transaction is not None:
            reception.transaction.not_before = message.not_before
            if message.context:
                reception.transaction.set_context(message.context)
        return mail if isinstance(decision, Accepted) else self._decided(decision, Phase.AWAITING_MAILFROM)

    async def _let_in(self, mail: Mail) -> Mail | Reply:
        """*mail*, which the checks have accepted, if policy and what limits the client do."""
        decision: Decision = ACCEPTED
        if PolicyPhase.MAILFROM in self.reception.rules.rows:
            decision = await self._asked(PolicyPhase.MAILFROM)
        if isinstance(decision, Accepted) and self.turn is not None:
            decision = await self.turn(mail.reverse_path) or decision
        return self._unless_accepted(decision, Phase.AWAITING_MAILFROM) or mail

    async def _asked(self, phase: PolicyPhase) -> Decision:
        """What policy says of the message in *phase*; it may send it through a pathway."""
        decision, transaction = await self.reception.ask(phase), self.reception.transaction
        if transaction is not None and transaction.pathway is not None and self._through is not None:
            transaction.rules = self._through(transaction.pathway)
        return decision

    def _recipient(self, addressee: Addressee, mail: Mail) -> Reply | None:
        """Why there is no such recipient; None: there is."""
        if self.said_last is not None:
            return self.said_last
        rcpt = rcpt_of(addressee.path, addressee.parameters, self.terms, smtputf8=mail.smtputf8)
        if isinstance(rcpt, Reply):
            return self._refused(rcpt, Phase.AWAITING_RCPTTO)
        decision = self.reception.recipient(rcpt.forward_path, rcpt.line, rcpt.wish)
        return self._unless_accepted(decision, Phase.AWAITING_RCPTTO)

    # content

    async def _judged(self, underway: Underway, octets: bytes = b"") -> Injection | _Kept:
        """The content ends with *octets*."""
        envelope, content, once = underway
        if once is not None:
            once.write(octets)
            if once.earlier is not None:
                return self._again(once, once.earlier)
        assert envelope is not None
        content.end(octets)
        event: Event | None
        while isinstance(event := content.next_event(), ContentPart):
            await self.reception.write(event.octets)
        assert isinstance(event, ContentEnd)
        if event.fault is not None:
            self._refused(event.fault, Phase.READING_BODY)
            await self.reception.abandon()
            return envelope.answered(event.fault)
        return await self._taken(envelope, event.octets, once)

    async def _taken(self, envelope: Envelope, octets: bytes, once: Once | None = None) -> Injection | _Kept:
        """The content, or the rest of it, is *octets*, with which nothing is wrong in itself."""
        judged = await self.reception.judge(octets)
        if isinstance(judged, Judged):
            return _Kept(envelope, judged if once is None else judged.with_claim(once.claimed(envelope.answer)))
        if isinstance(judged, Discarded):
            await self.reception.abandon()
            return envelope.answered(replies.OK)
        return await self._refuse(envelope, judged)

    async def _refuse(self, envelope: Envelope | None, decision: Decision) -> Injection:
        assert not isinstance(decision, Accepted)
        reply = self._decided(decision, Phase.READING_BODY)
        await self.reception.abandon()
        return Injection("", reply) if envelope is None else envelope.answered(reply)

    # what is said

    def refused_whole(self, decision: Deferred) -> Injection:
        """What becomes of a message that could not be looked at."""
        return Injection("", self._decided(decision, Phase.READING_BODY))

    def _unless_accepted(self, decision: Decision, phase: Phase) -> Reply | None:
        return None if isinstance(decision, Accepted) else self._decided(decision, phase)

    def _decided(self, decision: Decision, phase: Phase) -> Reply:
        assert not isinstance(decision, Accepted)
        self.reception.rejected(phase.words, decision.reply, decision.module)
        return self._noted(decision.reply)

    def _refused(self, reply: Reply, phase: Phase) -> Reply:
        """For what it is, not by a check."""
        self.reception.client.note(reply)
        self.reception.rejected(phase.words, reply, "smtp")
        return self._noted(reply)

    def _noted(self, reply: Reply) -> Reply:
        if reply.code == 421:
            self.said_last = reply
        return reply


def _told(envelope: Envelope | None, taken: Receipt | Deferred) -> Injection:
    reply, batch_id = (taken.reply, "") if isinstance(taken, Deferred) else (replies.OK, taken.batch.batch_id)
    return Injection(batch_id, reply) if envelope is None else envelope.answered(reply, batch_id)


def _mildest(said: Iterable[Reply]) -> Reply:
    """What is said to a message none of whose recipients was taken: come again, if one of them was told so."""
    return min(said, key=lambda reply: reply.code // 100)
