"""``ec_sim same``: a small share of ``make determinism``, and what it says of runs that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_runs import SCENARIO

from sim.__main__ import main
from sim.commands import same
from sim.swarm_worker import Task

MAIL_FLOW = Path(__file__).parents[2] / "sim" / "scenarios" / "mail_flow.sim"


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: str, *arguments: str) -> str:
    """What is printed of scripted runs, the exit status first."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(same, "scenario_in", lambda path: SCENARIO)
    monkeypatch.setattr(same, "Task", lambda scenario: Task(scenario, f"scripted_runs:{run}", "scripted_runs:draw"))
    status = main(["same", "scripted.sim", *arguments])
    return f"{status} {capsys.readouterr().out}"


def test_a_seed_of_the_mail_flow_is_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["same", str(MAIL_FLOW), "--seed", "3", "--processes", "3"]) == 0
    assert capsys.readouterr().out == "Seed 3 in 3 processes: 1 digest\n"


def test_two_runs_of_one_seed_are_shown_where_they_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(monkeypatch, capsys, "run_in_hash_order", "--seed", "3", "--processes", "2")
    assert text.startswith("3 Seed 3 in 2 processes: 2 digests\n")
    assert "The traces part at line 351 (host mx, virtual time 0.000000000 s)." in text
    assert "First different word: word=" in text


def test_one_run_of_two_seeds_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(monkeypatch, capsys, "run", "--processes", "1", "--seeds", "1..2")
    assert text == "1 Seed 1 in 1 process: 1 digest\nSeeds 1 to 2: 1 digest\n  the same run: seeds 1, 2\n"


@pytest.mark.parametrize(("seed", "ending"), [("2", "4 "), ("4", "1 ")])
def test_a_run_that_is_broken_each_time_is_told(
    seed: str, ending: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(monkeypatch, capsys, "run_badly", "--seed", seed, "--processes", "1")
    assert text.startswith(f"{ending}Seed {seed} in 1 process: 1 digest\nSeed {seed}: ")


@pytest.mark.parametrize("wrong", [["--processes", "0"], ["--jobs", "0"], ["--jobs", "1000"]])
def test_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["same", str(MAIL_FLOW), *wrong]) == 2
    assert f"{wrong[0]}: from 1 to" in capsys.readouterr().err
