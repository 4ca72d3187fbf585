"""An operator: what he does is drawn with the seed, and said at a real console of a simulated node."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from small_scenario import CONFIG_PATH, LOADS, SCENARIO, mails

from sim.console_line import ConsoleLine, How, read, said
from sim.draw import SAID_SECONDS, draw
from sim.evidence import Evidence, Verdict
from sim.operator_acts import ACTS, NOBODYS, desk_of
from sim.reference_configuration import Broken
from sim.reference_configuration import read as read_configuration
from sim.run import run
from sim.scenario import AT_A_MANAGER, Act, Fault, FaultKind, Operator, Scenario

ANN = Operator("ann", "mx", 30, 5.0, 20.0)
SEEDS = range(20)


def drawn(seed: int, *acts: Act, operator: Operator = ANN) -> list[Fault]:
    worked = replace(SCENARIO, loads=LOADS, operators=(replace(operator, acts=acts or tuple(Act)),))
    return [fault for fault in draw(worked, seed).faults if fault.kind is FaultKind.CONSOLE]


def test_the_same_seed_draws_the_same_work_and_another_something_else() -> None:
    days = [drawn(seed) for seed in SEEDS]
    assert days == [drawn(seed) for seed in SEEDS]
    assert len({tuple(day) for day in days}) == len(SEEDS)
    for day in days:
        assert len(day) == ANN.count
        assert [fault.at_seconds for fault in day] == sorted(fault.at_seconds for fault in day)
        assert all(5.0 - SAID_SECONDS <= fault.at_seconds <= 25.0 for fault in day)


def test_an_operator_moves_no_other_draw() -> None:
    idle, worked = replace(SCENARIO, loads=LOADS), replace(SCENARIO, loads=LOADS, operators=(ANN,))
    assert draw(idle, 3).mails == draw(worked, 3).mails
    fewer = replace(worked, operators=(replace(ANN, count=10),))
    shorter, longer = draw(fewer, 3).faults, draw(worked, 3).faults
    assert set(shorter) < set(longer)


WORDS = {  # that some conversation of the act has, among many
    Act.SET: ("config set Retry_Interval", "Relay_Domains", "config unset"),
    Act.WRONG: ("Retry_Intervall", "soon", NOBODYS, "/nowhere.pem", "config commit"),
    Act.LISTEN: ("enable false", "wait ", "enable true"),
    Act.SWITCH: ("config unset esmtp_listener listen *:25", "config unset esmtp_listener listen 10.0.0.25:25"),
    Act.RACE: ("both: config commit", "another: config commit", "another: config set"),
    Act.CONFIRMED: ("config commit confirmed", "another: config confirm", "leave: ", "config rollback"),
    Act.RELOAD: ("config reload next.conf", f"replace {CONFIG_PATH} ", "file /etc/next.conf ", NOBODYS),
    Act.WRITEBACK: ("config writeback", "leave: config writeback"),
    Act.EXPLAIN: ("config explain 10.0.0.7 to 10.0.0.25:25 from sender@client.example rcpt ",),
}


def test_every_act_has_its_words() -> None:
    assert WORDS.keys() == ACTS.keys() == {*Act} - AT_A_MANAGER


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.value)
def test_each_act_says_all_that_it_has_to_say(act: Act) -> None:
    texts = [fault.text for seed in SEEDS for fault in drawn(seed, act)]
    for words in WORDS[act]:
        assert any(words in text for text in texts), words
    assert all("\n" not in line for text in texts for line in text.split("\n"))


def test_a_file_that_is_cut_short_is_no_configuration_and_the_others_are() -> None:
    texts = [line for seed in SEEDS for fault in drawn(seed, Act.RELOAD) for line in fault.text.split("\n")]
    written = [read(line) for line in texts if read(line).of_a_file]
    broken = 0
    for line in written:
        try:
            read_configuration(line.text)
        except Broken:
            assert line.path != CONFIG_PATH  # the node could not start again
            broken += 1
    assert 0 < broken < len(written)


def test_of_files_he_cannot_read_he_says_nothing() -> None:
    plan = replace(SCENARIO.hosts[0], files=((CONFIG_PATH, b'include "more.conf"'),))
    desk = desk_of(SCENARIO, plan, mails(3))
    assert (desk.text, desk.peers) == ("", ())
    assert {ACTS[Act.RELOAD](random.Random(seed), desk)[0] for seed in SEEDS} == {"config reload"}


@pytest.mark.parametrize(
    ("line", "found", "command"),
    [
        ("config begin", ConsoleLine(How.SAY, "config begin"), "config begin"),
        ("another: config begin", ConsoleLine(How.ANOTHER, "config begin"), "config begin"),
        ("both: config commit", ConsoleLine(How.BOTH, "config commit"), "config commit"),
        ("leave: config commit", ConsoleLine(How.LEAVE, "config commit"), "config commit"),
        ("wait 0.5", ConsoleLine(How.WAIT, "0.5"), ""),
        ("file /etc/a B = 1 C = 2", ConsoleLine(How.FILE, "B = 1 C = 2", "/etc/a"), ""),
        ("replace /etc/a B = 1", ConsoleLine(How.REPLACE, "B = 1", "/etc/a"), ""),
    ],
)
def test_what_a_line_is(line: str, found: ConsoleLine, command: str) -> None:
    assert read(line) == found
    assert said(line) == command


# at a console


def told(*lines: str, faults: tuple[Fault, ...] = (), seed: int = 1) -> Evidence:
    """A run in which somebody says *lines* after five seconds."""
    conversation = Fault(FaultKind.CONSOLE, 5.0, ("mx",), text="\n".join(lines))
    scenario: Scenario = replace(SCENARIO, mails=mails(4), faults=(conversation, *faults), duration_seconds=20.0)
    result = run(scenario, seed, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    return result.evidence


def answers(evidence: Evidence, beginning: str) -> list[bool | None]:
    return [exchange.ok for exchange in evidence.exchanges if exchange.line.startswith(beginning)]


def test_of_two_commits_at_once_about_the_same_one_is_taken() -> None:
    lines = ("config set Drain_Timeout 4", "another: config set Drain_Timeout 5", "both: config commit")
    evidence = told("config begin", "another: config begin", *lines)
    assert sorted(answers(evidence, "config commit"), key=bool) == [False, True]


def test_of_two_commits_at_once_about_something_else_both_are_taken() -> None:
    lines = ("config set Drain_Timeout 4", "another: config set Retry_Interval 5", "both: config commit")
    evidence = told("config begin", "another: config begin", *lines)
    assert answers(evidence, "config commit") == [True, True]


def test_of_two_commits_at_once_that_which_changes_nothing_may_be_first_alone() -> None:
    """Whoever was noted first: the lines come in the order of the generations that were made."""
    held, mine, others = (f"config set Drain_Timeout {seconds}" for seconds in (4, 5, 4))
    lines = (held, "config begin", "another: config begin", mine, f"another: {others}", "both: config commit")
    first, second = "config commit", "another: config commit"
    both = {((second, True), (first, True)), ((second, False), (first, True))}
    ways = set[tuple[tuple[str, bool | None], ...]]()
    for seed in SEEDS:
        if ways >= both:
            break
        evidence = told(*lines, seed=seed)
        (_, conversation), noted = evidence.conversations[0], answers(evidence, "config commit")
        commits = [(line, ok) for line, ok in conversation.lines if line.endswith("commit")]
        assert sorted(ok for _, ok in commits) == sorted(map(bool, noted))
        ways.add(tuple(commits))
    assert ways == both


def test_a_commit_whose_console_is_lost_is_taken_back() -> None:
    evidence = told("config begin", "config set Drain_Timeout 4", "leave: config commit confirmed 2")
    assert answers(evidence, "config commit") == [None]
    shown = [each.answer for each in evidence.exchanges if each.line == "config showrecurse"]
    assert all("Drain_Timeout = 4" not in text for text in shown[-2:])


def test_a_node_takes_its_own_files_again_when_all_is_over() -> None:
    evidence = told("config set esmtp_listener listen :25 enable false", "config writeback")
    assert evidence.restored == {"mx": ""}
    restoring = [each.line for each in evidence.exchanges if each.line.startswith(("replace ", "config reload"))]
    assert [line.split()[0] for line in restoring] == ["replace", "config"]
    assert len({attempt.mail.name for attempt in evidence.attempts if attempt.forward_paths}) == 4


def test_a_switch_under_load_turns_nobody_away() -> None:
    lines = ["config set esmtp_listener listen 10.0.0.25:25 enable true", "config unset esmtp_listener listen *:25"]
    back = [line.replace("*:25", "#").replace("10.0.0.25:25", "*:25").replace("#", "10.0.0.25:25") for line in lines]
    evidence = told("config begin", *lines, "config commit", "config begin", *back, "config commit")
    listening = [exchange.listening for exchange in evidence.exchanges if exchange.line == "config showrecurse"]
    assert frozenset({"10.0.0.25:25"}) in listening
    assert listening[-1] == frozenset({"0.0.0.0:25"})
    assert not any(re.search("refused|reset", attempt.reply) for attempt in evidence.attempts)


def test_who_is_killed_in_the_middle_has_said_what_he_said() -> None:
    kill = Fault(FaultKind.KILL, 6.0, ("mx",), 1.0)
    evidence = told("config set Drain_Timeout 4", "wait 3", "config set Drain_Timeout 5", faults=(kill,))
    assert answers(evidence, "config set") == [True]
    assert [struck.did for struck in evidence.struck] == [True, True]
    assert len(evidence.lives) == 3  # the last one to be judged
