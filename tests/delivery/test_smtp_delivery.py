"""Delivery by SMTP from host to host, simulated: servers that refuse, are silent, or vanish, at each stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from delivery_world import EPOCH, MemorySpool, Tree
from given_feed import GivenFeed
from scripted_server import CLOSE, DEAF, RESET, SILENCE, STAGES, ScriptedServer

from momentum_trio.delivery.destination import NO_ADDRESS
from momentum_trio.delivery.errand import TIMED_OUT, Outfit
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.method import Attempt, Carrier
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.smtp import Smtp
from momentum_trio.delivery.smtp_content import HELD_OCTETS_MAX, PART_OCTETS
from momentum_trio.delivery.smtp_conversation import QUIT_SECONDS
from momentum_trio.limits.deadline import SLACK_SECONDS
from momentum_trio.machine import Machine
from momentum_trio.mail.stage import Stage
from momentum_trio.net.next_hop import NextHop
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.message import Batch, Message
from sim.host import Host, current_life
from sim.world import World

SINK, SECOND, SINK6 = "10.0.0.9", "10.0.0.10", "fd00::9"
SOURCE, SECOND_SOURCE = "10.0.0.25", "10.0.0.26"
SMALL = b"Subject: a\r\n\r\n.\r\n..b\r\n"
LARGE = (b"." + b"x" * 61 + b"\r\n") * 20_000
assert len(LARGE) > 4 * HELD_OCTETS_MAX


@dataclass
class Road:
    """An mx with messages in custody, a sink with a scripted server, and what lies between."""

    answers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    gateway: str = "sink"
    extended: bool = True
    seed: int = 1
    short: float = 0.0

    def __post_init__(self) -> None:
        self.world = World(self.seed, short=self.short)
        self.mx = self.world.host("mx", SOURCE, SECOND_SOURCE, "fd00::25")
        self.sink = self.world.host("sink", SINK, SINK6)
        self.server = ScriptedServer(self.answers)
        self.spool = MemorySpool()
        self.seconds = 0.0

    def accept(self, *forward_paths: str, content: bytes = SMALL, reverse_path: str = "ann@c") -> Batch:
        """A batch that is in custody now."""
        next_id = self.spool.identifiers.next
        batch_id = next_id(0)
        messages = tuple(Message(next_id(0), path) for path in forward_paths)
        self.spool.contents[batch_id] = content
        return Batch(batch_id, batch_id, EPOCH, reverse_path, messages, len(content), "192.0.2.1", "esmtp")

    def attempts(self, batch: Batch) -> list[Attempt]:
        gateway = NextHop.parse(self.gateway) if self.gateway else None
        chain = Tree({"": self.options}).chain_outbound("default", "default", "d")
        return [Attempt(batch, message, "d", 0, chain, gateway) for message in batch.messages]

    def deliver(self, *forward_paths: str, content: bytes = SMALL, reverse_path: str = "ann@c") -> list[Outcome]:
        """What comes of one batch."""
        batch = self.accept(*forward_paths, content=content, reverse_path=reverse_path)
        return self.run(lambda: self.attempt(self.attempts(batch)))

    async def attempt(self, attempts: list[Attempt]) -> list[Outcome]:
        """From the mx; *seconds* says how long it took."""
        began = trio.current_time()
        outcomes = await self.mx.call(self._attempt, attempts)
        self.seconds = trio.current_time() - began
        return outcomes

    async def _attempt(self, machine: Machine, attempts: list[Attempt]) -> list[Outcome]:
        self.feed = GivenFeed([attempts])
        await self.carry(machine, self.feed)
        return [self.feed.outcome(attempt) for attempt in attempts]

    async def carry(self, machine: Machine, feed: GivenFeed) -> None:
        """One connection for *feed*."""
        outfit = Outfit(machine, self.spool, Hosts(machine))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(outfit.deadlines.run)
                await self.carrier(outfit).carry(feed)
                nursery.cancel_scope.cancel()
            feed.check_ended()
        finally:
            assert current_life().descriptors() == []  # however it ends, no socket is left

    def carrier(self, outfit: Outfit) -> Carrier:
        return Smtp(outfit, extended=self.extended)

    def run(self, story: Callable[[], Awaitable[list[Outcome]]], **serve: Any) -> list[Outcome]:
        async def main() -> list[Outcome]:
            await self.sink.boot(self.server.serve, **serve)
            await trio.sleep(0.1)
            return await story()

        return self.world.run(main)

    def deliver_while_parted(self) -> list[Outcome]:
        """What comes of LARGE over a slow way that is cut in the middle of it, and mended when it is too late."""
        batch = self.accept("bob@d", content=LARGE)
        between = self.world.link(self.mx, self.sink)
        for path in between:
            path.octets_per_second = 100_000

        async def story() -> list[Outcome]:
            outcomes: list[Outcome] = []

            async def attempt() -> None:
                outcomes.extend(await self.attempt(self.attempts(batch)))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(attempt)
                await trio.sleep(5)
                for path in between:
                    path.blocked = True
            for path in between:
                path.blocked = False
            await trio.sleep(300)
            return outcomes

        return self.run(story)


def test_a_batch_goes_in_one_transaction_over_one_connection() -> None:
    road = Road(short=0.3)
    assert road.deliver("bob@d", "carol@d") == [Delivered(SINK)] * 2
    assert road.server.lines == [
        "EHLO mx",
        "MAIL FROM:<ann@c>",
        "RCPT TO:<bob@d>",
        "RCPT TO:<carol@d>",
        "DATA",
        "QUIT",
    ]
    (taken,) = road.server.taken
    assert (taken.reverse_path, taken.forward_paths, taken.content) == ("ann@c", ["bob@d", "carol@d"], SMALL)
    assert road.server.connections == 1


@pytest.mark.parametrize("content", [b"", b"\r\n", b".\r\n", b"no end", LARGE, LARGE + b"\xc3\xa9\r\n"])
@pytest.mark.parametrize("short", [0.0, 0.3])
def test_content_arrives_unchanged(content: bytes, short: float) -> None:
    road = Road(short=short)
    assert road.deliver("bob@d", content=content) == [Delivered(SINK)]
    (taken,) = road.server.taken
    assert taken.content == (content + b"\r\n" if content == b"no end" else content)


STAGE_OF = {
    "banner": Stage.READING_BANNER,
    "EHLO": Stage.DURING_EHLO,
    "MAIL": Stage.DURING_MAIL,
    "RCPT": Stage.DURING_RCPT,
    "DATA": Stage.DURING_DATA,
    "BODY": Stage.READING_CONFIRMATION,
}
BEFORE_QUIT = STAGES[:-1]


@pytest.mark.parametrize("code", [450, 550])
@pytest.mark.parametrize("stage", BEFORE_QUIT)
def test_a_refusal_at_each_stage(stage: str, code: int) -> None:
    """4yz defers, 5yz bounces, with the server's words and its address; but for EHLO, after which HELO is tried."""
    road = Road({stage: f"{code} {code // 100}.7.1 not you"})
    (outcome,) = road.deliver("bob@d")
    if (stage, code) == ("EHLO", 550):
        assert outcome == Delivered(SINK)
        assert road.server.lines[1] == "HELO mx"
        return
    assert isinstance(outcome, Deferred if code == 450 else Bounced)
    assert (outcome.reason, outcome.stage) == (f"{code} {code // 100}.7.1 not you", STAGE_OF[stage])
    assert outcome.peer_address == SINK
    assert outcome.octets > 0
    assert road.server.taken == []
    assert road.server.lines[-1] == "QUIT"


