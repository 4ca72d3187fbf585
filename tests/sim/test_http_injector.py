"""Mail that comes by HTTP while things break: nothing acknowledged is lost, and clients are told what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.evidence import Verdict
from sim.run import run
from sim.scenario_text import read

SCENARIO = Path(__file__).resolve().parents[2] / "sim" / "scenarios" / "http.sim"


@pytest.mark.parametrize("seed", [4])
def test_nothing_acknowledged_is_lost(seed: int) -> None:
    result = run(read(str(SCENARIO)), seed)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.marks["accepted"] > 50
    assert result.marks["client_retried"] > 0
    assert result.marks["client_left"] > 0
