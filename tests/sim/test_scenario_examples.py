"""The scenarios to copy: each is good, its nodes start, and it holds."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from momentum_trio.net import group
from sim.client import LEFT
from sim.draw import draw
from sim.evidence import Told, Verdict
from sim.run import run
from sim.scenario import NAME_FAULTS, SAID, SPLITS, FaultKind
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
    assert {*scenario.swarm.kinds} == {*FaultKind} - SAID - NAME_FAULTS - SPLITS
    delivery = read(str(FOLDER / "delivery.sim")).swarm
    assert delivery is not None
    assert {*delivery.kinds} >= NAME_FAULTS
    assert len(draw(scenario, 3).mails) == sum(load.count for load in scenario.loads)


def test_relaying_depends_on_the_most_specific_block() -> None:
    scenario = replace(read(str(FOLDER / "mail_flow.sim")), swarm=None)
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    relayed = [attempt for attempt in result.evidence.attempts if attempt.mail.name.startswith("relayed")]
    told = {(attempt.source_address, attempt.told) for attempt in relayed if attempt.reply != LEFT}
    assert told == {
        ("10.1.0.7", Told.ACCEPTED),  # in the /16
        ("10.1.2.7", Told.REFUSED),  # in the /24 in it
        ("10.1.2.99", Told.ACCEPTED),  # in that, by itself
        ("192.0.2.7", Told.REFUSED),  # nowhere
    }
    assert {arrived.host for arrived in result.evidence.arrived} == {"mx", "sink", "late"}


def test_members_of_a_bus_are_told_what_they_say() -> None:
    result = run(read(str(FOLDER / "bus.sim")), 2, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    told = sum(isinstance(entry.deed, group.Told) for entry in result.evidence.bus.entries)
    assert told > 50


def test_nodes_are_commanded_from_the_console_of_their_manager() -> None:
    result = run(read(str(FOLDER / "broadcast.sim")), 2, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    assert result.evidence.reached == {"mgr": ""}
    assert {held.host for held in result.evidence.held} == {"ec1", "ec2", "ec3", "mgr"}
    assert result.marks["broadcast_answered"]


@pytest.mark.parametrize(
    "name",
    ["chunks", "crowd", "delivery", "ecstream_relay", "gathered", "late_sync", "old_mail", "operator", "relay_chain"],
)
def test_a_seed_of_it_holds(name: str) -> None:
    result = run(read(str(FOLDER / f"{name}.sim")), 2)
    assert result.verdict is Verdict.HELD, result.violations
