"""Looking for planted bugs: what is found, the table of it, and what is left of each find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_scenario import SCENARIO, mails

from sim.__main__ import main
from sim.evidence import Verdict
from sim.planted import FOLDER, PLANTED, Planted
from sim.planted_page import page, row, rows_in, wanting
from sim.planted_search import FAULTS_BAR, MAILS_BAR, Find, Search, found_file
from sim.run import run
from sim.scenario import Scenario
from sim.scenario_text import read
from sim.shrink import Shrunk

SCENARIOS = FOLDER.parent / "scenarios"
FOUND = [planted for planted in PLANTED if found_file(planted).exists()]


@pytest.mark.parametrize("planted", FOUND, ids=lambda planted: planted.name)
def test_what_is_left_of_a_find_is_small_and_holds_without_the_bug(planted: Planted) -> None:
    scenario = read(str(found_file(planted)))
    assert scenario.concrete
    faults = len(scenario.faults) - len(scenario.acts)
    assert (faults <= FAULTS_BAR, len(scenario.mails) <= MAILS_BAR) == (True, True)
    result = run(scenario, scenario.seed, looking_for=planted.checks)
    assert result.verdict is Verdict.HELD, result.violations


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_it_is_looked_for_in_a_scenario_that_is_there(planted: Planted) -> None:
    assert (SCENARIOS / f"{planted.scenario}.sim").exists()


def test_a_bug_that_every_seed_finds_is_found_in_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["planted", "12", "--ranges", "1", "--seeds-per-range", "1", "--jobs", "1", "--no-shrink"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "range 1: relay_denied after 1 seeds (seed 1)\n" in said
    assert [*rows_in(said)] == [PLANTED[11].name]


@pytest.mark.parametrize("arguments", [["99"], ["--jobs", "0"], ["--ranges", "0"]])
def test_what_cannot_be_looked_for(arguments: list[str]) -> None:
    assert main(["planted", *arguments]) == 2


# -- the table


def find(seeds: int, invariant: str = "no_accepted_lost") -> Find:
    return Find(SCENARIO, seeds, seeds, invariant, "m is nowhere")


def searched(*finds: Find | None, small: Scenario | None = None) -> Search:
    shrunk = None if small is None else Shrunk(small, 1, "no_accepted_lost", "", 9, ())
    return Search(PLANTED[0], list(finds), find_cpu_seconds=6.0, small=shrunk, shrink_cpu_seconds=2.5)


def test_a_row_has_seeds_their_median_and_size() -> None:
    result = searched(find(3), None, find(8, "drained"), small=replace(SCENARIO, mails=mails(1)))
    cells = [cell.strip() for cell in row(result).strip("|").split("|")]
    assert cells[1:] == [
        "mail_flow",
        "no_accepted_lost, *drained*",
        "3 – 8",
        "8",
        "0 faults, 1 message",
        "3.0, 2.5",
    ]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (searched(find(3), small=replace(SCENARIO, mails=mails(2))), []),
        (searched(find(3), None, None), ["not found in 2 of 3 ranges"]),
        (searched(find(3), small=replace(SCENARIO, mails=mails(3))), ["shrinks to 0 faults, 3 messages only"]),
        (
            Search(PLANTED[0], [find(3)], alarms=[(7, "no_leak")]),
            ["seed 7 is a false alarm: no_leak without the patch too"],
        ),
        (Search(PLANTED[0], [find(3)], trouble="it holds"), ["not shrunk: it holds"]),
    ],
)
def test_what_is_wanting_is_said(result: Search, said: list[str]) -> None:
    assert wanting(result) == said


def test_a_page_keeps_rows_that_are_not_made_anew() -> None:
    rows = {PLANTED[number].name: row(Search(PLANTED[number], [find(2)])) for number in (4, 1)}
    assert rows_in(page(rows, 5, 100)) == rows
    assert [*rows_in(page(rows, 5, 100))] == [PLANTED[1].name, PLANTED[4].name]
