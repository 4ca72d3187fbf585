"""What a server replies is taken as the operator has it meant: it is that reply which is acted upon and logged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
from delivery_world import MemorySpool, generations
from scripted_server import CLOSE
from test_smtp_delivery import BEFORE_QUIT, Road

from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.queue import Queue
from momentum_trio.delivery.smtp import Smtp
from momentum_trio.limits.local import LocalState
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Failed

AGES = "1000000000"  # the messages of these tests are older than their world
NO_USER = {"Response_Transcode_Pattern": "no such user '(.*)'", "Response_Transcode_Replace": "550 5.1.1 nobody is $1"}
LATER = {"Response_Transcode_Pattern": "^5.. (.*)", "Response_Transcode_Replace": "450 $1"}
GONE = {"Response_Transcode_Pattern": "4.4.2 .internal. conn", "Response_Transcode_Replace": "550 5.4.1 gone"}


def delivered(answers: Mapping[str, str], options: Mapping[str, str], *paths: str) -> tuple[list[Failed], Queue]:
    """What the log has of a message to *paths*, five seconds later, and the queue."""
    road, spool, said = Road(answers), MemorySpool(), list[object]()

    async def deliver(machine: Machine) -> Queue:
        machine.events.subscribe(said.append)
        given = {"Gateway": "sink", "Delivery_Method": "ESMTP", "Message_Expiration": AGES, **options}
        carrier = Smtp(Outfit(machine, spool, Hosts(machine)))
        queue = Queue(machine, spool, generations({"": given}), [carrier], LocalState("mx"))
        async with trio.open_nursery() as nursery:
            await nursery.start(queue.run)
            queue.take(spool.receive(*paths))
            await trio.sleep(5)
            nursery.cancel_scope.cancel()
        return queue

    async def main() -> Queue:
        await road.sink.boot(road.server.serve)
        await trio.sleep(0.1)
        return await road.mx.call(deliver)

    queue = road.world.run(main)
    return [record for record in said if isinstance(record, Failed)], queue


@pytest.mark.parametrize(
    ("answers", "options", "reason"),
    [
        ({"RCPT": "450 no such user 'bob'"}, NO_USER, "550 5.1.1 nobody is bob"),
        ({"BODY": "451 4.0.0 no such user 'bob'"}, NO_USER, "550 5.1.1 nobody is bob"),
        ({"RCPT": "421 no such user 'bob'"}, NO_USER, "550 5.1.1 nobody is bob"),
        ({"RCPT": "452 full"}, NO_USER, "452 full"),
        ({"MAIL": CLOSE}, GONE, "550 5.4.1 gone"),
        *(({stage: "550 busy"}, LATER, "450 busy") for stage in BEFORE_QUIT if stage != "EHLO"),
    ],
)
def test_the_other_reply_is_logged_and_decides(
    answers: Mapping[str, str], options: Mapping[str, str], reason: str
) -> None:
    (record,), queue = delivered(answers, options, "bob@d")
    permanent = reason.startswith("5")
    assert (record.reason, record.permanent) == (reason, permanent)
    assert (queue.failed, queue.delayed) == (permanent, not permanent)


def test_a_delivery_stays_one() -> None:
    failed, queue = delivered({"BODY": "250 no such user 'bob'"}, NO_USER, "bob@d")
    assert (failed, queue.delivered) == ([], 1)


def test_each_forward_path_has_its_own() -> None:
    answers = {"RCPT TO:<bob@d>": "450 no such user 'bob'", "RCPT TO:<dora@d>": "452 full"}
    failed, queue = delivered(answers, NO_USER, "bob@d", "carol@d", "dora@d")
    assert {record.forward_path: record.permanent for record in failed} == {"bob@d": True, "dora@d": False}
    assert (queue.delivered, queue.failed, queue.delayed) == (1, 1, 1)
