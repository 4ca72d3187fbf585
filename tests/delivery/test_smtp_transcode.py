"""What a server replies is taken as the operator has it meant: it is that reply which is acted upon and logged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
from delivery_world import MemorySpool, generations
from scripted_server import CLOSE, ScriptedServer
from test_smtp_delivery import BEFORE_QUIT, SECOND, SINK, Road

from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.queue import Queue
from momentum_trio.delivery.smtp import Smtp
from momentum_trio.delivery.smtp_errand import Outfit
from momentum_trio.limits.local import LocalState
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Failed

AGES = "1000000000"  # the messages of these tests are older than their world
NO_USER = {"Response_Transcode_Pattern": "no such user '(.*)'", "Response_Transcode_Replace": "550 5.1.1 nobody is $1"}
LATER = {"Response_Transcode_Pattern": "^5.. (.*)", "Response_Transcode_Replace": "450 $1"}


@pytest.mark.parametrize(
    ("answers", "options", "becomes"),
    [
        ({"RCPT": "450 no such user 'bob'"}, NO_USER, Bounced("550 5.1.1 nobody is bob")),
        ({"BODY": "451 4.0.0 no such user 'bob'"}, NO_USER, Bounced("550 5.1.1 nobody is bob")),
        ({"banner": "450 no such user 'at all'"}, NO_USER, Bounced("550 5.1.1 nobody is at all")),
        ({"RCPT": "421 no such user 'bob'"}, NO_USER, Bounced("550 5.1.1 nobody is bob")),
        ({"RCPT": "452 full"}, NO_USER, Deferred("452 full")),
        ({"BODY": "250 no such user 'bob'"}, NO_USER, Delivered(SINK)),
        *(({stage: "550 busy"}, LATER, Deferred("450 busy")) for stage in BEFORE_QUIT if stage != "EHLO"),
    ],
)
def test_fates(answers: Mapping[str, str], options: Mapping[str, str], becomes: Outcome) -> None:
    (outcome,) = Road(answers, options).deliver("bob@d")
    assert type(outcome) is type(becomes)
    assert getattr(outcome, "reason", "") == getattr(becomes, "reason", "")


def test_each_forward_path_has_its_own() -> None:
    road = Road({"RCPT TO:<bob@d>": "450 no such user 'bob'", "RCPT TO:<dora@d>": "452 full"}, NO_USER)
    outcomes = road.deliver("bob@d", "carol@d", "dora@d")
    assert [type(outcome) for outcome in outcomes] == [Bounced, Delivered, Deferred]


@pytest.mark.parametrize(
    ("said", "options", "goes_on"),
    [
        ("554 never", {}, False),
        ("554 never", LATER, True),
        ("450 no such user 'x'", {}, True),
        ("450 no such user 'x'", NO_USER, False),
    ],
)
def test_it_says_whether_the_next_address_is_tried(said: str, options: Mapping[str, str], goes_on: bool) -> None:
    road = Road(options=options, gateway="pair")
    other = road.world.host("other", SECOND)
    road.world.names.add("pair", [*other.addresses, *road.sink.addresses])
    batch = road.accept("bob@d")

    async def story() -> list[Outcome]:
        await other.boot(ScriptedServer({"banner": said}).serve)
        await trio.sleep(0.1)
        return await road.attempt(road.attempts(batch))

    (outcome,) = road.run(story)
    assert isinstance(outcome, Delivered if goes_on else Bounced)


@pytest.mark.parametrize(
    ("gateway", "stage", "pattern"),
    [("sink", CLOSE, "4.4.2 .internal. connection closed"), ("10.0.0.77", "", "4.4.1 .internal.")],
)
def test_failures_to_speak_with_a_server_may_be_made_permanent(gateway: str, stage: str, pattern: str) -> None:
    options = {
        "Response_Transcode_Pattern": pattern,
        "Response_Transcode_Replace": "550 5.4.1 gone",
        "Connect_Timeout": "5",
    }
    (outcome,) = Road({"MAIL": stage} if stage else {}, options, gateway).deliver("bob@d")
    assert isinstance(outcome, Bounced)
    assert outcome.reason == "550 5.4.1 gone"


@pytest.mark.parametrize(
    ("answers", "options", "reason", "permanent"),
    [
        ({"RCPT": "450 no such user 'bob'"}, NO_USER, "550 5.1.1 nobody is bob", True),
        ({"RCPT": "550 busy"}, LATER, "450 busy", False),
    ],
)
def test_the_log_and_the_queue_have_the_other_reply(
    answers: Mapping[str, str], options: Mapping[str, str], reason: str, permanent: bool
) -> None:
    road = Road(answers)
    spool, said = MemorySpool(), list[object]()

    async def deliver(machine: Machine) -> tuple[int, int]:
        machine.events.subscribe(said.append)
        tree = generations({"": {"Gateway": "sink", "Delivery_Method": "ESMTP", "Message_Expiration": AGES, **options}})
        carrier = Smtp(Outfit(machine, spool, Hosts(machine)))
        queue = Queue(machine, spool, tree, [carrier], LocalState("mx"))
        async with trio.open_nursery() as nursery:
            await nursery.start(queue.run)
            queue.take(spool.receive("bob@d"))
            await trio.sleep(5)
            nursery.cancel_scope.cancel()
        return queue.failed, queue.delayed

    async def main() -> tuple[int, int]:
        await road.sink.boot(road.server.serve)
        await trio.sleep(0.1)
        return await road.mx.call(deliver)

    assert road.world.run(main) == ((1, 0) if permanent else (0, 1))
    (record,) = (record for record in said if isinstance(record, Failed))
    assert (record.reason, record.permanent) == (reason, permanent)
