"""One connection for a feed over which ECStream is spoken: parcels in batches, batches ahead of their results.

What was not begun may go elsewhere at once. What was sent and has no results may have been taken: it waits for its
retry, and has the same key then.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

import trio

from momentum_trio import __version__
from momentum_trio.delivery.custody import unreadable
from momentum_trio.delivery.ecstream_conversation import Conversation, Torn
from momentum_trio.delivery.ecstream_options import EcstreamDeliveryOptions
from momentum_trio.delivery.ecstream_parcel import key_of, message_of, outcome_of
from momentum_trio.delivery.errand import TIMED_OUT, Connected, Errand, Left, Outfit
from momentum_trio.delivery.hosts import Found
from momentum_trio.delivery.method import Feed, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Outcome
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import RESET_AT_CLOSE
from momentum_trio.delivery.smtp_options import AS_IT_IS, NO_AUTH
from momentum_trio.delivery.smtp_parcel import REASON_OCTETS_MAX
from momentum_trio.delivery.tls import TlsFailure, secure
from momentum_trio.machine.contract import TlsContext, Wire
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.ecstream.batch import Encoded, Following, Message
from momentum_trio.protocol.ecstream.frame import Octets, Welcome
from momentum_trio.protocol.ecstream.opening import Credentials, NotAdmitted
from momentum_trio.protocol.ecstream.packing import Packing
from momentum_trio.protocol.ecstream.results import Results
from momentum_trio.protocol.smtp.client_event import ClientTerms
from momentum_trio.spool.fault import SpoolFault

BATCH_MESSAGES_MAX: Final = 1000
PART_SECONDS: Final = 2.0
"""For the last octets of a connection, BYE or why it ends."""

NAME: Final = f"momentum-trio {__version__}"
NO_GATEWAY: Final = "451 4.3.5 [internal] delivery by ECSTREAM needs a Gateway"
TOO_LARGE: Final = "552 5.3.4 [internal] {} octets, and the server takes at most {}"


class Load:
    """A parcel in hand.

    content: as it goes out, once it was looked at, or why it does not. lacking: of its messages those without an
    outcome.
    """

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.content: OutgoingContent | Deferred | None = None
        self.outcomes: list[Outcome | None] = [None] * len(parcel.attempts)
        self.lacking = len(parcel.attempts)


class Item(NamedTuple):
    """One message of a load."""

    load: Load
    place: int


@dataclass(frozen=True, slots=True)
class Packed:
    """The batch that is sent next: the first *count* of what waits. following: whose contents follow it."""

    encoded: Encoded
    count: int
    following: tuple[Load, ...]


class EcstreamErrand(Errand):
    """What ``carry`` does for one feed. Kept at most: a batch that is made, and what the server's window has room for.

    Each item is waiting or underway, in a batch that was sent; a load is reported with its last item.
    """

    def __init__(self, outfit: Outfit, feed: Feed) -> None:
        options = EcstreamDeliveryOptions.resolve(feed.chain)
        super().__init__(outfit, feed, options.port, options.timeout or math.inf)
        self._terms = ClientTerms("", declares_eight_bit=self._options.declares_eight_bit != AS_IT_IS)
        self._hostname = outfit.machine.process.hostname
        self._waiting: deque[Item] = deque()
        self._underway: dict[int, list[Item]] = {}
        self._resolved = trio.Event()  # another batch has its results
        self._served = False  # this connection brought results

    async def _find(self) -> Found | Deferred | Bounced:
        return Deferred(NO_GATEWAY) if self._feed.gateway is None else await super()._find()

    async def _put_off(self, failure: Deferred | Bounced) -> None:
        while self._waiting:
            await self._decide(self._waiting.popleft(), failure)

    # -- a connection

    async def _converse(self, connected: Connected) -> Left | None:
        place, opened = connected.place, None
        with trio.move_on_after(self._connect_seconds):
            opened = await self._open(connected)
        if opened is None:
            return self._failed(place, Deferred(TIMED_OUT, Stage.DURING_EHLO, place.address_text))
        if isinstance(opened, Left):
            return opened
        self._worked(connected)
        return await self._serve(opened, connected)

    async def _open(self, connected: Connected) -> Conversation | Left:
        """Until batches may be sent. Raises OSError."""
        place, demand, machine = connected.place, connected.demand, self._outfit.machine
        wire: Wire = machine.wire(connected.socket)
        context: TlsContext | None = None
        if (demand.required(place) or demand.wanted(place)) and not connected.clear:
            made = await secure(machine, connected.socket, place, demand, self._feed.chain)
            if isinstance(made, TlsFailure):
                return self._unsecured(place, made)
            wire, context = made, made.tls.context
        talk = Conversation(wire, NAME, self._options.body_timeout or math.inf, context)
        connected.seen.talk = talk
        try:
            await talk.open(self._credentials(), unseen=context is not None or self._options.auth_in_clear)
        except NotAdmitted as refused:
            reason = f"454 4.7.0 [internal] {refused}"[:REASON_OCTETS_MAX]
            return self._failed(place, Deferred(reason, Stage.AFTER_EHLO, place.address_text, talk.octets_sent))
        return talk

    def _unsecured(self, place: Place, fault: TlsFailure) -> Left:
        failure = Deferred(fault.reason, fault.stage, place.address_text)
        return Left(failure, again=True, clear=True) if fault.plain_allowed else self._failed(place, failure)

    def _credentials(self) -> Credentials | None:
        options = self._options
        if options.auth_mechanism == NO_AUTH:
            return None
        return Credentials(options.auth_user, options.auth_password, (options.auth_mechanism,))

    async def _serve(self, talk: Conversation, connected: Connected) -> Left | None:
        """Parcels, until there is none, or the conversation has ended. Returns why, if something is in hand then."""
        taken = bool(self._waiting) or await self._take(talk.welcome, waits=True)
        self._has_reached()
        if not taken:
            return None
        self._served = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, talk, nursery.cancel_scope)
                await self._hear(talk, connected.place)
                nursery.cancel_scope.cancel()
            with trio.move_on_after(PART_SECONDS), suppress(Torn):
                await talk.flush()
        finally:
            if self._underway:  # what the kernel has not sent yet is not to be taken after all
                connected.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET_AT_CLOSE)
        return await self._ended(talk, connected.place)

    async def _ended(self, talk: Conversation, place: Place) -> Left | None:
        """What was not begun waits for another connection; what is in doubt, for its retry."""
        closed = talk.closed
        if closed is None or closed.error is None:
            return None
        reason = f"451 4.4.2 [internal] the connection ended: {closed.error.why.decode('ascii', 'replace')}"
        stage = Stage.READING_CONFIRMATION
        failure = Deferred(reason[:REASON_OCTETS_MAX], stage, place.address_text, talk.octets_sent)
        for number, items in sorted(self._underway.items(), reverse=True):
            if closed.by_server and number >= closed.error.unbegun:
                self._waiting.extendleft(reversed(items))
            else:
                for item in items:
                    await self._decide(item, failure)
        self._underway.clear()
        return Left(failure, again=self._served) if self._waiting else None

    # -- what comes

    async def _hear(self, talk: Conversation, place: Place) -> None:
        while talk.closed is None:
            for event in await talk.hear():
                if isinstance(event, Results):
                    await self._settle(event, place)

    async def _settle(self, results: Results, place: Place) -> None:
        for item, result in zip(self._underway[results.number], results.messages, strict=True):
            content = item.load.content
            assert isinstance(content, OutgoingContent)
            await self._decide(item, outcome_of(result, place.address_text, content.octets))
        del self._underway[results.number]
        self._served = True
        self._resolved.set()
        self._resolved = trio.Event()

    async def _decide(self, item: Item, outcome: Outcome) -> None:
        load = item.load
        load.outcomes[item.place] = outcome
        load.lacking -= 1
        if not load.lacking:
            await self._feed.report(load.parcel, [known for known in load.outcomes if known is not None])

    # -- what is sent

    async def _send(self, talk: Conversation, conversing: trio.CancelScope) -> None:
        """Batches, until there is nothing more and all have their results; then the conversation is over."""
        try:
            while (packed := await self._pack(talk)) is not None:
                await self._send_batch(talk, packed)
            while self._underway:
                await self._resolved.wait()
            await talk.part()
        except Torn:
            return
        conversing.cancel()

    async def _send_batch(self, talk: Conversation, packed: Packed) -> None:
        await talk.begin(packed.encoded)
        self._underway[packed.encoded.batch.number] = [self._waiting.popleft() for _ in range(packed.count)]
        await talk.flush()
        try:
            for load in packed.following:
                assert isinstance(load.content, OutgoingContent)
                await talk.go_on(load.content)
        except (KeyError, SpoolFault):
            talk.abandon(b"a content cannot be read")
            await talk.flush()

    async def _pack(self, talk: Conversation) -> Packed | None:
        """The next batch: what waits, and what the queue has now; None when it has nothing for a while."""
        packing = Packing(talk.welcome, BATCH_MESSAGES_MAX)
        following: dict[Load, None] = {}
        count = 0
        while count < len(self._waiting) or await self._take(talk.welcome, waits=not count):
            item = self._waiting[count]
            content = item.load.content or await self._look(item.load)
            message = self._message(item, content, talk.welcome)
            if not isinstance(message, Message):
                del self._waiting[count]
                await self._decide(item, message)
                continue
            assert isinstance(content, OutgoingContent)
            carried = await _carried(content, packing)
            if not packing.add(message, item.load, carried):
                assert count  # any that is in bounds goes alone
                break
            count += 1
            if isinstance(carried, Following):
                following[item.load] = None
        return Packed(packing.encoded(talk.next_number), count, tuple(following)) if count else None

    async def _take(self, welcome: Welcome, *, waits: bool) -> bool:
        most = min(self._options.recipients_max, welcome.batch_messages, BATCH_MESSAGES_MAX)
        parcel = await (self._feed.take(most, self._options.idle_timeout) if waits else self._feed.more(most))
        if parcel is not None:
            load = Load(parcel)
            self._waiting.extend(Item(load, place) for place in range(len(parcel.attempts)))
        return parcel is not None

    def _message(
        self, item: Item, content: OutgoingContent | Deferred, welcome: Welcome
    ) -> Message | Deferred | Bounced:
        """*item* as this server takes it, or why it does not go there."""
        if not isinstance(content, OutgoingContent):
            return content
        if content.octets > welcome.content_octets:
            return Bounced(TOO_LARGE.format(content.octets, welcome.content_octets), Stage.IDLE)
        attempt = item.load.parcel.attempts[item.place]
        key = key_of(attempt, content, self._hostname) if welcome.key_seconds else b""
        return message_of(attempt, content, self._terms, key)

    async def _look(self, load: Load) -> OutgoingContent | Deferred:
        """The content as it goes out, or why it cannot."""
        outfit, parcel = self._outfit, load.parcel
        content = OutgoingContent(outfit.contents, parcel.batch, outfit.signer, parcel.attempts[0].chain)
        try:
            load.content = await content.inspect() or content
        except (KeyError, SpoolFault) as fault:
            load.content = unreadable(fault)
        return load.content


async def _carried(content: OutgoingContent, packing: Packing) -> Octets | Following:
    """It as a batch has it: here, or to follow."""
    is_small = content.resident and not packing.stands_alone(content.octets)
    return await content.part(0) if is_small else Following(content.octets)
