"""The simulator's tables are whole, and its pages and scenarios tell of everything in them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from source import ROOT

from sim import checks, draw, show_words
from sim.commands import COMMANDS, load
from sim.commands.command import Command
from sim.faults import MENDS_ITSELF, STRIKERS
from sim.run import FAILURES
from sim.scenario import INSTANT, SAID, FaultKind
from sim.scenario_options import FAULTS

SIM = ROOT / "sim"
MODULES = sorted(SIM.rglob("*.py"))
PAGES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
OUTSIDE = {"hypothesis", "pytest", "tests", "fuzz"}
OF_THE_RUN = {"deadlock", "livelock", "process_died"}  # what else breaks a run


@pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.value)
def test_a_kind_of_fault_is_in_every_table(kind: FaultKind) -> None:
    assert kind in STRIKERS or kind is FaultKind.MEMBER
    assert kind in show_words.FAULTS
    assert f"| `{kind.value}` |" in PAGES["scenario.md"]
    assert (kind in draw._AMOUNTS) == (FAULTS[kind].amount is not None)
    assert (show_words.FAULTS[kind][2] == "") == (kind in MENDS_ITSELF | SAID)


def test_kinds_that_mend_themselves_have_no_duration() -> None:
    assert INSTANT - {FaultKind.POWER_AT_STEP} == MENDS_ITSELF | SAID


def test_every_check_is_in_its_table() -> None:
    """A file makes a check when a function of its name gives violations."""
    there = {
        path.stem
        for path in (SIM / "checks").glob("*.py")
        for part in tree(path).body
        if isinstance(part, ast.FunctionDef) and part.name == path.stem
        if part.returns is not None and "Violation" in ast.unparse(part.returns)
    }
    names = [check.name for check in checks.ALL]
    assert sorted(names) == sorted(there)
    assert all(check.find.__name__ == check.name for check in checks.ALL)


@pytest.mark.parametrize("name", [*(check.name for check in checks.ALL), *sorted(OF_THE_RUN)])
def test_what_must_hold_has_a_meaning_in_words_and_on_the_page(name: str) -> None:
    assert name in show_words.MEANINGS
    assert f"`{name}`" in PAGES["simulate.md"].partition("\n## What must hold\n")[2].partition("\n## ")[0]


def test_what_breaks_a_run_by_itself_is_all_told() -> None:
    assert {name for _, name in FAILURES} == OF_THE_RUN | {"simulation"}  # the last: any other failure of a world


@pytest.mark.parametrize("path", sorted((SIM / "commands").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_every_command_is_in_its_table_and_on_a_page(path: Path) -> None:
    if path.stem in {"command", "onward", "provenance", "report"}:  # what commands share
        assert path.stem not in COMMANDS
    else:
        assert path.stem in COMMANDS
        assert isinstance(load(path.stem), Command)
        assert any(re.search(rf"(ec_sim |`){path.stem}\b", page) for page in PAGES.values())


def test_there_is_a_file_for_each_command() -> None:
    assert all((SIM / "commands" / f"{name}.py").is_file() for name in COMMANDS)


def test_commands_that_start_again_load_no_node_before() -> None:
    source = (
        "import sys; from sim.commands import load\n"
        "for name in ('run', 'console', 'replay', 'shrink', 'show'): load(name)\n"
        "print('momentum_trio.node.node' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SIM)))
def test_the_simulator_needs_no_tests(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & OUTSIDE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SIM)))
def test_only_one_file_knows_trios_private_names(path: Path) -> None:
    text = path.read_text("utf-8")
    assert path.name == "schedule.py" or not re.search(r"\btrio\._(?!_)", text)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(path: Path) -> set[str]:
    """The modules a file imports by their whole names."""
    nodes = list(ast.walk(tree(path)))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return whole | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
