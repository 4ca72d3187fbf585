"""Whatever is typed after a command about queues: an answer, in both forms, and a queue that is whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from console_host import CONFIG, PlainAdministration, administration
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "delivery"))
from delivery_world import MemorySpool, machine_with

from momentum_trio.console.command import Operator
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.delivery.blackhole import Blackhole
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.delivery.queue import Queue
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.kind import Generation, Generations
from momentum_trio.node.queue_desk import QueueDesk
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.console.frame import Form
from momentum_trio.spool.spool import Spool

OPERATOR = Operator("ann", "/run/control", "")
MORE = 'Suspend_Delivery = true\nBinding "b1" {}\nBinding_Group "g" { Binding "b2" {} }\n'
TREE = administration(CONFIG % ("", "/run/control") + MORE).tree
FAMILIES = (
    *("active", "binding", "delayed", "domain", "domains", "fail", "flush", "mailq"),
    *("message", "rebind", "reroute", "showqueue", "spool_in"),
)
NAMES = sorted(command.name for command in COMMANDS if command.words[0] in FAMILIES)
WORDS = [
    "all",
    "quiet",
    "full",
    "body",
    "binding",
    "default",
    "b1",
    "g/b2",
    "group:g",
    "default/default",
    "nowhere",
    "a.example",
    "b.example",
    "A.Example",
    "0",
    "1",
    "99999999999999999999",
    "-1",
    "1,1",
    "2,",
    ",",
    "-d",
    "-b",
    "-l",
    "--limit",
    "M0",
    "M1",
    "M9",
    "550",
    "'",
    '"x',
    "☃",
    "/",
]


async def perform(lines: list[str], form: Form) -> list[str]:
    """The answers; afterwards every message is concluded or waits."""
    machine, _ = machine_with()
    node, spool = PlainAdministration(Generations(Generation(1, TREE))), MemorySpool()
    custody = cast(Spool, spool)
    queue = Queue(machine, spool, node.generations, [Blackhole()], LocalState("mx"))
    answers = []
    async with trio.open_nursery() as nursery:
        await nursery.start(queue.run)
        hosts, outbound = Hosts(machine, node.generations), OutboundConnections()
        node.mail = QueueDesk(machine, custody, queue, hosts, outbound, node.generations, nursery).answer
        ids = []
        for paths in (("1@a.example", "2@b.example"), ("3@a.example",)):
            receipt = spool.receive(*paths)
            queue.take(receipt)
            ids += [message.message_id for message in receipt.batch.messages]
        dispatch = Dispatch(COMMANDS, node)
        for line in lines:
            for number, message_id in enumerate(ids):
                line = line.replace(f"M{number}", message_id)
            output = await dispatch.perform(dispatch.call(OPERATOR, line, form))
            answers.append(output.text)
        assert queue.active + queue.delayed == len(spool.holding)
        assert len(spool.holding) + len(spool.concluded) == len(ids)
        nursery.cancel_scope.cancel()
    return answers


lines = st.builds(
    lambda name, words: " ".join([name, *words]), st.sampled_from(NAMES), st.lists(st.sampled_from(WORDS), max_size=5)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, min_size=1, max_size=4), st.sampled_from(["text", "json"]))
def test_any_words_are_answered(typed: list[str], form: Form) -> None:
    answers = trio.run(perform, typed, form)
    assert len(answers) == len(typed)
    if form == "json":
        for answer in answers:
            json.loads(answer)


EMPTY = {"connections": 0, "sent": 0, "failed": 0}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "active 1",
            {
                "domains": [{"domain": "a.example", **EMPTY, "active": 2, "delayed": 0}],
                "total": {**EMPTY, "active": 3, "delayed": 0},
            },
        ),
        (
            "mailq -d b.example",
            [
                {
                    "binding_group": "default",
                    "binding": "default",
                    "domain": "b.example",
                    **EMPTY,
                    "active": 1,
                    "delayed": 0,
                }
            ],
        ),
        ("flush domain all", {"domain": "all", "requeued": 0}),
        ("fail domain a.example", {"domain": "a.example", "failed": 2}),
        ("message fail M1", {"failed": 1}),
        ("reroute queue a.example b.example", {"moved": 2}),
        ("rebind all", {"rebound": 0}),
        ("spool_in M0", {"loaded": 0}),
        ("message fail nobody", {"error": "There is no message nobody"}),
    ],
)
def test_as_values(line: str, expected: Any) -> None:
    (answer,) = trio.run(perform, [line], "json")
    assert json.loads(answer) == expected
