"""Campaigns over scripted runs: what is found is grouped, counted, compared and said."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_runs import SCENARIO

import sim.swarm
from sim.evidence import Verdict
from sim.surroundings import hash_seed_of
from sim.swarm import Plan, Summary, Worker, campaign, describe_campaign
from sim.swarm_worker import Outcome, Task


@pytest.fixture(autouse=True)
def _scripted_runs_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def task(run: str = "run") -> Task:
    return Task(SCENARIO, f"scripted_runs:{run}", "scripted_runs:draw")


def test_failures_are_grouped_by_what_was_broken_first() -> None:
    saved: list[int] = []

    def save(outcome: Outcome) -> Path:
        assert outcome.scenario is not None
        assert outcome.scenario.concrete
        saved.append(outcome.seed)
        return Path(f"mail_flow-{outcome.seed}.sim")

    summary = campaign(Plan(task(), range(1, 71), jobs=2), save=save)
    groups = {name: sorted(group.seeds) for name, group in summary.groups.items()}
    assert groups == {
        "no_accepted_lost": [7, 14, 21, 28, 35, 42, 49, 56, 63, 70],
        "no_leak": [10, 20, 30, 40, 50, 60],
    }
    assert sorted(saved) == sorted([*groups["no_accepted_lost"], *groups["no_leak"]])
    assert (summary.seeds, summary.runs, summary.simulated_seconds) == (70, 70, 70 * 12.5)
    assert summary.exit_code == 1
    assert summary.cpu_seconds > 0
    text = describe_campaign(summary)
    assert "no_accepted_lost: 10 seeds (" in text
    assert " and 2 more)" in text
    assert "  2 sockets more than before" in text
    assert f"python -m sim replay mail_flow-{summary.groups['no_leak'].seeds[0]}.sim" in text
    assert "70        70  fault.kill" in text


def test_a_campaign_that_finds_nothing() -> None:
    told: list[int] = []
    summary = campaign(Plan(task(), range(1, 7)), say=lambda summary: told.append(summary.seeds))
    assert summary.exit_code == 0
    assert told == [1, 2, 3, 4, 5, 6]
    assert "6/6 seeds, none failed" in describe_campaign(summary)


def test_twice_with_the_same_digests() -> None:
    summary = campaign(Plan(task(), range(1, 7), twice=True))
    assert (summary.exit_code, summary.seeds, summary.runs) == (0, 6, 12)
    assert summary.marks.runs["fault.kill"] == 6
    assert "the same digest in two processes" in describe_campaign(summary)


def test_nondeterminism_is_shown_at_the_first_differing_event() -> None:
    summary = campaign(Plan(task("run_in_hash_order"), range(1, 6), jobs=2, twice=True))
    (split,) = summary.splits
    assert summary.exit_code == Verdict.NONDETERMINISM.value
    assert split.seed == 3
    assert len(set(split.digests)) == len(set(split.hash_seeds)) == 2
    text = describe_campaign(summary)
    assert "host mx, virtual time 0.000000000 s" in text
    assert "(lines are counted from line 1996 of the run)" in text
    assert "part at line 351 " in text
    assert "0.000000000 mx event number=2344 word=-" in text
    assert "First different word: word=" in text


def test_whatever_goes_wrong_with_a_run_is_an_outcome() -> None:
    summary = campaign(Plan(task("run_badly"), range(1, 8)))
    assert {name: group.seeds for name, group in summary.groups.items()} == {
        "escape": [2],
        "worker_died": [4],
        "simulator_failed": [5],
    }
    assert summary.seeds == 7
    assert summary.exit_code == Verdict.ESCAPE.value
    assert "signal 9" in summary.groups["worker_died"].text
    assert "RuntimeError: a bug of the simulator" in summary.groups["simulator_failed"].text


def test_a_run_without_end_is_ended() -> None:
    worker = Worker(task("run_for_ever"), hash_seed_of(1), seconds_max=0.5)
    assert worker.ask(1) is None
    outcome = worker.how_it_failed(1)
    worker.end()
    assert [violation.invariant for violation in outcome.violations] == ["no_end"]


def test_no_seed_is_begun_after_the_time() -> None:
    summary = campaign(Plan(task(), range(1, 1_000_000), seconds=0.0))
    assert (summary.seeds, summary.exit_code) == (0, 0)


def test_marks_never_reached_fail_a_long_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(task(), range(1, 6), marks=("fault.kill", "torn_tail_recovered"))
    short = campaign(plan)
    assert (short.unreached, short.exit_code) == (("torn_tail_recovered",), 0)
    assert "no failure in a campaign of fewer than" in describe_campaign(short)
    monkeypatch.setattr(sim.swarm, "SEEDS_FOR_MARKS", 5)
    assert (short.untuned, short.exit_code) == (True, 1)


def test_an_interruption_ends_it_with_what_there_is() -> None:
    def interrupt(summary: Summary) -> None:
        if summary.seeds == 14:
            raise KeyboardInterrupt

    summary = campaign(Plan(task(), range(1, 10_000), jobs=2), say=interrupt)
    assert summary.interrupted
    assert 14 <= summary.seeds < 1_000
    assert "no_accepted_lost" in summary.groups
    assert "Interrupted" in describe_campaign(summary)


def test_workers_have_other_hash_orders_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.swarm, "SEEDS_A_WORKER", 2)
    seen: list[str] = []

    def save(outcome: Outcome) -> None:
        seen.append(outcome.hash_seed)

    campaign(Plan(task(), range(7, 49, 7)), save=save)
    assert seen[0] == seen[1] != seen[2] == seen[3] != seen[4]
    assert seen[0] == str(hash_seed_of(7, "side 0"))
