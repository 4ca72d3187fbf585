"""Scenarios in which mail waits: a part of the week, and one load beside another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from momentum_trio.mail.record import Delivered, Received
from sim import World
from sim.custodian import OVERHEAD_OCTETS, Custodian
from sim.evidence import Verdict
from sim.fair import Fairness, Pace, fairness
from sim.run import run
from sim.scenario_text import read

SCENARIOS = Path(__file__).resolve().parents[2] / "sim" / "scenarios"
HOURS = 3600.0


def test_an_old_message_pins_no_segment() -> None:
    scenario = read(str(SCENARIOS / "week.sim"))
    (load,), (fault,) = scenario.loads, scenario.faults
    scenario = replace(
        scenario,
        loads=(replace(load, count=60, seconds=3 * HOURS),),
        faults=(replace(fault, seconds=3.5 * HOURS),),
        duration_seconds=4 * HOURS,
    )
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    assert len(result.evidence.spool_octets) > 1000
    assert max(live for _, _, _, live in result.evidence.spool_octets) > 3000 + OVERHEAD_OCTETS
    assert result.marks["segment_reclaimed"] >= 2
    assert result.marks["deferred_then_delivered"] == 1


def test_custody_ends_with_the_last_message_of_a_batch() -> None:
    world = World(1)
    life = world.host("mx", "10.0.0.25")._new_life()
    ids = [(f"m{n}", "b", "c", f"a{n}@b", "", "default", "default") for n in range(2)]
    custodian = Custodian(world)
    assert custodian.live_octets("mx") == 0
    world.records += [(life, Received(1.0, *each, "10.0.0.7", 100, "esmtp")) for each in ids]
    assert custodian.live_octets("mx") == 100 + OVERHEAD_OCTETS
    ends = [(life, Delivered(2.0, *each, "b", 100, 0, 1.0, "")) for each in ids]
    world.records.append(ends[0])
    assert custodian.live_octets("mx") == 100 + OVERHEAD_OCTETS
    world.records.append(ends[1])
    assert custodian.live_octets("mx") == 0


def test_mail_alone_and_beside_other_mail() -> None:
    scenario = replace(read(str(SCENARIOS / "delivery.sim")), swarm=None, short_share=0.0)
    found = fairness(scenario, 1, "kept")
    assert found.beside.deliveries == found.alone.deliveries > 15
    assert found.others.deliveries > 50
    assert found.others.domains >= 3
    assert found.fair


def test_healthy_domains_are_as_fast_beside_dead_slow_and_moody_ones() -> None:
    scenario = read(str(SCENARIOS / "domains.sim"))
    scenario = replace(scenario, loads=tuple(replace(load, count=load.count // 12) for load in scenario.loads))
    found = fairness(scenario, 1, "healthy")
    assert [result.verdict for result in found.results] == [Verdict.HELD] * 2
    assert found.beside.deliveries == 116
    assert found.others.drained > 5 * found.beside.drained
    assert found.fair


def test_what_is_slower_beside_other_mail_is_not_fair() -> None:
    alone = Pace(100, 5, 60.0, 0.1, 2.0)
    results = (run(replace(read(str(SCENARIOS / "one_host.sim")), loads=(), faults=()), 1),) * 2
    for beside, fair in ((alone, True), (replace(alone, drained=72.0), False), (replace(alone, most=8.0), False)):
        assert Fairness(beside, alone, alone, results).fair == fair
