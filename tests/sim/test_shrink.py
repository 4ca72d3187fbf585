"""The minimiser, on failures whose smallest form is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sim.evidence import Result, Verdict, Violation
from sim.kernel import SimulationFailure
from sim.scenario import (
    Behaviour,
    Fault,
    FaultKind,
    HostPlan,
    LinkPlan,
    Load,
    Mail,
    NamePlan,
    Program,
    Scenario,
    SinkPlan,
    Turn,
)
from sim.shrink import BUDGET, NotBroken, Shrunk, shrink
from sim.shrinking.search import SCHEDULE_SEEDS, Budget, size

LOST = "no_accepted_lost"

HOSTS = (
    HostPlan("mx", ("10.0.0.1",), config="/etc/ecelerity.conf"),
    HostPlan("mx2", ("10.0.0.2",), config="/etc/ecelerity.conf"),
    HostPlan("client1", ("10.0.1.1",), Program.CLIENT, clock_skew_seconds=3.0),
    HostPlan("client2", ("10.0.1.2",), Program.CLIENT),
    HostPlan("away", ("10.0.2.1",), Program.SINK),
)
LINKS = (LinkPlan("mx", "client1", 0.02, 0.01, 1e6), LinkPlan("mx", "away", 0.5))


def scenario(faults: int = 20, mails: int = 60) -> Scenario:
    kinds = (FaultKind.POWER, FaultKind.PAUSE, FaultKind.KILL)
    return Scenario(
        HOSTS,
        LINKS,
        mails=tuple(
            Mail(
                f"m{number}",
                0.31 * number,
                ("client1", "client2")[number % 2],
                "mx" if number % 3 else "10.0.0.1",
                25,
                ("a@example.com", "b@example.com"),
                octets=9_000,
            )
            for number in range(mails)
        ),
        faults=tuple(
            Fault(kinds[number % 3], 1.2345 * (number + 1), ("mx",), 3.21, text=f"f{number}")
            for number in range(faults)
        ),
        short_share=0.1,
    )


def runs_as(fails: Callable[[Scenario, int], bool], invariant: str = LOST) -> Callable[[Scenario, int], Result]:
    def run(candidate: Scenario, seed: int) -> Result:
        violations = (Violation(invariant, "as told"),) if fails(candidate, seed) else ()
        verdict = Verdict.BROKEN if violations else Verdict.HELD
        digest = str(hash((candidate, seed)))
        return Result(candidate, seed, verdict, violations, digest, 0, (), 1.0, 1, {})

    return run


def faults_of(candidate: Scenario) -> set[str]:
    return {fault.text for fault in candidate.faults}


def mails_of(candidate: Scenario) -> set[str]:
    return {mail.name for mail in candidate.mails}


def needs(faults: set[str], mails: set[str]) -> Callable[[Scenario, int], bool]:
    return lambda candidate, seed: faults <= faults_of(candidate) and mails <= mails_of(candidate)


@pytest.mark.parametrize(
    ("faults", "mails"),
    [({"f3", "f7"}, {"m12"}), (set(), {"m0", "m59"}), ({"f19"}, set()), ({"f0", "f1", "f2"}, {"m1", "m2", "m40"})],
)
def test_exactly_what_is_needed_is_left(faults: set[str], mails: set[str]) -> None:
    shrunk = shrink(scenario(), 5, LOST, runs_as(needs(faults, mails)))
    assert faults_of(shrunk.scenario) == faults
    assert mails_of(shrunk.scenario) == mails
    assert shrunk.runs <= BUDGET.runs
    assert shrunk.seed == 5


def test_it_is_small_and_quiet_and_round() -> None:
    left = shrink(scenario(), 1, LOST, runs_as(needs({"f3", "f7"}, {"m12"}))).scenario
    assert [host.name for host in left.hosts] == ["mx", "client2"] or [host.name for host in left.hosts] == [
        "mx",
        "client1",
    ]
    (mail,) = left.mails
    assert (mail.at_seconds, mail.octets, mail.forward_paths) == (0.0, 300, ("a@example.com",))
    assert [(fault.at_seconds, fault.seconds) for fault in left.faults] == [(5.0, 0.1), (10.0, 0.1)]
    assert left.duration_seconds == 11
    assert left.short_share == 0
    assert all(link.jitter_seconds == 0 and link.latency_seconds == 0.001 for link in left.links)
    assert all(host.clock_skew_seconds == 0 for host in left.hosts)


def test_what_matters_stays() -> None:
    """A long pause, a slow link and the second recipient are the failure: they are not simplified away."""

    def fails(candidate: Scenario, seed: int) -> bool:
        return (
            any(fault.seconds >= 2.5 for fault in candidate.faults)
            and any(link.latency_seconds > 0.1 for link in candidate.links)
            and any("b@example.com" in mail.forward_paths and mail.octets > 4000 for mail in candidate.mails)
        )

    left = shrink(scenario(), 1, LOST, runs_as(fails)).scenario
    assert [fault.seconds for fault in left.faults] == [3.0]
    assert [(mail.forward_paths, mail.octets) for mail in left.mails] == [(("b@example.com",), 5000)]
    assert left.links == (LINKS[1],)


def test_clients_are_merged() -> None:
    """Two messages that came from two clients may as well come from one."""
    left = shrink(scenario(), 1, LOST, runs_as(needs(set(), {"m10", "m11"}))).scenario
    assert len({mail.source for mail in left.mails}) == 1
    assert len(left.hosts) == 2


def test_clients_whose_mails_have_the_same_keys_stay_two() -> None:
    """One client with two mails of one key would be wrong by itself."""
    mails = tuple(replace(mail, key="7") for mail in scenario(0, 2).mails)
    left = shrink(replace(scenario(0, 0), mails=mails), 1, LOST, runs_as(needs(set(), {"m0", "m1"}))).scenario
    assert {mail.source for mail in left.mails} == {"client1", "client2"}


def test_events_are_bounded_and_the_best_so_far_is_kept() -> None:
    """Each run has an event: so many runs, and the verification."""
    shrunk = shrink(scenario(), 1, LOST, runs_as(needs({"f3"}, {"m12"})), budget=Budget(events=30))
    assert shrunk.runs == 31
    assert len(shrunk.scenario.faults) + len(shrunk.scenario.mails) < 80


def test_what_is_run_briefly_is_verified_by_a_whole_run() -> None:
    """The brief run is what the candidates are tried with; where it does not show the failure the whole one is."""
    whole, brief = list[Scenario](), list[Scenario]()

    def run(candidate: Scenario, seed: int) -> Result:
        whole.append(candidate)
        return runs_as(needs({"f3"}, set()))(candidate, seed)

    def soon(candidate: Scenario, seed: int) -> Result:
        brief.append(candidate)
        return replace(run(candidate, seed), digest="soon")

    shrunk = shrink(scenario(), 1, LOST, run, brief=soon)
    assert faults_of(shrunk.scenario) == {"f3"}
    assert len(whole) == len(brief) + 1
    assert shrunk.digest != "soon"
    blind = runs_as(lambda candidate, seed: False)
    assert faults_of(shrink(scenario(), 1, LOST, run, brief=blind).scenario) == {"f3"}


def test_parts_are_left_out_under_one_schedule_first() -> None:
    """Twenty faults of which none can be left out: that is asked of one schedule in the first round, then of all."""
    asked = list[tuple[int, int]]()

    def fails(candidate: Scenario, seed: int) -> bool:
        asked.append((len(candidate.faults), seed))
        return len(candidate.faults) == 20

    shrink(scenario(), 1, LOST, runs_as(fails))
    without_one = [seed for count, seed in asked if count == 19]
    assert without_one[:20] == [1] * 20
    assert without_one[20:24] == [1, 2, 3, 4]  # of a smaller scenario by then


def test_a_host_takes_the_faults_of_another() -> None:
    """One server with the mail of both and the fault of the other fails too."""
    start = replace(
        scenario(0, 0),
        names=(NamePlan("both.example", ("mx", "mx2")), NamePlan("one.example", ("mx",))),
        mails=(Mail("m1", 1.0, "client1", "mx", 25, ("a@example.com",)),),
        faults=(Fault(FaultKind.KILL, 2.0, ("mx2",), 1.0), Fault(FaultKind.PARTITION, 3.0, ("mx", "mx2"), 1.0)),
    )

    def fails(candidate: Scenario, seed: int) -> bool:
        return FaultKind.KILL in {fault.kind for fault in candidate.faults} and len(candidate.mails) == 1

    left = shrink(start, 1, LOST, runs_as(fails)).scenario
    (mail,), (fault,) = left.mails, left.faults
    assert fault.targets == (mail.target,)
    assert left.names == (NamePlan("both.example", ("mx2",)),)
    assert [host.name for host in left.hosts] == ["mx2", "client1"]


def test_one_message_is_tried_at_each_step_of_the_disk() -> None:
    """With fewer messages the power is cut at another step: taking messages away alone would find nothing smaller."""
    start = replace(scenario(0, 60), faults=(Fault(FaultKind.POWER_AT_STEP, 3.0, ("mx",), 2.0, amount=60 * 5 - 1),))

    def run(candidate: Scenario, seed: int) -> Result:
        steps = sum(fault.amount for fault in candidate.faults)
        fails = bool(candidate.mails) and steps == len(candidate.mails) * 5 - 1
        violations = (Violation(LOST, "as told", mail=candidate.mails[-1].name),) if fails else ()
        verdict = Verdict.BROKEN if fails else Verdict.HELD
        return Result(candidate, seed, verdict, violations, str(hash(candidate)), 0, (), 1.0, 1, {})

    shrunk = shrink(start, 1, LOST, run)
    assert mails_of(shrunk.scenario) == {"m59"}
    assert [fault.amount for fault in shrunk.scenario.faults] == [4]
    assert shrunk.runs < 100


def test_one_message_is_tried_while_every_fault_is_there() -> None:
    """Many messages fail without the fault, one only with it: faults taken away first would leave the many."""

    def run(candidate: Scenario, seed: int) -> Result:
        names = [mail.name for mail in candidate.mails]
        fails = len(names) >= 8 or (names == ["m3"] and "f7" in faults_of(candidate))
        violations = tuple([Violation(LOST, "as told", mail=name) for name in ("m2", "m3") if fails and name in names])
        verdict = Verdict.BROKEN if violations else Verdict.HELD
        return Result(candidate, seed, verdict, violations, str(hash(candidate)), 0, (), 1.0, 1, {})

    left = shrink(scenario(), 1, LOST, run).scenario
    assert (mails_of(left), faults_of(left)) == ({"m3"}, {"f7"})


def test_a_host_that_others_mention_stays() -> None:
    asked: list[int] = []

    def sensible(candidate: Scenario) -> bool:
        asked.append(len(candidate.hosts))
        return "away" in [host.name for host in candidate.hosts]

    left = shrink(scenario(), 1, LOST, runs_as(needs(set(), {"m1"})), sensible=sensible).scenario
    assert [host.name for host in left.hosts] == ["mx", "client2", "away"]
    assert asked


def test_only_the_same_invariant_counts() -> None:
    """Without f7 something else breaks: that is another failure."""

    def run(candidate: Scenario, seed: int) -> Result:
        invariant = LOST if {"f7", "f8"} <= faults_of(candidate) else "delivered_once"
        return runs_as(lambda candidate, seed: True, invariant)(candidate, seed)

    assert faults_of(shrink(scenario(), 1, LOST, run).scenario) == {"f7", "f8"}


def test_a_candidate_may_fail_under_another_schedule() -> None:
    """What is taken away shifts the schedule: with few mails, only the third schedule seed shows it."""

    def fails(candidate: Scenario, seed: int) -> bool:
        return needs({"f3"}, {"m12"})(candidate, seed) and (len(candidate.mails) > 30 or seed == 9)

    shrunk = shrink(scenario(), 7, LOST, runs_as(fails))
    assert (shrunk.seed, mails_of(shrunk.scenario)) == (9, {"m12"})
    assert SCHEDULE_SEEDS >= 3


def test_the_same_failure_shrinks_to_the_same_scenario() -> None:
    def shrunk() -> tuple[Shrunk, list[str]]:
        said: list[str] = []
        return shrink(scenario(), 3, LOST, runs_as(needs({"f1", "f18"}, {"m7"})), say=said.append), said

    first, again = shrunk(), shrunk()
    assert first == again
    assert len(first[1]) == len(first[0].history) > 3


@pytest.mark.parametrize("runs_max", [2, 7, 30, 60])
def test_runs_are_bounded(runs_max: int) -> None:
    count = 0

    def fails(candidate: Scenario, seed: int) -> bool:
        nonlocal count
        count += 1
        return needs({"f3", "f7", "f11"}, {"m12", "m45"})(candidate, seed)

    shrunk = shrink(scenario(), 1, LOST, runs_as(fails), budget=Budget(runs_max))
    assert count == shrunk.runs <= runs_max
    assert {"f3", "f7", "f11"} <= faults_of(shrunk.scenario)


def test_what_does_not_fail_is_not_shrunk() -> None:
    with pytest.raises(NotBroken, match="seed 1 and 3 other"):
        shrink(scenario(), 1, LOST, runs_as(lambda candidate, seed: False))
    with pytest.raises(NotBroken):
        shrink(scenario(), 1, "drained", runs_as(lambda candidate, seed: True))


def test_a_scenario_with_things_to_draw_is_refused() -> None:
    load = Load("smtp", ("client1",), "mx")
    with pytest.raises(AssertionError, match="concrete"):
        shrink(replace(scenario(), loads=(load,)), 1, LOST, runs_as(lambda candidate, seed: True))


def test_an_escape_is_shrunk_too() -> None:
    def run(candidate: Scenario, seed: int) -> Result:
        verdict = Verdict.ESCAPE if "f4" in faults_of(candidate) else Verdict.HELD
        return Result(candidate, seed, verdict, (), "d", 0, (), 1.0, 1, {})

    assert faults_of(shrink(scenario(), 1, "escape", run).scenario) == {"f4"}


def test_a_candidate_that_cannot_be_run_is_passed_over() -> None:
    """The host mx2 is named in another's configuration: without it the run cannot begin."""

    def run(candidate: Scenario, seed: int) -> Result:
        candidate.host("mx2")
        return runs_as(needs(set(), {"m1"}))(candidate, seed)

    left = shrink(scenario(), 1, LOST, run).scenario
    assert "mx2" in [host.name for host in left.hosts]
    assert mails_of(left) == {"m1"}


