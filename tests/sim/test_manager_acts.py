"""What an operator does at a manager's console: drawn with the seed, and of the few commands he has."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sim.console_line import said
from sim.draw import draw
from sim.manager_acts import ACTS, COMMANDS_COUNT, QUESTIONS, bureau_of
from sim.operator_acts import NOBODYS
from sim.scenario import AT_A_MANAGER, Act, Fault, FaultKind, HostPlan, Operator, Program, Scenario

SCENARIO = Scenario(
    (
        HostPlan("ec1", ("10.0.1.1",)),
        HostPlan("ec2", ("10.0.1.2",)),
        HostPlan("mgr", ("10.0.1.9",), Program.ECCMGR),
        HostPlan("client", ("10.1.0.7",), Program.CLIENT),
    )
)
BOB = Operator("bob", "mgr", 20)
SEEDS = range(20)


def drawn(seed: int, *acts: Act) -> list[Fault]:
    operator = replace(BOB, acts=acts or tuple(Act))
    return [*draw(replace(SCENARIO, operators=(operator,)), seed).faults]


def test_the_same_seed_draws_the_same_work_and_another_something_else() -> None:
    days = [drawn(seed) for seed in SEEDS]
    assert days == [drawn(seed) for seed in SEEDS]
    assert len({tuple(day) for day in days}) == len(SEEDS)
    assert all(fault.kind is FaultKind.CONSOLE and fault.targets == ("mgr",) for day in days for fault in day)
    assert all(len(day) == BOB.count for day in days)


def test_he_has_commands_that_are_good_on_all_nodes_on_one_and_on_none() -> None:
    commands = [command for seed in SEEDS for command in bureau_of(SCENARIO, random.Random(seed)).commands]
    assert len(commands) == len(SEEDS) * (COMMANDS_COUNT + len(QUESTIONS))
    for words in ("Retry_Interval", "Max_Retry_Interval", "10.0.1.1:", "10.0.1.2:", NOBODYS, "Retry_Intervall", "soon"):
        assert any(command.startswith("config set ") and words in command for command in commands), words


WORDS = {  # that some conversation of the act has, among many
    Act.BROADCAST: ("broadcast config set", "leave: broadcast ", "both: broadcast ", "retrieve version", "wait "),
    Act.SOME: ("subcluster broadcast default ", "subcluster broadcast nowhere ", "unicast ec1 ", "retrieve_node ec2 "),
    Act.RETRIEVE: ("retrieve config set ", "retrieve_node ec1 "),
    Act.FLUSH: ("flush control cache", "broadcast "),
    Act.MEMBERSHIP: ("info", "show cluster membership"),
    Act.ANEW: ("config set cluster Heartbeat_Start_Delay ", "broadcast "),
}


def test_every_act_has_its_words() -> None:
    assert WORDS.keys() == ACTS.keys() == AT_A_MANAGER


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.value)
def test_each_act_says_all_that_it_has_to_say(act: Act) -> None:
    texts = [fault.text for seed in SEEDS for fault in drawn(seed, act)]
    for words in WORDS[act]:
        assert any(words in text for text in texts), words


def test_the_same_commands_are_used_again() -> None:
    lines = [said(line) for fault in drawn(3, Act.BROADCAST) for line in fault.text.split("\n")]
    asked = [line.removeprefix("broadcast ") for line in lines if line.startswith("broadcast ")]
    assert len(asked) > len({*asked})
    looked = [fault.text.removeprefix("retrieve ") for fault in drawn(3, Act.RETRIEVE)]
    assert {*looked} & {*asked}
    assert {*looked} - {*asked}
