"""Delivery by ECStream: batches, results for each recipient, keys, and connections that end too early."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from delivery_world import EPOCH, MemorySpool, Tree
from ecstream_server import DEAF, ERROR, RESET, SMALL, Act, EcstreamServer
from msgspec.structs import replace

from momentum_trio.delivery.ecstream import Ecstream
from momentum_trio.delivery.ecstream_errand import NO_GATEWAY
from momentum_trio.delivery.errand import TIMED_OUT, Outfit
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.method import Attempt, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.machine import Machine
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.net.next_hop import NextHop
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.ecstream.batch import Recipient
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.message import Batch, Message
from sim.certificates import AUTHORITY, FOLDER, SERVER, SERVER_KEY, install
from sim.host import current_life
from sim.world import World

SINK = "10.0.0.9"
CONTENT = b"Subject: a\r\n\r\nb\r\n"


@dataclass
class ManyFeed:
    """A feed of parcels, all of them there at once. outcomes: by message. failure: what was said to be unreachable."""

    parcels: deque[Parcel]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failure: Deferred | Bounced | None = None
    in_hand: list[Parcel] = field(default_factory=list)
    in_hand_most: int = 0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        first = self.parcels[0].attempts[0]
        self.domain, self.binding_group, self.binding = first.domain, "default", "default"
        self.chain, self.gateway = first.chain, first.gateway

    async def take(self, recipients_max: int, idle_seconds: float) -> Parcel | None:
        await trio.sleep(0 if self.parcels else idle_seconds)
        return await self.more(recipients_max)

    async def more(self, recipients_max: int) -> Parcel | None:
        await trio.lowlevel.checkpoint()
        if not self.parcels:
            return None
        parcel = self.parcels.popleft()
        assert len(parcel.attempts) <= recipients_max
        self.in_hand.append(parcel)
        self.in_hand_most = max(self.in_hand_most, len(self.in_hand))
        return parcel

    async def report(self, parcel: Parcel, outcomes: Sequence[Outcome]) -> None:
        self.in_hand.remove(parcel)
        for attempt, outcome in zip(parcel.attempts, outcomes, strict=True):
            assert attempt.message.message_id not in self.outcomes
            self.outcomes[attempt.message.message_id] = outcome

    @contextmanager
    def admit_host(self, host: str) -> Iterator[bool]:
        yield True

    def reached(self) -> None:
        self.told.append("reached")

    def unreachable(self, failure: Deferred | Bounced) -> None:
        assert self.failure is None
        self.failure = failure


@dataclass
class DamagedSpool(MemorySpool):
    """One content of it cannot be read."""

    damaged: str = ""

    async def content(self, batch_id: str) -> bytes:
        if batch_id == self.damaged:
            raise SpoolSick("it is damaged")
        return await super().content(batch_id)


@dataclass
class Road:
    """An mx with messages in custody, a sink that speaks ECStream, and what lies between."""

    server: EcstreamServer = field(default_factory=EcstreamServer)
    options: Mapping[str, str] = field(default_factory=dict)
    gateway: str = "sink"
    tls: bool = False

    def __post_init__(self) -> None:
        self.world = World(1)
        self.mx = self.world.host("mx", "10.0.0.25")
        self.sink = self.world.host("sink", SINK)
        self.spool = MemorySpool()
        self.seconds = 0.0
        install(self.mx.store)
        install(self.sink.store)

    def accept(self, *paths: str, content: bytes = CONTENT, **terms: Any) -> Batch:
        """A batch that is in custody now."""
        next_id = self.spool.identifiers.next
        messages = tuple(Message(next_id(0), path) for path in paths)
        batch = Batch(next_id(0), "c", EPOCH, "ann@c", messages, len(content), "192.0.2.1", "esmtp", **terms)
        self.spool.contents[batch.batch_id] = content
        return batch

    def deliver(self, *batches: Batch) -> list[Outcome]:
        """What comes of each message, in the order of all; those that were not taken have the failure."""
        return self.run(lambda: self.attempt(*batches))

    def run(self, story: Callable[[], Awaitable[list[Outcome]]]) -> list[Outcome]:
        async def serve(machine: Machine) -> None:
            if self.tls:
                assert machine.tls is not None
                terms = TlsTerms(f"{FOLDER}/{SERVER}", f"{FOLDER}/{SERVER_KEY}")
                self.server.tls = await machine.tls.server_context(terms)
            await self.server.serve("0.0.0.0", 1825)

        async def main() -> list[Outcome]:
            await self.sink.boot(serve)
            await trio.sleep(0.1)
            return await story()

        return self.world.run(main)

    async def attempt(self, *batches: Batch) -> list[Outcome]:
        began = trio.current_time()
        outcomes = await self.mx.call(self._attempt, batches)
        self.seconds = trio.current_time() - began
        return outcomes

    async def _attempt(self, machine: Machine, batches: Sequence[Batch]) -> list[Outcome]:
        gateway = NextHop.parse(self.gateway) if self.gateway else None
        chain = Tree({"": self.options}).chain_outbound("default", "default", "sink")
        attempts = [
            [Attempt(batch, message, "sink", 0, chain, gateway) for message in batch.messages] for batch in batches
        ]
        self.feed = ManyFeed(deque(map(Parcel, attempts)))
        await Ecstream(Outfit(machine, self.spool, Hosts(machine))).carry(self.feed)
        assert self.feed.in_hand == []  # each parcel was reported
        assert current_life().descriptors() == []
        known = self.feed.outcomes
        found = [known.get(each.message.message_id, self.feed.failure) for group in attempts for each in group]
        return [outcome for outcome in found if outcome is not None]


DELIVERED = Delivered(SINK, reports_itself=True)


def test_many_queued_messages_go_in_one_batch_with_results_for_each_recipient() -> None:
    road = Road()
    batches = [road.accept("a@d", "nobody@d", "c@d"), *(road.accept(f"{n}@d", content=b"%d\r\n" % n) for n in range(9))]
    outcomes = road.deliver(*batches)
    refused = Bounced("550 5.1.1 no such mailbox", Stage.READING_CONFIRMATION, SINK, len(CONTENT))
    assert outcomes == [DELIVERED, refused, *[DELIVERED] * 10]
    assert (road.server.batches, road.server.connections) == ([12], 1)
    assert road.feed.told == ["reached"]
    contents = {taken.message.recipients[0].path: taken.content for taken in road.server.messages}
    assert contents == {b"a@d": CONTENT, b"c@d": CONTENT} | {b"%d@d" % n: b"%d\r\n" % n for n in range(9)}


def test_batches_go_ahead_of_results_through_a_small_window() -> None:
    road = Road(EcstreamServer(acts=[Act(held=2)]))
    batches = [road.accept(f"{n}@d", content=b"x" * 3000 + b"%d\r\n" % n) for n in range(60)]
    assert road.deliver(*batches) == [DELIVERED] * 60
    assert len(road.server.messages) == 60
    assert len(road.server.batches) > 10
    assert 5 < road.feed.in_hand_most < 60  # no more than the window has room for


@pytest.mark.parametrize("octets", [20_000, 1_000_000])  # in memory, and read in parts
def test_large_content_follows_in_chunks(octets: int) -> None:
    road = Road()
    content = b"".join(b"%014d\r\n" % n for n in range(octets // 16))
    assert road.deliver(road.accept("a@d", "b@d", content=content), road.accept("c@d")) == [DELIVERED] * 3
    assert [taken.content for taken in road.server.messages] == [content, content, CONTENT]


def test_the_envelope_says_what_the_message_needs() -> None:
    road = Road()
    content = "Subject: ü\r\n\r\n".encode()
    batch = road.accept("ü@d", content=content, returns="HDRS", envelope_id="a b", smtputf8=True)
    asked = Message(batch.messages[0].message_id, "ü@d", Notify.FAILURE | Notify.DELAY, "rfc822;bob@e")
    assert road.deliver(replace(batch, messages=(asked,))) == [DELIVERED]
    (taken,) = road.server.messages
    assert taken.message.parameters == b"BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+20b"
    assert taken.message.recipients == (Recipient("ü@d".encode(), b"NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@e"),)


@pytest.mark.parametrize("ending", [RESET, ERROR])
def test_a_lost_acknowledgement_makes_no_second_copy(ending: str) -> None:
    """The server had custody and did not say so; the next attempt has the same keys, whoever comes along with it."""
    road = Road(EcstreamServer(acts=[Act(answers_max=0, ending=ending)]))
    first = [road.accept("a@d", "b@d"), road.accept("c@d")]

    async def story() -> list[Outcome]:
        lost = await road.attempt(*first)
        assert len(road.server.messages) == 3
        assert all(isinstance(each, Deferred) and "the connection ended" in each.reason for each in lost)
        return await road.attempt(road.accept("d@d"), *reversed(first))

    assert road.run(story) == [DELIVERED] * 4
    assert sorted(taken.message.recipients[0].path for taken in road.server.messages) == [
        b"a@d",
        b"b@d",
        b"c@d",
        b"d@d",
    ]


def test_what_was_not_begun_goes_at_once_over_another_connection() -> None:
    acts = [Act(answers_max=1, ending=ERROR, forgets=True, held=2)]
    road = Road(EcstreamServer(terms=SMALL._replace(key_seconds=0), acts=acts))
    batches = [road.accept(f"{n}@d", content=b"x" * 3000 + b"%d\r\n" % n) for n in range(30)]
    assert road.deliver(*batches) == [DELIVERED] * 30
    assert (len(road.server.messages), road.server.connections) == (30, 2)
    assert {taken.message.key for taken in road.server.messages} == {b""}


def test_a_server_that_closes_before_it_has_anything_is_unreachable() -> None:
    road = Road(EcstreamServer(acts=[Act(no_hello=True)]))
    (outcome,) = road.deliver(road.accept("a@d"))
    assert isinstance(outcome, Deferred)
    assert outcome.reason.startswith("451 4.4.1 [internal] No valid hosts")
    assert road.feed.failure == outcome
    assert len(road.feed.parcels) == 1  # nothing was taken out of the queue


def test_results_are_waited_for_as_long_as_body_timeout_says() -> None:
    road = Road(EcstreamServer(acts=[Act(answers_max=0, ending=DEAF)]), {"Body_Timeout": "100"})
    (outcome,) = road.deliver(road.accept("a@d"))
    assert outcome == Deferred(
        "451 4.4.2 [internal] the connection ended: no results in time",
        Stage.READING_CONFIRMATION,
        SINK,
        outcome.octets if isinstance(outcome, Deferred) else 0,
    )
    assert 100 <= road.seconds < 105


def test_a_server_that_never_welcomes_us() -> None:
    """Somebody listens, and nobody accepts."""
    road = Road(options={"ECStream_Timeout": "30", "ECStream_Port": "1826"})

    async def story() -> list[Outcome]:
        async def listen(machine: Machine) -> None:
            with trio.socket.socket() as listening:
                await listening.bind(("0.0.0.0", 1826))
                listening.listen()
                await trio.sleep_forever()

        await road.sink.boot(listen)
        await trio.sleep(0.1)
        return await road.attempt(road.accept("a@d"))

    assert road.world.run(story) == [Deferred(TIMED_OUT, Stage.DURING_EHLO, SINK)]
    assert 30 <= road.seconds < 31


def test_without_a_gateway_mail_is_kept() -> None:
    road = Road(gateway="")
    assert road.deliver(road.accept("a@d")) == [Deferred(NO_GATEWAY)]
    assert road.server.connections == 0


@pytest.mark.parametrize(
    ("judge", "outcome"),
    [
        (Reply.of("451 4.3.0 later"), Deferred("451 4.3.0 later", Stage.READING_CONFIRMATION, SINK, len(CONTENT))),
        (Reply.of("554 5.7.1 never"), Bounced("554 5.7.1 never", Stage.READING_CONFIRMATION, SINK, len(CONTENT))),
    ],
)
def test_replies_decide(judge: Reply, outcome: Outcome) -> None:
    road = Road(EcstreamServer(judge=lambda message, content: judge))
    assert road.deliver(road.accept("a@d")) == [outcome]


def test_content_that_is_too_large_or_cannot_be_read_costs_nobody_else() -> None:
    road = Road(EcstreamServer(terms=SMALL._replace(content_octets=50_000)))
    large, lost, usual = road.accept("a@d", content=b"x" * 60_000), road.accept("b@d"), road.accept("c@d")
    road.spool = DamagedSpool(road.spool.contents, damaged=lost.batch_id)
    too_large, unread, delivered = road.deliver(large, lost, usual)
    assert too_large == Bounced("552 5.3.4 [internal] 60000 octets, and the server takes at most 50000", Stage.IDLE)
    assert unread == Deferred("451 4.3.0 [internal] spool: it is damaged", Stage.UNKNOWN)
    assert delivered == DELIVERED


@pytest.mark.parametrize(
    ("speaks", "options", "secured"),
    [
        (True, {"TLS": "required", "TLS_Verify": "host", "TLS_CA": f"{FOLDER}/{AUTHORITY}"}, True),
        (True, {"TLS": "ifavailable"}, True),
        (False, {"TLS": "ifavailable"}, False),
        (False, {"TLS": "required"}, None),
        (True, {"TLS": "required", "TLS_Verify": "ca"}, None),
    ],
)
def test_tls(speaks: bool, options: Mapping[str, str], secured: bool | None) -> None:
    road = Road(options=options, gateway="mx.example.com", tls=speaks)
    road.world.names.add("mx.example.com", road.sink.addresses)
    (outcome,) = road.deliver(road.accept("a@d"))
    if secured is None:
        assert isinstance(outcome, Deferred)
        assert outcome.reason.startswith("451 4.7.5 [internal]")
    else:
        assert outcome == DELIVERED


@pytest.mark.parametrize("in_clear", ["true", "false"])
def test_authentication(in_clear: str) -> None:
    options = {
        "Outbound_SMTP_AUTH_Type": "PLAIN",
        "Outbound_SMTP_AUTH_User": "ann",
        "Outbound_SMTP_AUTH_Pass": "secret",
        "Outbound_SMTP_AUTH_In_Clear": in_clear,
    }
    road = Road(EcstreamServer(users={"ann": "secret"}), options)
    (outcome,) = road.deliver(road.accept("a@d"))
    if in_clear == "true":
        assert (outcome, road.server.authenticated) == (DELIVERED, ["ann by PLAIN"])
    else:
        assert isinstance(outcome, Deferred)
        assert "the password is not sent in clear" in outcome.reason
