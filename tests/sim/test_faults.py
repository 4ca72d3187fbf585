"""Each kind of fault does something that can be seen from outside, while it lasts, and nothing after it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_scenario import CONFIG, CONFIG_PATH, SCENARIO, mail, mails, with_faults

from sim.evidence import Attempt, Evidence, Result, Struck, Told, Verdict
from sim.faults import STRIKERS, Stage
from sim.run import run
from sim.scenario import Fault, FaultKind, Scenario

BEGINS, LASTS, SETTLES = 5.0, 4.0, 0.5
ENDS = BEGINS + LASTS
SLOW_SECONDS = 2.0
CLIENT_PAUSES = 24.0  # a client that was turned away comes again within that


def evidence_of(scenario: Scenario, seed: int = 1) -> Evidence:
    """Of a run that held."""
    result = run(scenario, seed, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    return result.evidence


def one_fault(kind: FaultKind, amount: float = 0.0, targets: tuple[str, ...] = ("mx",), count: int = 25) -> Scenario:
    """A mail each half second, and one fault amid them."""
    fault = Fault(kind, BEGINS, targets, LASTS, amount)
    return replace(with_faults(fault), mails=mails(count, every_seconds=0.5), duration_seconds=20.0)


def accepted(evidence: Evidence, since: float, until: float) -> list[Attempt]:
    return [each for each in evidence.attempts if each.told is Told.ACCEPTED and since <= each.ended < until]


def test_every_kind_has_a_striker() -> None:
    assert {*STRIKERS} == {*FaultKind} - {FaultKind.MEMBER}


@pytest.mark.parametrize(
    ("kind", "amount", "targets"),
    [
        (FaultKind.STOP, 0, ("mx",)),
        (FaultKind.KILL, 0, ("mx",)),
        (FaultKind.KILL, 0, ("client",)),
        (FaultKind.POWER, 0, ("mx",)),
        (FaultKind.PAUSE, 0, ("mx",)),
        (FaultKind.FREEZE, 0, ("mx",)),
        (FaultKind.DISK_ERROR, 1, ("mx",)),
        (FaultKind.SYNC_ERROR, 1, ("mx",)),
        (FaultKind.READ_ONLY, 0, ("mx",)),
        (FaultKind.DESCRIPTORS, 0, ("mx",)),
        (FaultKind.PARTITION, 0, ("client", "mx")),
        (FaultKind.ONE_WAY, 0, ("client", "mx")),
        (FaultKind.ONE_WAY, 0, ("mx", "client")),
        (FaultKind.HOLD, 0, ("client", "mx")),
    ],
)
def test_no_mail_is_accepted_while_it_lasts(kind: FaultKind, amount: float, targets: tuple[str, ...]) -> None:
    evidence = evidence_of(one_fault(kind, amount, targets))
    (struck,) = evidence.struck
    assert struck.did
    assert struck.began == pytest.approx(BEGINS)
    assert struck.ended == pytest.approx(ENDS)
    assert accepted(evidence, 0.0, BEGINS)
    assert not accepted(evidence, BEGINS + SETTLES, ENDS)
    assert accepted(evidence, ENDS, ENDS + CLIENT_PAUSES)
    assert len(accepted(evidence, 0.0, 1000.0)) == 25


@pytest.mark.parametrize(
    ("kind", "amount", "targets"),
    [
        (FaultKind.SLOW_CPU, 0.2, ("mx",)),
        (FaultKind.DISK_SLOW, 0.8, ("mx",)),
        (FaultKind.SLOW_LINK, 0.1, ("mx", "client")),
    ],
)
def test_mail_takes_longer_while_it_lasts(kind: FaultKind, amount: float, targets: tuple[str, ...]) -> None:
    evidence = evidence_of(one_fault(kind, amount, targets))
    within = [each.ended - each.began for each in accepted(evidence, BEGINS + 2 * SETTLES, ENDS)]
    before = [each.ended - each.began for each in accepted(evidence, 0.0, BEGINS)]
    after = [each.ended - each.began for each in accepted(evidence, ENDS + LASTS, 1000.0)]
    assert within
    assert min(within) > max(before)
    assert max(after) < min(within)


def test_a_full_disk_is_said_to_clients() -> None:
    evidence = evidence_of(one_fault(FaultKind.DISK_FULL))
    full = [each for each in evidence.attempts if each.reply.startswith("452")]
    assert full
    assert all(BEGINS <= each.ended <= ENDS + SETTLES for each in full)
    assert len(accepted(evidence, 0.0, 1000.0)) == 25


def test_power_fails_at_a_step_of_the_disk() -> None:
    evidence = evidence_of(one_fault(FaultKind.POWER_AT_STEP, 7))
    (struck,) = evidence.struck
    assert struck.did
    assert struck.ended == pytest.approx(struck.began + LASTS)
    assert not accepted(evidence, struck.began + SETTLES, struck.began + LASTS)
    assert accepted(evidence, struck.began + LASTS, 1000.0)


def test_a_power_loss_whose_step_never_comes_does_nothing() -> None:
    evidence = evidence_of(one_fault(FaultKind.POWER_AT_STEP, 1_000_000))
    assert [struck.did for struck in evidence.struck] == [False]
    assert len(evidence.attempts) == 25


def test_a_power_loss_is_mended_before_anybody_has_seen_the_end_of_the_program() -> None:
    slow = Fault(FaultKind.DISK_SLOW, BEGINS, ("mx",), 2 * LASTS, SLOW_SECONDS)  # its jobs outlive it
    cut = Fault(FaultKind.POWER_AT_STEP, BEGINS, ("mx",), LASTS, 9)
    late = replace(with_faults(slow, cut), mails=mails(25, every_seconds=0.5), duration_seconds=ENDS + 0.5)
    (_, struck) = evidence_of(late).struck
    assert struck.did
    assert struck.began == struck.ended == ENDS + 0.5


def test_the_clock_steps() -> None:
    clocks: list[tuple[float, float]] = []

    def look(stage: Stage) -> float:
        clocks.append((stage.now, stage.world.hosts["mx"].wall() - stage.world.kernel.now))
        return 1.0

    scenario = one_fault(FaultKind.CLOCK_STEP, -100.0)
    assert run(scenario, 1, look=look).verdict is Verdict.HELD
    before = {round(wall) for at, wall in clocks if at < BEGINS}
    after = {round(wall) for at, wall in clocks if at > BEGINS}
    assert len(before) == len(after) == 1
    assert after.pop() == before.pop() - 100


def test_a_reset_breaks_the_connections_there_are() -> None:
    many = tuple(mail(f"m-{n}", BEGINS - 0.3, octets=60_000) for n in range(10))
    scenario = replace(SCENARIO, mails=many, faults=(Fault(FaultKind.RESET, BEGINS, ("client", "mx")),))
    evidence = evidence_of(scenario)
    assert [struck.did for struck in evidence.struck] == [True]
    assert [each.told for each in evidence.attempts if each.told is not Told.ACCEPTED and each.ended < BEGINS + 1]
    assert len(accepted(evidence, 0.0, 100.0)) >= 10


def test_there_is_nothing_to_reset_when_nobody_is_connected() -> None:
    evidence = evidence_of(replace(SCENARIO, mails=mails(1), faults=(Fault(FaultKind.RESET, 20.0, ("client", "mx")),)))
    assert [struck.did for struck in evidence.struck] == [False]


def suspended() -> Scenario:
    """A node that keeps what it accepts, until somebody says otherwise."""
    config = CONFIG.replace("Delivery_Method = MAILDIR", "Delivery_Method = MAILDIR Suspend_Delivery = true")
    mx = replace(SCENARIO.hosts[0], files=((CONFIG_PATH, config.encode()),))
    return replace(SCENARIO, hosts=(mx, *SCENARIO.hosts[1:]), mails=mails(3), duration_seconds=20.0)


def say(text: str, at_seconds: float) -> Fault:
    return Fault(FaultKind.CONSOLE, at_seconds, ("mx",), text=text)


RELEASE = say('config set Domain "example.com" Suspend_Delivery false', 15.0)


def test_rot_hits_the_content_of_one_message_in_a_spool() -> None:
    restart = Fault(FaultKind.KILL, 11.0, ("mx",), 1.0)  # what it has in memory does not rot
    evidence = evidence_of(replace(suspended(), faults=(Fault(FaultKind.BIT_ROT, 10.0, ("mx",)), restart, RELEASE)))
    rot, _, release = evidence.struck
    (hit,) = rot.mails
    assert "false" in release.answer.lower()
    assert len(evidence.arrived) == 2
    assert all(f"<{hit}@sim>".encode() not in arrived.octets for arrived in evidence.arrived)


def test_there_is_nothing_to_rot_when_all_is_delivered() -> None:
    evidence = evidence_of(with_faults(Fault(FaultKind.BIT_ROT, 29.0, ("mx",)), count=3))
    assert [(struck.did, struck.mails) for struck in evidence.struck] == [(False, ())]


def test_the_console_answers_and_what_it_refuses_is_kept_with_the_configuration_around_it() -> None:
    good, bad = say("summary", 2.0), say("config set Retry_Interval soon", 3.0)
    evidence = evidence_of(with_faults(good, bad, Fault(FaultKind.KILL, 4.0, ("mx",), 2.0), say("summary", 5.0)))
    answers = [(struck.did, struck.answer) for struck in evidence.struck if struck.fault.kind is FaultKind.CONSOLE]
    assert answers[0][0]
    assert "Received Messages" in answers[0][1]
    assert answers[2] == (False, "")
    ((struck, before, after),) = evidence.refused_commands
    assert struck.fault == bad
    assert "Retry_Interval" in before
    assert before == after


def test_what_is_broken_already_is_not_broken_again() -> None:
    kills = [Fault(FaultKind.KILL, at, ("mx",), 3.0) for at in (5.0, 6.0)]
    evidence = evidence_of(with_faults(*kills, Fault(FaultKind.POWER, 7.0, ("mx",), 1.0)))
    assert [struck.did for struck in evidence.struck] == [True, False, False]


def test_what_lasts_beyond_the_load_is_mended_by_healing() -> None:
    fault = Fault(FaultKind.PARTITION, 10.0, ("client", "mx"), 1000.0)
    evidence = evidence_of(with_faults(fault, count=12, seconds=15.0))
    assert evidence.struck[0].ended == pytest.approx(15.0)
    assert len({each.mail.name for each in accepted(evidence, 0.0, 1000.0)}) == 12


def ended(result: Result) -> list[Struck]:
    assert result.evidence is not None
    return [struck for struck in result.evidence.struck if struck.ended is not None]


def test_faults_that_overlap_on_one_disk_are_mended_one_by_one() -> None:
    two = (
        Fault(FaultKind.SYNC_ERROR, 5.0, ("mx",), 4.0, 1.0),
        Fault(FaultKind.DISK_ERROR, 6.0, ("mx",), 6.0, 1.0),
        Fault(FaultKind.PARTITION, 14.0, ("client", "mx"), 2.0),
        Fault(FaultKind.ONE_WAY, 15.0, ("client", "mx"), 3.0),
    )
    result = run(replace(one_fault(FaultKind.KILL), faults=two), 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert [round(struck.ended or 0) for struck in ended(result)] == [9, 12, 16, 18]
    evidence = result.evidence
    assert evidence is not None
    assert not accepted(evidence, 5.5, 12.0)
    assert accepted(evidence, 12.0, 14.0)
    assert not accepted(evidence, 14.5, 18.0)
