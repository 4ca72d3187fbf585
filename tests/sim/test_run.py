"""A run from its first boot to its last judgement; the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from small_scenario import CLIENT, CONFIG_PATH, MAILBOXES, SCENARIO, mail, mails, swarm, with_faults

from momentum_trio.machine import Machine
from sim.drain_limit import drain_limit
from sim.draw import draw
from sim.evidence import Result, Told, Verdict
from sim.faults import Stage
from sim.run import run
from sim.scenario import Expect, Fault, FaultKind, Heal, HostPlan, Program, Scenario

HASH_SEEDS = ("0", "1", "4711")
BROKEN_CONFIG = b"ESMTP_Listener { Listen }"


def digest_of(seed: int) -> str:
    """Of a run under a drawn swarm."""
    result = run(swarm(), seed)
    return f"{result.digest} {result.line_count} {result.events} {result.verdict.name}"


def held(scenario: Scenario, seed: int = 1) -> Result:
    result = run(scenario, seed, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    return result


def test_a_run_repeats_in_a_process_and_in_others_whatever_their_hash_seeds() -> None:
    here = digest_of(3)
    assert digest_of(3) == here
    for hash_seed in HASH_SEEDS:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        program = "import test_run; print(test_run.digest_of(3))"
        command = [sys.executable, "-c", program]
        ran = subprocess.run(
            command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == here


def test_forty_seeds_give_forty_digests_and_hold() -> None:
    few = replace(SCENARIO, mails=mails(2), swarm=swarm().swarm, duration_seconds=5.0)
    results = [run(few, seed) for seed in range(40)]
    assert len({result.digest for result in results}) == 40
    assert {result.verdict for result in results} == {Verdict.HELD}
    assert sum(result.marks.get("fault.power", 0) for result in results)


def test_drawing_first_or_while_running_is_the_same() -> None:
    assert run(draw(swarm(), 8), 8).digest == run(swarm(), 8).digest
    assert run(swarm(), 8).scenario == draw(swarm(), 8)


def test_every_mail_arrives_where_it_was_sent_to() -> None:
    result = held(replace(SCENARIO, mails=mails(10) + mails(5, "sink"), duration_seconds=20.0))
    evidence = result.evidence
    assert evidence is not None
    assert len(evidence.attempts) == 15
    assert {attempt.told for attempt in evidence.attempts} == {Told.ACCEPTED}
    assert sorted(arrived.host for arrived in evidence.arrived) == ["mx"] * 10 + ["sink"] * 5
    assert {arrived.forward_path for arrived in evidence.arrived} == {MAILBOXES[1]}
    assert evidence.drained_after_seconds == pytest.approx(0.0)
    assert evidence.leftover == evidence.baseline
    assert evidence.baseline["mx"]["tasks"] > 1
    assert {host for host, _, _, _ in evidence.spool_octets} == {"mx"}
    _, _, in_use, live = evidence.spool_octets[-1]
    assert live == 0
    assert in_use > 0


def test_a_refusal_is_final_and_a_deferral_is_not() -> None:
    letter = replace(mail("m"), forward_paths=(MAILBOXES[0], "x@elsewhere.example"))
    evidence = held(replace(SCENARIO, mails=(letter,), duration_seconds=5.0)).evidence
    assert evidence is not None
    (attempt,) = evidence.attempts
    assert attempt.told is Told.ACCEPTED
    assert attempt.forward_paths == (MAILBOXES[0],)
    assert [(path, reply[:3]) for path, reply in attempt.refused_paths] == [("x@elsewhere.example", "550")]
    nobody = replace(mail("n"), forward_paths=("x@elsewhere.example",))
    evidence = held(replace(SCENARIO, mails=(nobody,), duration_seconds=5.0)).evidence
    assert evidence is not None
    assert [attempt.told for attempt in evidence.attempts] == [Told.REFUSED]
    assert not evidence.arrived


def test_a_lost_reply_is_an_unknown_outcome_and_the_mail_comes_again() -> None:
    slow = Fault(FaultKind.DISK_SLOW, 0.5, ("mx",), 10.0, 2.0)
    cut = Fault(FaultKind.ONE_WAY, 2.0, ("mx", "client"), 100.0)
    evidence = held(with_faults(slow, cut, count=1, seconds=80.0)).evidence
    assert evidence is not None
    assert [attempt.told for attempt in evidence.attempts][:1] == [Told.UNKNOWN]
    assert evidence.attempts[-1].told is Told.ACCEPTED
    assert len(evidence.arrived) == 2


def test_a_client_comes_from_the_address_it_is_told() -> None:
    client = replace(SCENARIO.hosts[1], addresses=(CLIENT, "10.0.0.8"))
    scenario = replace(SCENARIO, hosts=(SCENARIO.hosts[0], client, SCENARIO.hosts[2]), duration_seconds=5.0)
    two = mail("one", session=1), replace(mail("two", session=2), source_address="10.0.0.8")
    evidence = held(replace(scenario, mails=two)).evidence
    assert evidence is not None
    sources = {attempt.mail.name: attempt.source_address for attempt in evidence.attempts}
    assert sources == {"one": CLIENT, "two": "10.0.0.8"}
    octets = {arrived.octets.split(b"Subject: ")[1][:3]: arrived.octets for arrived in evidence.arrived}
    assert b"10.0.0.8" in octets[b"two"]


def test_only_a_sufficient_part_is_healed_and_must_drain() -> None:
    for_good = Fault(FaultKind.KILL, 10.0, ("sink",), 1.0), Fault(FaultKind.KILL, 10.0, ("mx",), 1000.0)
    expect = Expect(heal=Heal.SUFFICIENT, sufficient=("client", "mx"))
    scenario = replace(with_faults(*for_good, count=15, seconds=10.5), expect=expect)
    evidence = held(replace(scenario, mails=scenario.mails + mails(5, "sink"))).evidence
    assert evidence is not None
    sink, mx = evidence.struck
    assert sink.ended is None
    assert mx.ended == pytest.approx(10.5)
    assert {attempt.mail.name for attempt in evidence.attempts if attempt.told is Told.ACCEPTED} == {
        each.name for each in evidence.scenario.mails
    }


def test_a_node_that_does_not_start_is_said_so() -> None:
    mx = HostPlan("mx", ("10.0.0.25",), config=CONFIG_PATH, files=((CONFIG_PATH, BROKEN_CONFIG),))
    result = run(Scenario((mx,), duration_seconds=1.0), 1)
    assert result.verdict is Verdict.BROKEN
    assert {violation.invariant for violation in result.violations} == {"process_died"}
    assert any("does not start" in violation.text for violation in result.violations)


def test_a_node_that_ends_by_itself_is_said_so() -> None:
    def end(stage: Stage) -> float:
        stage.world.hosts["mx"].kill()
        return inf

    result = run(with_faults(count=8), 1, look=end)
    assert [(violation.invariant, violation.host) for violation in result.violations] == [("process_died", "mx")]
    assert result.verdict is Verdict.BROKEN


def test_a_node_that_was_told_to_shut_down_is_started_again() -> None:
    shutdown = Fault(FaultKind.CONSOLE, 2.0, ("mx",), text="shutdown")
    assert run(with_faults(shutdown, count=8), 1).violations == ()


def test_mail_that_goes_nowhere_is_not_drained() -> None:
    expect = Expect(drained_within_seconds=30.0)
    config = SCENARIO.hosts[0].files[0][1].replace(b"MAILDIR Maildir", b"MAILDIR Suspend_Delivery = true Maildir")
    mx = replace(SCENARIO.hosts[0], files=((CONFIG_PATH, config),))
    scenario = replace(SCENARIO, hosts=(mx, *SCENARIO.hosts[1:]), mails=mails(2), expect=expect, duration_seconds=5.0)
    result = run(scenario, 1, keep_evidence=True)
    assert "drained" in {violation.invariant for violation in result.violations}
    assert run(replace(scenario, expect=replace(expect, without=("drained",))), 1).verdict is Verdict.HELD


def test_who_reaches_for_the_real_world_ends_the_run() -> None:
    def look(stage: Stage) -> float:
        async def write(machine: Machine) -> None:
            time.sleep(1.0)  # noqa: ASYNC251 (that is the point)

        stage.nursery.start_soon(stage.world.hosts["mx"].call, write)
        return float("inf")

    result = run(replace(SCENARIO, mails=mails(1), duration_seconds=5.0), 1, look=look)
    assert result.verdict is Verdict.ESCAPE
    assert [violation.invariant for violation in result.violations] == ["escape"]


def test_somebody_who_looks_on_may_break_things() -> None:
    struck: list[bool] = []

    def look(stage: Stage) -> float:
        if stage.now > 5.0 and not struck:
            struck.append(stage.strike(Fault(FaultKind.POWER, stage.now, ("mx",))).did)
        return 1.0

    result = run(replace(SCENARIO, mails=mails(10), duration_seconds=20.0), 1, look=look)
    assert struck == [True]
    assert result.marks["fault.power"] == 1


def test_prefixes_and_the_trace_are_those_of_the_digest() -> None:
    result = run(swarm(), 2, keep_trace=True)
    assert len(result.trace) == result.line_count
    assert len(result.prefixes) == result.line_count // 1000
    assert run(swarm(), 2).prefixes == result.prefixes


def test_how_long_draining_may_take_follows_the_configuration() -> None:
    def limit(config: str, **changes: float) -> float:
        mx = replace(SCENARIO.hosts[0], files=((CONFIG_PATH, config.encode()),))
        return drain_limit(replace(SCENARIO, hosts=(mx,), **changes))  # type: ignore[arg-type]

    short = limit("Retry_Interval = 10\nMax_Retry_Interval = 20\n")
    assert limit("Retry_Interval = 10\nMax_Retry_Interval = 50\n") == short + 60
    assert limit("# Max_Retry_Interval = 50\nRetry_Interval = 10\nMax_Retry_Interval = 20\n") == short
    assert limit("Retry_Interval = 100\nMax_Retry_Interval = 20\n") == short + 160
    assert limit("Retry_Interval = 10\n", duration_seconds=100.0) == limit("Retry_Interval = 10\n") + 160
    named = replace(SCENARIO, expect=Expect(drained_within_seconds=7.0))
    assert drain_limit(named) == 7.0
    assert Program.CLIENT in {plan.program for plan in named.hosts}


def test_a_run_that_looks_for_one_thing_ends_when_that_is_judged() -> None:
    scenario = replace(SCENARIO, mails=mails(2), duration_seconds=5.0)
    whole, brief = run(scenario, 1), run(scenario, 1, looking_for=("no_leak",))
    assert brief.seconds < whole.seconds - 60
    assert brief.prefixes == whole.prefixes[: len(brief.prefixes)]


def test_what_no_check_finds_is_looked_for_to_the_end() -> None:
    scenario = replace(SCENARIO, mails=mails(2), duration_seconds=5.0)
    whole, other = run(scenario, 1), run(scenario, 1, looking_for=("no_leak", "deadlock"))
    assert (other.digest, other.seconds) == (whole.digest, whole.seconds)
