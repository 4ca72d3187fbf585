"""One connection for a feed: to the first place that will have us, with one parcel after the other.

As long as the server has not heard the end of a content, what was not decided may go to the next place, or to the same
one again where it closed a connection that had served before (RFC 5321 sections 3.8 and 5.1). Afterwards it waits: to
whom the reply to a content was lost may have it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import trio

from momentum_trio.delivery.custody import Contents, unreadable
from momentum_trio.delivery.hosts import Found, Hosts
from momentum_trio.delivery.method import Attempt, Feed, Parcel
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.signing import Signer
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import Conversation
from momentum_trio.delivery.smtp_options import ANY_ADDRESS, AS_IT_IS, NO_AUTH, OUR_HOSTNAME, SENDER_DOMAIN, SmtpOptions
from momentum_trio.delivery.smtp_parcel import failure_of, needs_conversion, outcome_of, transaction_of
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.delivery.tracing import Tracers
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.mail.path import domain_of
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_credentials import Credentials
from momentum_trio.protocol.smtp.client_event import ClientTerms, Use
from momentum_trio.reception.reception_options import NameOptions
from momentum_trio.spool.fault import SpoolFault

NO_CONNECTION = "451 4.4.1 [internal] No valid hosts (unable to make any connections)"
NO_SEAT = "451 4.4.5 [internal] its hosts have all the connections they may have"
TIMED_OUT = "450 4.4.1 [internal] Connection Timed Out"


@dataclass(frozen=True, slots=True)
class Outfit:
    """What the carriers of one node share.

    deadlines: strike while somebody runs them. outbound: their connections. tracers: who listens to conversations.
    """

    machine: Machine
    contents: Contents
    hosts: Hosts
    signer: Signer | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    outbound: OutboundConnections = field(default_factory=OutboundConnections)
    tracers: Tracers | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a carrier speaks. extended, lmtp: as in ClientTerms."""

    extended: bool = True
    lmtp: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A connection came to nothing, or ended with work in hand. failure: what to say of it.

    again: the same place may be tried at once. clear: without TLS.
    """

    failure: Deferred | Bounced
    again: bool = False
    clear: bool = False


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


class Errand:
    """What ``carry`` does for one feed."""

    def __init__(self, outfit: Outfit, dialect: Dialect, feed: Feed, port: int) -> None:
        self._outfit, self._dialect, self._feed, self._port = outfit, dialect, feed, port
        self._options = SmtpOptions.resolve(feed.chain)
        self._work: Work | None = None
        self._reached = False
        self._turned_away = False  # from a host that has all the connections it may have

    async def run(self) -> None:
        """Serve the feed until it has nothing more, or no way is left."""
        if self._options.ehlo_hostname == SENDER_DOMAIN and not await self._take():
            return  # the name this host is to say stands in the first parcel
        failure = await self._go()
        if self._work is not None:
            await self._report(failure or Deferred(NO_SEAT))
        if failure is not None and not self._reached and not self._turned_away:
            self._feed.unreachable(failure)

    # -- places

    async def _go(self) -> Deferred | Bounced | None:
        """To one place after the other, until one has served the feed. Returns why none did, or None."""
        found = await self._find()
        if not isinstance(found, Found):
            return found
        failure: Deferred | Bounced | None = None
        for place in found.places:
            with self._feed.admit_host(place.host) as admitted:
                if not admitted:
                    self._turned_away = True
                    continue
                left = await self._serve_at(place, found.demand)
            if left is None:
                return None
            failure = left.failure
            if isinstance(failure, Bounced):
                break
        return failure

    async def _find(self) -> Found | Deferred | Bounced:
        gateway = self._feed.gateway
        if gateway is None or not gateway.is_path:
            return await self._outfit.hosts.find(self._feed, self._port)
        path = gateway.host
        place = Place(path, int(trio.socket.AF_UNIX), (path,), path, 0)
        return Found((place,), TlsDemand(OutboundTlsOptions.resolve(self._feed.chain), self._feed.domain))

    async def _serve_at(self, place: Place, demand: TlsDemand) -> Left | None:
        """Over connections to one place: a further one where that may do better. Returns why it came to nothing."""
        clear = False
        is_secret = self._options.auth_mechanism != NO_AUTH and not self._options.auth_in_clear
        demand = replace(demand, tells_password=is_secret)
        while (left := await self._serve_over_one(place, demand, clear)) is not None and left.again:
            clear = clear or left.clear
        return left

    async def _serve_over_one(self, place: Place, demand: TlsDemand, clear: bool) -> Left | None:
        began = trio.current_time()
        try:
            with (
                trio.socket.socket(place.family, trio.socket.SOCK_STREAM) as socket,
                self._outfit.outbound.connection(socket, self._feed, place) as seen,
            ):
                if not await self._connect(socket, place):
                    return self._failed(place, Deferred(TIMED_OUT, peer_address=place.address_text))
                connected = trio.current_time() - began
                client = Client(self._terms(place, demand, clear=clear))
                conversation = Conversation(
                    self._outfit.machine,
                    self._outfit.deadlines,
                    socket,
                    place,
                    client,
                    self._options,
                    demand,
                    self._feed.chain,
                    self._wire(socket, place),
                )
                seen.talk = conversation
                if not await conversation.greet():
                    return self._not_greeted(place, conversation)
                self._outfit.hosts.worked(place, self._feed.binding, connected)
                return await self._serve(conversation, place)
        except OSError as error:
            reason = f"{NO_CONNECTION}: {error.strerror or error}"
            return self._failed(place, Deferred(reason, peer_address=place.address_text))

    def _wire(self, socket: trio.socket.SocketType, place: Place) -> Wire:
        wire, tracers = self._outfit.machine.wire(socket), self._outfit.tracers
        return wire if tracers is None else tracers.wire(wire, self._feed, socket.fileno(), place)

    async def _connect(self, socket: trio.socket.SocketType, place: Place) -> bool:
        """Whether it was in time. Raises OSError."""
        if place.family == trio.socket.AF_UNIX:
            address: object = place.host
        else:
            address = place.address
            socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            if self._options.bind_address != ANY_ADDRESS:
                await socket.bind((self._options.bind_address, 0))
        with trio.move_on_after(self._options.connect_timeout or math.inf) as scope:
            await socket.connect(address)
        return not scope.cancelled_caught

    def _failed(self, place: Place, failure: Deferred | Bounced) -> Left:
        self._outfit.hosts.failed(place, self._feed.binding)
        return Left(failure)

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
        if not self._reached:
            self._reached = True
            self._feed.reached()  # not before: what this one takes calls for no further connection
        while taken or await self._take():
            taken = False
            octets_before = conversation.octets_sent if served else 0
            ended = await self._deliver(conversation, place, octets_before)
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

    async def _deliver(self, conversation: Conversation, place: Place, octets_before: int) -> Deferred | Bounced | None:
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
        verdicts = await conversation.make(transaction, content)
        octets = conversation.octets_sent - octets_before
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