def test_recipients_are_refused_one_by_one() -> None:
    road = Road({"RCPT TO:<bob@d>": "550 5.1.1 no bob", "RCPT TO:<dora@d>": "452 4.2.2 full"})
    outcomes = road.deliver("bob@d", "carol@d", "dora@d")
    assert [(type(outcome), getattr(outcome, "reason", "")) for outcome in outcomes] == [
        (Bounced, "550 5.1.1 no bob"),
        (Delivered, ""),
        (Deferred, "452 4.2.2 full"),
    ]
    assert [taken.forward_paths for taken in road.server.taken] == [["carol@d"]]


TIMEOUTS = {
    "EHLO_Timeout": ("banner", "EHLO"),
    "MailFrom_Timeout": ("MAIL",),
    "Rcptto_Timeout": ("RCPT", "DATA"),
    "Body_Timeout": ("BODY",),
}


@pytest.mark.parametrize(
    ("option", "stage"), [(option, stage) for option, stages in TIMEOUTS.items() for stage in stages]
)
def test_silence_at_each_stage_ends_after_its_timeout(option: str, stage: str) -> None:
    road = Road({stage: SILENCE}, {name: "50" if name == option else "400" for name in TIMEOUTS})
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.stage is STAGE_OF[stage]
    assert outcome.reason.startswith("451 4.4.2 [internal] no ")
    assert 50 <= road.seconds <= 50 + SLACK_SECONDS + 1
    assert len(road.server.taken) == (stage == "BODY")  # the one place where it may have been taken


