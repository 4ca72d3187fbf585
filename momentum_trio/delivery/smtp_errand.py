"""One connection for a feed over which SMTP or LMTP is spoken, with one parcel after the other.

As long as the server has not heard the end of a content, what was not decided may go elsewhere. Afterwards it waits: to
whom the reply to a content was lost may have it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from momentum_trio.delivery.custody import unreadable
from momentum_trio.delivery.errand import Connected, Errand, Left, Outfit
from momentum_trio.delivery.method import Attempt, Feed, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import Conversation
from momentum_trio.delivery.smtp_options import AS_IT_IS, NO_AUTH, OUR_HOSTNAME, SENDER_DOMAIN, SmtpOptions
from momentum_trio.delivery.smtp_parcel import failure_of, needs_conversion, outcome_of, transaction_of
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.machine.contract import Wire
from momentum_trio.mail.path import domain_of
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_credentials import Credentials
from momentum_trio.protocol.smtp.client_event import ClientTerms, Use, Verdict
from momentum_trio.reception.reception_options import NameOptions
from momentum_trio.spool.fault import SpoolFault


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a carrier speaks. extended, lmtp: as in ClientTerms."""

    extended: bool = True
    lmtp: bool = False


class Work:
    """A parcel in hand: its attempts, as far as they are not decided, and its content as it goes out."""

    __slots__ = ("content", "outcomes", "parcel")

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.content: OutgoingContent | None = None
        self.outcomes: list[Outcome | None] = [None] * len(parcel.attempts)

    @property
    def open(self) -> list[Attempt]:
        """What is still to be tried."""
        return [attempt for attempt, known in zip(self.parcel.attempts, self.outcomes, strict=True) if known is None]

    def decide(self, outcomes: Sequence[Outcome | None]) -> None:
        """What became of those that were open, in their order; None: nothing yet."""
        left = iter(outcomes)
        self.outcomes = [next(left) if known is None else known for known in self.outcomes]

    def decide_all(self, outcome: Outcome) -> list[Outcome]:
        """*outcome* for those that are open; then that of each."""
        return [outcome if known is None else known for known in self.outcomes]