def test_nondeterminism_is_noticed_at_the_end() -> None:
    digests = iter(range(10_000))

    def run(candidate: Scenario, seed: int) -> Result:
        return replace(runs_as(needs({"f3"}, {"m1"}))(candidate, seed), digest=str(next(digests)))

    with pytest.raises(SimulationFailure, match="another run"):
        shrink(scenario(), 1, LOST, run)


def test_size_in_words() -> None:
    assert size(scenario(1, 2)) == "1 fault, 2 messages, 5 hosts"


def test_a_sink_keeps_the_behaviours_that_matter_alone() -> None:
    moody = SinkPlan(behaviours=tuple(Behaviour(name, Turn.RCPT, reply="450 no") for name in ("one", "two", "three")))
    hosts = tuple(replace(host, sink=moody) if host.name == "away" else host for host in HOSTS)

    def fails(candidate: Scenario, seed: int) -> bool:
        return any(each.name == "two" for host in candidate.hosts for each in host.sink.behaviours)

    shrunk = shrink(replace(scenario(), hosts=hosts), 1, LOST, runs_as(fails))
    assert [each.name for host in shrunk.scenario.hosts for each in host.sink.behaviours] == ["two"]


def test_what_a_sink_does_now_and_then_it_does_once_to_one_message() -> None:
    """Of many messages one meets what is seldom: with fewer messages none would."""
    moody = SinkPlan(behaviours=(Behaviour("slow", Turn.RCPT), Behaviour("hangs up", Turn.DATA, share=0.03)))
    hosts = tuple(replace(host, sink=moody) if host.name == "away" else host for host in HOSTS)

    def run(candidate: Scenario, seed: int) -> Result:
        shares = [each.share for host in candidate.hosts for each in host.sink.behaviours if each.name == "hangs up"]
        fails = len(candidate.mails) * sum(shares) >= 1
        violations = (Violation(LOST, "as told", mail=candidate.mails[-1].name),) if fails else ()
        verdict = Verdict.BROKEN if fails else Verdict.HELD
        return Result(candidate, seed, verdict, violations, str(hash(candidate)), 0, (), 1.0, 1, {})

    left = shrink(replace(scenario(0, 60), hosts=hosts), 1, LOST, run).scenario
    assert mails_of(left) == {"m59"}
    assert [each.name for host in left.hosts for each in host.sink.behaviours] == ["hangs up"]