def test_one_octet_now_and_then_is_silence_too() -> None:
    async def drip(machine: Machine) -> None:
        with trio.socket.socket() as listener:
            await listener.bind(("0.0.0.0", 25))
            listener.listen(1)
            connection, _ = await listener.accept()
            with connection:
                while True:
                    await connection.send(b"2")
                    await trio.sleep(5)

    road = Road(options={"EHLO_Timeout": "50"})
    batch = road.accept("bob@d")

    async def main() -> list[Outcome]:
        await road.sink.boot(drip)
        await trio.sleep(0.1)
        return await road.attempt(road.attempts(batch))

    (outcome,) = road.world.run(main)
    assert isinstance(outcome, Deferred)
    assert road.seconds < 60


def test_silence_after_quit_changes_nothing() -> None:
    road = Road({"QUIT": SILENCE})
    assert road.deliver("bob@d") == [Delivered(SINK)]
    assert road.seconds <= QUIT_SECONDS + SLACK_SECONDS + 1


@pytest.mark.parametrize("ending", [CLOSE, RESET, "421 4.3.2 going down"])
@pytest.mark.parametrize("stage", BEFORE_QUIT)
def test_a_server_that_leaves_at_each_stage_defers(stage: str, ending: str) -> None:
    road = Road({stage: ending})
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Deferred)
    if ending == RESET:  # it may overtake the replies to what stands before in the group
        assert outcome.stage in (STAGE_OF[stage], Stage.DURING_MAIL)
    else:
        assert outcome.stage is STAGE_OF[stage]
    if ending.startswith("421"):
        assert outcome.reason == ending
    else:
        assert outcome.reason == "451 4.4.2 [internal] connection closed by remote host"


def test_a_server_that_reads_no_more_content() -> None:
    road = Road({"DATA": DEAF}, {"Body_Timeout": "50"})
    (outcome,) = road.deliver("bob@d", content=LARGE)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.stage) == ("451 4.4.2 [internal] send BODY failed", Stage.SENDING_BODY)
    assert 50 <= road.seconds < 60
    assert 0 < outcome.octets < len(LARGE)


def test_a_partition_in_the_middle_of_content_delivers_nothing_half() -> None:
    road = Road(options={"Body_Timeout": "50"})
    (outcome,) = road.deliver_while_parted()
    assert isinstance(outcome, Deferred)
    assert outcome.stage is Stage.SENDING_BODY
    assert road.server.taken == []
    assert road.server.cut_short


def test_cancellation_ends_the_connection_without_the_final_dot() -> None:
    road = Road()
    batch = road.accept("bob@d", content=LARGE)
    for path in road.world.link(road.mx, road.sink):
        path.octets_per_second = 100_000

    async def story() -> list[Outcome]:
        with trio.move_on_after(5):
            await road.attempt(road.attempts(batch))
        await trio.sleep(100)
        return []

    road.run(story)
    assert road.server.taken == []
    assert road.server.cut_short


# Where it goes


@pytest.mark.parametrize(
    ("gateway", "options", "reason"),
    [
        ("nowhere.example", {}, NO_ADDRESS),
        ("sink:26", {}, "451 4.4.1 [internal] No valid hosts (unable to make any connections): "),
        ("10.0.0.99", {}, "451 4.4.1 [internal] No valid hosts (unable to make any connections): "),
        (f"[{SINK6}]", {}, "451 4.4.1 [internal] No valid hosts (unable to make any connections): "),
    ],
)
def test_a_host_that_cannot_be_reached_defers(gateway: str, options: Mapping[str, str], reason: str) -> None:
    road = Road(options=options, gateway=gateway)
    outcomes = road.deliver("bob@d", "carol@d")
    assert all(isinstance(outcome, Deferred) and outcome.reason.startswith(reason) for outcome in outcomes)
    assert len(outcomes) == 2
    assert road.server.connections == 0


def test_a_host_that_does_not_answer() -> None:
    road = Road(options={"Connect_Timeout": "20"})
    batch = road.accept("bob@d")

    async def story() -> list[Outcome]:
        road.world.link(road.mx, road.sink)[0].blocked = True
        return await road.attempt(road.attempts(batch))

    assert road.run(story) == [Deferred(TIMED_OUT, Stage.NOT_CONNECTED, SINK)]
    assert 20 <= road.seconds < 21


