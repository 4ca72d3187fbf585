"""The scenarios to copy: each is good, its nodes start, and it holds."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from sim.draw import draw
from sim.evidence import Verdict
from sim.run import run
from sim.scenario import FaultKind
from sim.scenario_text import check_command, read

FOLDER = Path(__file__).resolve().parents[2] / "sim" / "scenarios"
FILES = sorted(FOLDER.glob("*.sim"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_good(path: Path) -> None:
    out = io.StringIO()
    assert check_command(str(path), out) == 0, out.getvalue()
    assert out.getvalue().startswith(f"{path}: good\n")


@pytest.mark.parametrize("name", ["one_host", "two_hosts"])
def test_it_holds(name: str) -> None:
    result = run(read(str(FOLDER / f"{name}.sim")), 1)
    assert result.verdict is Verdict.HELD, result.violations


def test_the_swarm_draws_from_every_kind_of_fault() -> None:
    scenario = read(str(FOLDER / "mail_flow.sim"))
    assert scenario.swarm is not None
    assert {*scenario.swarm.kinds} == {*FaultKind} - {FaultKind.CONSOLE}
    drawn = draw(replace(scenario, short_share=0.0), 3)
    assert {mail.source_address for mail in drawn.mails if mail.name.startswith("relayed")} <= {
        *scenario.host("client").addresses
    }
    assert len(drawn.mails) == 45
