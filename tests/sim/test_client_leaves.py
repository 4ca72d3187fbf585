"""Clients that break their first attempt off: what they leave behind, and that they come again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_scenario import LOADS, SCENARIO, mail

from momentum_trio.mail.record import SessionEnded
from sim.client import LEAVES_AFTER_MS, LEFT
from sim.draw import draw
from sim.evidence import Evidence, Told, Verdict
from sim.run import run
from sim.scenario import Leaving, Scenario

OCTETS = 9000


def left(leaves: Leaving, octets: int = OCTETS) -> Evidence:
    letter = replace(mail("m", octets=octets), leaves=leaves)
    scenario = replace(SCENARIO, links=(), mails=(letter,), duration_seconds=20.0)
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    return result.evidence


def drawn(scenario: Scenario, seed: int) -> list[Leaving]:
    return [each.leaves for each in draw(scenario, seed).mails]


@pytest.mark.parametrize(
    ("leaves", "told"),
    [(Leaving.CONTENT, Told.DEFERRED), (Leaving.SILENCE, Told.DEFERRED), (Leaving.ANSWER, Told.UNKNOWN)],
)
def test_it_leaves_once_and_then_sees_it_through(leaves: Leaving, told: Told) -> None:
    evidence = left(leaves)
    first, second = evidence.attempts
    assert (first.told, first.reply) == (told, LEFT)
    assert second.told is Told.ACCEPTED
    assert len(evidence.arrived) in ((1, 2) if leaves is Leaving.ANSWER else (1,))


def test_what_came_of_content_that_broke_off_is_not_taken() -> None:
    assert [len(arrived.octets) >= OCTETS for arrived in left(Leaving.CONTENT).arrived] == [True]


def test_the_server_ends_a_session_that_fell_silent() -> None:
    ended = [record.why for _, record in left(Leaving.SILENCE).world.records if isinstance(record, SessionEnded)]
    assert sorted(ended) == ["idle", "quit"]


def test_a_client_may_leave_while_its_mail_is_committed() -> None:
    """It never hears of the first commit, whenever it leaves (by its size): there are two."""
    counts = {len(left(Leaving.ANSWER, OCTETS + more).arrived) for more in range(LEAVES_AFTER_MS)}
    assert counts == {2}


def test_the_share_of_a_load_leaves() -> None:
    none, half, every = (
        drawn(replace(SCENARIO, loads=(replace(LOADS[0], leaves=share),)), 1) for share in (0.0, 0.5, 1.0)
    )
    assert {*none} == {Leaving.NEVER}
    assert {*half} == {*Leaving}
    assert {*every} == {*Leaving} - {Leaving.NEVER}