@pytest.mark.parametrize(
    ("gateway", "options", "serve"),
    [
        ("sink:2525", {}, {"port": 2525}),
        ("sink", {"Remote_SMTP_Port": "2525"}, {"port": 2525}),
        ("sink:25", {"Remote_SMTP_Port": "2525"}, {}),
        (SINK, {}, {}),
        (f"[{SINK}]:25", {}, {}),
        (f"[{SINK6}]", {}, {"family": trio.socket.AF_INET6}),
        ("sink", {"Use_IPv6": "true"}, {"family": trio.socket.AF_INET6}),  # after its IPv4 address refused
    ],
)
def test_the_ways_to_name_a_host(gateway: str, options: Mapping[str, str], serve: Mapping[str, Any]) -> None:
    road = Road(options=options, gateway=gateway)
    batch = road.accept("bob@d")
    (outcome,) = road.run(lambda: road.attempt(road.attempts(batch)), **serve)
    assert outcome == Delivered(SINK6 if "family" in serve else SINK)


@pytest.mark.parametrize(
    "first",
    [
        None,
        {"banner": "421 busy"},
        {"banner": "450 busy"},
        {"banner": CLOSE},
        {"EHLO": "450 later"},
        {"MAIL": CLOSE},
        {"RCPT": RESET},
        {"DATA": "421 4.3.2 going down"},
    ],
)
def test_the_next_address_is_tried_while_nothing_can_have_been_taken(first: Mapping[str, str] | None) -> None:
    road = Road(gateway="pair")
    other: Host = road.world.host("other", SECOND)
    road.world.names.add("pair", [*other.addresses, *road.sink.addresses])
    batch = road.accept("bob@d")

    async def story() -> list[Outcome]:
        if first is not None:
            await other.boot(ScriptedServer(first).serve)
            await trio.sleep(0.1)
        return await road.attempt(road.attempts(batch))

    assert road.run(story) == [Delivered(SINK)]


@pytest.mark.parametrize(
    "first",
    [{"MAIL": "450 later"}, {"DATA": "450 later"}, {"BODY": CLOSE}, {"BODY": "421 going"}, {"banner": "554 never"}],
)
def test_and_not_afterwards(first: Mapping[str, str]) -> None:
    road = Road(gateway="pair")
    other: Host = road.world.host("other", SECOND)
    road.world.names.add("pair", [*other.addresses, *road.sink.addresses])
    batch = road.accept("bob@d")

    async def story() -> list[Outcome]:
        await other.boot(ScriptedServer(first).serve)
        await trio.sleep(0.1)
        return await road.attempt(road.attempts(batch))

    (outcome,) = road.run(story)
    assert not isinstance(outcome, Delivered)
    assert road.server.connections == 0


# What is said


@pytest.mark.parametrize(
    ("name", "reverse_path", "said"),
    [
        ("__hostname__", "ann@c", "EHLO mx"),
        ("out.example", "ann@c", "EHLO out.example"),
        ("__message__", "ann@client.example", "EHLO client.example"),
        ("__message__", "", "EHLO mx"),
    ],
)
def test_the_name_in_ehlo(name: str, reverse_path: str, said: str) -> None:
    road = Road(options={"EHLO_Hostname": name})
    road.deliver("bob@d", reverse_path=reverse_path)
    assert road.server.lines[0] == said


def test_hostname_is_our_name_where_it_is_set() -> None:
    road = Road(options={"Hostname": "mail.example"})
    road.deliver("bob@d")
    assert road.server.lines[0] == "EHLO mail.example"