class SmtpErrand(Errand):
    """What ``carry`` does for one feed."""

    def __init__(self, outfit: Outfit, dialect: Dialect, feed: Feed, port: int) -> None:
        seconds = SmtpOptions.resolve(feed.chain).connect_timeout or math.inf
        super().__init__(outfit, feed, port, seconds)
        self._dialect = dialect
        self._work: Work | None = None
        self._octets_before = 0  # that this connection took for other parcels

    async def run(self) -> None:
        """Serve the feed until it has nothing more, or no way is left."""
        if self._options.ehlo_hostname == SENDER_DOMAIN and not await self._take():
            return  # the name this host is to say stands in the first parcel
        await super().run()

    async def _put_off(self, failure: Deferred | Bounced) -> None:
        if self._work is not None:
            await self._report(failure)

    async def _converse(self, connected: Connected) -> Left | None:
        place, demand = connected.place, connected.demand
        conversation = Conversation(
            self._outfit.machine,
            self._outfit.deadlines,
            connected.socket,
            place,
            Client(self._terms(place, demand, clear=connected.clear)),
            self._options,
            demand,
            self._feed.chain,
            self._wire(connected.socket, place),
        )
        connected.seen.talk = conversation
        greeted = False
        with conversation.deadline:
            greeted = await conversation.greet()
            if greeted:
                self._worked(connected)
                return await self._serve(conversation, place)
        verdicts = await conversation.give_up() if conversation.deadline.fired else ()
        if not greeted:
            return self._not_greeted(place, conversation)
        if self._work is not None:
            undecided = await self._decide(self._work, conversation, place, verdicts)
            assert undecided is None  # who is silent has not left
        return None

    def _wire(self, socket: trio.socket.SocketType, place: Place) -> Wire:
        wire, tracers = self._outfit.machine.wire(socket), self._outfit.tracers
        return wire if tracers is None else tracers.wire(wire, self._feed, socket.fileno(), place)

    def _not_greeted(self, place: Place, conversation: Conversation) -> Left:
        ended, tls_failure = conversation.ended, conversation.tls_failure
        assert ended is not None
        failure = failure_of(ended.verdict, place.address_text, conversation.octets_sent)
        if tls_failure is not None and tls_failure.plain_allowed:
            return Left(failure, again=True, clear=True)
        return self._failed(place, failure)

    # -- what is said

    def _terms(self, place: Place, demand: TlsDemand, *, clear: bool) -> ClientTerms:
        options, required = self._options, demand.required(place)
        wanted = Use.REQUIRED if required else Use.IF_AVAILABLE if demand.wanted(place) else Use.NO
        return ClientTerms(
            self._name_for_sender() or self._our_name(),
            extended=self._dialect.extended,
            declares_eight_bit=options.declares_eight_bit != AS_IT_IS,
            sends_eight_bit_anyway=options.eight_bit_transform == AS_IT_IS,
            lmtp=self._dialect.lmtp,
            tls=Use.NO if clear else wanted,
            clear_after_refusal=demand.options.fallback and not required,
            credentials=credentials_of(options),
            xclient=Use(options.xclient),
        )

    def _our_name(self) -> str:
        name = self._options.ehlo_hostname
        if name not in (OUR_HOSTNAME, SENDER_DOMAIN):
            return name
        return NameOptions.resolve(self._feed.chain).hostname or self._outfit.machine.process.hostname

    def _name_for_sender(self) -> str:
        """What this host calls itself for the parcel in hand, where that depends on it; else empty."""
        if self._options.ehlo_hostname != SENDER_DOMAIN or self._work is None:
            return ""
        domain = domain_of(self._work.parcel.batch.reverse_path)
        return domain if domain and domain.isascii() else self._our_name()

    # -- parcels

    async def _serve(self, conversation: Conversation, place: Place) -> Left | None:
        """Parcels, until there is none, or the conversation has ended. Returns why, if one is in hand then."""
        served = False
        taken = self._work is not None or await self._take()
        self._has_reached()  # not before: what this one takes calls for no further connection
        while taken or await self._take():
            taken = False
            self._octets_before = conversation.octets_sent if served else 0
            ended = await self._deliver(conversation, place)
            if ended is not None:
                return Left(ended, again=served)
            served = True
            if conversation.ended is not None:
                return None
        await conversation.part()
        return None

    async def _take(self) -> bool:
        parcel = await self._feed.take(self._options.recipients_max, self._options.idle_timeout)
        if parcel is not None:
            self._work = Work(parcel)
        return parcel is not None

    async def _report(self, rest: Outcome) -> None:
        """How the parcel in hand ended; *rest*: for what is open of it."""
        work = self._work
        assert work is not None
        self._work = None
        await self._feed.report(work.parcel, work.decide_all(rest))

    async def _deliver(self, conversation: Conversation, place: Place) -> Deferred | Bounced | None:
        """The parcel in hand, in one transaction; reported, unless the server left it undecided: then why."""
        work = self._work
        assert work is not None
        content = await self._content(work, conversation)
        if not isinstance(content, OutgoingContent):
            await self._report(content)
            return None
        transaction = transaction_of(
            work.open, content, name=self._name_for_sender(), tells_origin=self._options.xclient != Use.NO.value
        )
        return await self._decide(work, conversation, place, await conversation.make(transaction, content))

    async def _decide(
        self, work: Work, conversation: Conversation, place: Place, verdicts: Sequence[Verdict]
    ) -> Deferred | Bounced | None:
        """Report what *verdicts* make of the parcel in hand, unless the server left it undecided: then why."""
        octets = conversation.octets_sent - self._octets_before
        ended = conversation.ended
        undecided = ended.verdict if ended is not None and ended.left else None
        reports_itself = conversation.extensions.dsn
        work.decide(
            [
                None
                if verdict is undecided
                else outcome_of(verdict, place.address_text, octets, reports_itself=reports_itself)
                for verdict in verdicts
            ]
        )
        if undecided is not None and None in work.outcomes:
            return failure_of(undecided, place.address_text, octets)
        self._work = None
        await self._feed.report(work.parcel, [outcome for outcome in work.outcomes if outcome is not None])
        return None

    async def _content(self, work: Work, conversation: Conversation) -> OutgoingContent | Deferred | Bounced:
        """The content as this server takes it, or why it cannot go there."""
        outfit = self._outfit
        anyway = self._options.eight_bit_transform == AS_IT_IS
        try:
            if work.content is None:
                content = OutgoingContent(
                    outfit.contents, work.parcel.batch, outfit.signer, work.parcel.attempts[0].chain
                )
                if (refused := await content.inspect()) is not None:
                    return refused
                work.content = content
            if needs_conversion(work.content, conversation.extensions, sends_eight_bit_anyway=anyway):
                return await work.content.seven_bit()
        except (KeyError, SpoolFault) as fault:
            return unreadable(fault)
        return work.content


def credentials_of(options: SmtpOptions) -> Credentials | None:
    """What AUTH says, if it is used."""
    if options.auth_mechanism == NO_AUTH:
        return None
    return Credentials(options.auth_mechanism, options.auth_user, options.auth_password, options.auth_in_clear)
