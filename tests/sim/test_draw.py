"""Drawing: a pure function of scenario and seed, in which nothing moves when something else is taken away."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from small_scenario import CLIENT, KINDS, LOADS, MAILBOXES, SCENARIO, mail, swarm

from sim.draw import CLOCK_STEP_SECONDS_MAX, ROTS_MAX, draw
from sim.scenario import INSTANT, PAIRS, SAID, SPLITS, Fault, FaultKind, Program, Scenario, Swarm

SEEDS = range(40)


def faults_of(scenario: Scenario, seed: int) -> tuple[Fault, ...]:
    return draw(scenario, seed).faults


def test_the_same_seed_draws_the_same_and_another_something_else() -> None:
    scenario = swarm()
    drawn = [draw(scenario, seed) for seed in SEEDS]
    assert drawn == [draw(scenario, seed) for seed in SEEDS]
    assert len({(each.mails, each.faults) for each in drawn}) == len(SEEDS)
    assert all(each.concrete for each in drawn)


def test_what_is_drawn_lies_in_its_ranges() -> None:
    scenario = replace(swarm(), swarm=Swarm(KINDS, ("mx", "sink"), (2, 8), (0.5, 4.0), at_seconds=5.0))
    for seed in SEEDS:
        drawn = draw(scenario, seed)
        assert [each.name for each in drawn.mails] == [f"{load.name}-{n}" for load in LOADS for n in range(load.count)]
        for each in drawn.mails:
            assert 0 <= each.at_seconds <= 30
            assert 100 <= each.octets <= 20_000
            assert 1 <= len(each.forward_paths) == len({*each.forward_paths}) <= 2
            assert {*each.forward_paths} <= {*MAILBOXES}
        assert len(drawn.faults) <= 8
        for fault in drawn.faults:
            assert 5.0 <= fault.at_seconds <= scenario.duration_seconds
            assert {"mx", "sink"} & {*fault.targets}
            assert fault.kind in SPLITS or len(fault.targets) == (2 if fault.kind in PAIRS else 1)
            if fault.kind not in INSTANT:
                assert 0.5 <= fault.seconds <= 4.0


def test_mails_of_a_session_follow_each_other_and_have_one_source() -> None:
    loads = (replace(LOADS[0], source_addresses=(CLIENT, "10.0.0.8"), session_mails=(2, 4)),)
    drawn = draw(replace(SCENARIO, loads=loads), 3)
    sizes = Counter(mail.session for mail in drawn.mails)
    assert sorted(sizes.values())[1:] != [1] * (len(sizes) - 1)
    assert max(sizes.values()) <= 4
    for session in sizes:
        of_it = [mail for mail in drawn.mails if mail.session == session]
        assert len({(mail.source, mail.source_address, mail.at_seconds) for mail in of_it}) == 1
    assert {mail.source_address for mail in drawn.mails} == {CLIENT, "10.0.0.8"}


def test_what_was_written_down_stays_beside_what_is_drawn() -> None:
    written = mail("written"), Fault(FaultKind.KILL, 1.0, ("mx",), 2.0)
    drawn = draw(replace(swarm(), mails=written[:1], faults=written[1:]), 1)
    assert drawn.mails[0] == written[0]
    assert drawn.faults[0] == written[1]
    assert draw(drawn, 99) == drawn


def test_taking_a_load_away_moves_no_other_mail() -> None:
    both, one = draw(swarm(), 5), draw(replace(swarm(), loads=LOADS[:1]), 5)
    assert one.mails == both.mails[: LOADS[0].count]


def test_taking_a_kind_away_moves_no_weight_of_the_others_and_fewer_faults_are_the_first_of_more() -> None:
    fewer = replace(swarm(), swarm=Swarm(KINDS, ("mx", "sink"), (3, 3)))
    more = replace(swarm(), swarm=Swarm(KINDS, ("mx", "sink"), (8, 8)))
    without = replace(swarm(), swarm=Swarm(KINDS[1:], ("mx", "sink"), (3, 3)))
    for seed in SEEDS:
        assert {*faults_of(fewer, seed)} <= {*faults_of(more, seed)}
        if KINDS[0] not in {fault.kind for fault in faults_of(more, seed)}:
            moments = sorted(fault.at_seconds for fault in faults_of(fewer, seed))
            assert {*moments} >= {fault.at_seconds for fault in faults_of(without, seed)}


def test_seeds_take_different_kinds_and_all_of_them_are_taken() -> None:
    scenario = replace(swarm(), swarm=Swarm(KINDS, ("mx", "sink", "names"), (8, 8)))
    kinds = [frozenset(fault.kind for fault in faults_of(scenario, seed)) for seed in SEEDS]
    assert frozenset.union(*kinds) == {*KINDS} - SAID - SPLITS  # there is one node
    assert len({*kinds}) > len(SEEDS) // 2


def test_what_is_drawn_stays_within_what_the_product_promises() -> None:
    scenario = replace(swarm(), swarm=Swarm((FaultKind.BIT_ROT, FaultKind.CLOCK_STEP), ("mx", "sink"), (8, 8)))
    for seed in SEEDS:
        kinds = Counter(fault.kind for fault in faults_of(scenario, seed))
        assert kinds[FaultKind.BIT_ROT] <= ROTS_MAX
        for fault in faults_of(scenario, seed):
            assert fault.kind is FaultKind.CLOCK_STEP or SCENARIO.host(fault.targets[0]).program is Program.ECELERITY
            assert abs(fault.amount) <= CLOCK_STEP_SECONDS_MAX