def test_the_method_smtp_says_helo() -> None:
    road = Road(extended=False)
    assert road.deliver("bob@d") == [Delivered(SINK)]
    assert road.server.lines == ["HELO mx", "MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "DATA", "QUIT"]


def test_more_recipients_than_a_transaction_may_have_go_in_further_ones() -> None:
    road = Road({"RCPT TO:<r2@d>": "550 no"}, {"Max_Recipients_Per_Batch": "2"})
    outcomes = road.deliver(*(f"r{n}@d" for n in range(5)))
    assert [isinstance(outcome, Delivered) for outcome in outcomes] == [True, True, False, True, True]
    assert [taken.forward_paths for taken in road.server.taken] == [["r0@d", "r1@d"], ["r3@d"], ["r4@d"]]
    assert road.server.connections == 1


def test_what_had_no_turn_when_the_connection_ended_was_not_taken() -> None:
    road = Road({"BODY": "421 4.3.2 going down"}, {"Max_Recipients_Per_Batch": "1"})
    bob, carol = road.attempts(road.accept("bob@d", "carol@d"))
    feed = GivenFeed([[bob, carol]])

    async def story() -> list[Outcome]:
        await road.mx.call(road.carry, feed)
        return []

    road.run(story)
    assert isinstance(feed.outcome(bob), Deferred)
    assert feed.told == ["host sink", "take", "reached", "report"]


EIGHT_BIT = "Subject: ä\r\n\r\n".encode()
PLAIN_HELLO = {"EHLO": "250 sink"}


@pytest.mark.parametrize(
    ("answers", "options", "content", "said"),
    [
        ({}, {}, SMALL, "MAIL FROM:<ann@c>"),
        ({}, {}, EIGHT_BIT, "MAIL FROM:<ann@c> BODY=8BITMIME"),
        ({}, {}, LARGE + EIGHT_BIT, "MAIL FROM:<ann@c> BODY=8BITMIME"),
        ({}, {"Send_8BitMime": "no"}, EIGHT_BIT, "MAIL FROM:<ann@c>"),
        (PLAIN_HELLO, {"Transform_8BitMime_Content": "no"}, EIGHT_BIT, "MAIL FROM:<ann@c>"),
        (PLAIN_HELLO, {}, SMALL, "MAIL FROM:<ann@c>"),
    ],
)
def test_8_bit_content(answers: Mapping[str, str], options: Mapping[str, str], content: bytes, said: str) -> None:
    road = Road(answers, options)
    assert road.deliver("bob@d", content=content) == [Delivered(SINK)]
    assert road.server.lines[1] == said
    assert road.server.taken[0].content == content


@pytest.mark.parametrize("word", ["ifneeded", "strict"])
def test_8_bit_content_is_not_given_to_a_server_that_does_not_offer_it(word: str) -> None:
    """A header section cannot be converted."""
    road = Road(PLAIN_HELLO, {"Transform_8BitMime_Content": word})
    (outcome,) = road.deliver("bob@d", content=EIGHT_BIT)
    assert isinstance(outcome, Bounced)
    assert outcome.reason.startswith("554 5.6.3 [internal] ")
    assert road.server.lines == ["EHLO mx", "QUIT"]


@pytest.mark.parametrize(("hello", "as_it_is"), [(PLAIN_HELLO, False), ({}, True)])
def test_8_bit_content_is_converted_for_a_server_that_does_not_offer_it(
    hello: Mapping[str, str], as_it_is: bool
) -> None:
    content = SMALL + "ä\r\n".encode()
    road = Road(hello)
    assert road.deliver("bob@d", content=content) == [Delivered(SINK)]
    taken = road.server.taken[0].content
    assert (taken == content) is as_it_is
    assert as_it_is or (taken.isascii() and b"quoted-printable" in taken)


@pytest.mark.parametrize("content", [b"a\n.\r\n", b"a\r.\r\n", b"x" * (PART_OCTETS * 3 - 1) + b"\n\r\n"])
def test_content_that_could_smuggle_is_not_sent(content: bytes) -> None:
    """Custody holds it only where RFC2822_Lone_LF_In_Body = ignore let it in."""
    road = Road()
    (outcome,) = road.deliver("bob@d", content=content)
    assert isinstance(outcome, Bounced)
    assert outcome.reason.startswith("554 5.6.3 [internal] ")
    assert road.server.lines == ["EHLO mx", "QUIT"]


# Content that custody does not give


@dataclass
class FailingSpool(MemorySpool):
    """Fails from the *reads_good*-th read on. short: it gives less then, and no fault."""

    reads_good: int = 0
    short: bool = False

    async def content(self, batch_id: str) -> bytes:
        return await self.read(batch_id, 0, 1 << 30)

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        self.reads_good -= 1
        if self.reads_good >= 0:
            return await super().read(batch_id, offset, size)
        if self.short:
            return b""
        raise SpoolSick("EIO")


READS = -(-len(LARGE) // PART_OCTETS) + 1  # to look at all of it


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(
    ("content", "reads_good"), [(SMALL, 0), (LARGE, 0), (LARGE, 3), (LARGE, READS), (LARGE, READS + 4)]
)
def test_content_that_cannot_be_read_defers(content: bytes, reads_good: int, short: bool) -> None:
    """Also in the middle of it: the server never sees an end."""
    road = Road()
    road.spool = FailingSpool(reads_good=reads_good, short=short)
    (outcome,) = road.deliver("bob@d", content=content)
    assert isinstance(outcome, Deferred)
    assert outcome.reason.startswith("451 4.3.0 [internal] spool")
    assert road.server.taken == []
    assert ("MAIL FROM:<ann@c>" in road.server.lines) is (reads_good >= READS)


def test_content_that_is_gone_defers() -> None:
    road = Road()
    batch = road.accept("bob@d")
    road.spool.contents.clear()
    (outcome,) = road.run(lambda: road.attempt(road.attempts(batch)))
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "451 4.3.0 [internal] message body missing"
