"""One connection for many parcels: kept while it serves, left when it does not, without a message lost or twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from given_feed import GivenFeed
from scripted_server import CLOSE, RESET, SILENCE, ScriptedServer
from test_smtp_delivery import SECOND, SINK, Road

from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.mail.stage import Stage
from sim.host import Host

GROUP = ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "DATA"]


@dataclass
class Street(Road):
    """A road that many batches go along, with a second server beside the first."""

    other: Mapping[str, str] | None = None
    full: frozenset[str] = frozenset()
    pauses: Sequence[float] = ()
    second: Host = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.second = self.world.host("second", SECOND)
        self.second_server = ScriptedServer(self.other or {})

    def send(self, *forward_paths: str) -> list[Outcome]:
        """What becomes of a batch for each of *forward_paths*, blanks between recipients, over one connection."""
        attempts = [self.attempts(self.accept(*paths.split())) for paths in forward_paths]
        self.feed = GivenFeed(attempts, self.pauses, self.full)

        async def story() -> list[Outcome]:
            if self.other is not None:
                await self.second.boot(self.second_server.serve)
                await trio.sleep(0.1)
            await self.mx.call(self.carry, self.feed)
            return [self.feed.outcomes.get(a.message.message_id, NOT_TAKEN) for group in attempts for a in group]

        return self.run(story)


NOT_TAKEN = Deferred("not taken")


def pair(**given: Any) -> Street:
    """A street to two servers of one name, the scripted second one first."""
    street = Street(gateway="pair", **given)
    street.world.names.add("pair", [*street.second.addresses, street.sink.addresses[0]])
    return street


def test_parcels_follow_each_other() -> None:
    street = Street()
    assert street.send("bob@d", "bob@d", "bob@d") == [Delivered(SINK)] * 3
    assert street.server.lines == ["EHLO mx", *GROUP * 3, "QUIT"]
    assert street.feed.told == ["host sink", "take", "reached", "report", *["take", "report"] * 2]
    assert street.server.connections == 1


def test_rset_where_the_server_has_a_transaction_to_drop() -> None:
    street = Street({"RCPT TO:<no@d>": "550 no"})
    assert [type(outcome) for outcome in street.send("no@d", "bob@d", "bob@d")] == [Bounced, Delivered, Delivered]
    assert street.server.lines.count("RSET") == 1


def test_a_connection_without_work_is_kept_as_long_as_the_option_says() -> None:
    street = Street(options={"Idle_Timeout": "7"}, pauses=(0, 6))
    assert street.send("bob@d", "bob@d") == [Delivered(SINK)] * 2
    assert street.feed.idle_seconds == 7
    assert street.server.connections == 1


@pytest.mark.parametrize("pause", [0.0, 0.5, 30.0])
def test_a_server_that_closes_between_messages_makes_no_failure(pause: float) -> None:
    """Its 421 was said before the next message, or just then: that one goes over another connection, once."""
    street = Street(pauses=(0, pause, pause, pause))
    street.server.transactions_max = 1
    assert street.send(*["bob@d"] * 4) == [Delivered(SINK)] * 4
    assert len(street.server.taken) == 4
    assert street.server.connections == 4


@pytest.mark.parametrize("ending", [CLOSE, RESET, "421 4.3.2 going down"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_leaves_a_first_message_is_not_asked_again(stage: str, ending: str) -> None:
    street = Street({stage: ending})
    assert [type(outcome) for outcome in street.send("bob@d", "bob@d")] == [Deferred, Deferred]
    assert street.server.connections == 1
    assert street.feed.told == ["host sink", "take", "reached", "report"]


@pytest.mark.parametrize("ending", [CLOSE, RESET, "421 4.3.2 going down"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_but_the_next_place_is(stage: str, ending: str) -> None:
    street = pair(other={stage: ending})
    assert street.send("bob@d", "carol@d") == [Delivered(SINK)] * 2
    assert (street.second_server.connections, street.server.connections) == (1, 1)
    assert street.second_server.taken == []


def test_what_was_decided_before_the_server_left_stays() -> None:
    street = pair(other={"RCPT TO:<no@d>": "550 no", "DATA": CLOSE})
    outcomes = street.send("no@d bob@d")
    assert [type(outcome) for outcome in outcomes] == [Bounced, Delivered]
    assert [taken.forward_paths for taken in street.server.taken] == [["bob@d"]]


@pytest.mark.parametrize("ending", [CLOSE, RESET, "421 4.3.2 going down", SILENCE])
def test_whoever_heard_the_end_of_a_content_may_have_it(ending: str) -> None:
    """So it waits, and goes to nobody else now."""
    street = pair(other={"BODY": ending})
    outcomes = street.send("bob@d", "carol@d")
    assert isinstance(outcomes[0], Deferred)
    assert outcomes[0].stage is Stage.READING_CONFIRMATION
    assert outcomes[1] is NOT_TAKEN
    assert street.server.connections == 0


def test_a_host_without_a_seat_is_passed_by() -> None:
    street = Street(full=frozenset(("sink",)))
    assert street.send("bob@d") == [NOT_TAKEN]
    assert street.feed.told == ["no host sink"]
    assert street.server.connections == 0


def test_nobody_is_reached() -> None:
    street = Street({"EHLO": "450 4.3.2 later"})
    assert street.send("bob@d") == [NOT_TAKEN]
    assert street.feed.told == ["host sink", "unreachable"]
    assert street.feed.failure == Deferred("450 4.3.2 later", Stage.DURING_EHLO, SINK, 15)
    refused = Street({"banner": "554 5.7.1 never"})
    refused.send("bob@d")
    assert isinstance(refused.feed.failure, Bounced)


def test_octets_are_those_of_the_attempt() -> None:
    street = Street({"RCPT TO:<no@d>": "450 no", "RCPT TO:<nobody@d>": "450 no"})
    first, second = street.send("no@d", "nobody@d")
    assert isinstance(first, Deferred)
    assert isinstance(second, Deferred)
    hello, group = len("EHLO mx\r\n"), len("MAIL FROM:<ann@c>\r\nRCPT TO:<no@d>\r\nDATA\r\n")
    assert (first.octets, second.octets) == (hello + group, len("RSET\r\n") + group + len("body"))


def test_the_name_of_the_senders_domain_is_said_to_each_server_anew() -> None:
    street = Street(options={"EHLO_Hostname": "__message__"})
    ann = street.attempts(street.accept("bob@d", reverse_path="ann@one.example"))
    eve = street.attempts(street.accept("bob@d", reverse_path="eve@two.example"))
    feed = GivenFeed([ann, ann2 := street.attempts(street.accept("bob@d", reverse_path="amy@one.example")), eve])

    async def story() -> list[Outcome]:
        await street.mx.call(street.carry, feed)
        return [feed.outcome(attempt) for attempt in (*ann, *ann2, *eve)]

    assert street.run(story) == [Delivered(SINK)] * 3
    assert [line for line in street.server.lines if line.startswith("EHLO")] == [
        "EHLO one.example",
        "EHLO two.example",
    ]


def test_the_first_parcel_is_deferred_where_its_name_was_needed_and_nobody_reached() -> None:
    street = Street({"banner": "421 busy"}, {"EHLO_Hostname": "__message__"})
    (outcome,) = street.send("bob@d")
    assert outcome == Deferred("421 busy", Stage.READING_BANNER, SINK)
    assert street.feed.told == ["take", "host sink", "report", "unreachable"]
