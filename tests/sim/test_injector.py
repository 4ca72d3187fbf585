"""The simulator's own injector by ECStream: contents arrive, whole or in chunks, and who leaves comes again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_scenario import CONFIG, CONFIG_PATH, SCENARIO, mail

from sim.draw import draw
from sim.evidence import Evidence, Told, Verdict
from sim.letter import unchanged
from sim.run import run
from sim.scenario import Carried, Leaving, Mail
from sim.scenario_text import read

OCTETS = 5000
LISTENER = """
Relay_Hosts = ( "0.0.0.0/0" )
ECStream_Listener { ECStream_Window_Size = 65536 ECStream_Max_Frame_Size = 16384 Listen ":1825" { %s } }
"""
ECSTREAM_SIM = Path(__file__).parents[2] / "sim" / "scenarios" / "ecstream.sim"
LETTER = replace(mail("m", octets=OCTETS), carried=Carried.ECSTREAM, port=1825)


def sent(*letters: Mail, more: str = "") -> Evidence:
    """What came of *letters*, sent to a node that has *more* in its Listen."""
    node = replace(SCENARIO.hosts[0], files=((CONFIG_PATH, (CONFIG + LISTENER % more).encode()),))
    scenario = replace(SCENARIO, hosts=(node, *SCENARIO.hosts[1:]), links=(), mails=letters, duration_seconds=20.0)
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    assert result.evidence.breaches == []
    return result.evidence


@pytest.mark.parametrize("session", [0, 1], ids=["one batch", "a batch each"])
@pytest.mark.parametrize(
    "chunks", [(), (0, 1, 333), (OCTETS * 2,), (15_000,) * 10], ids=["here", "some", "one", "many"]
)
def test_they_arrive_octet_by_octet(chunks: tuple[int, ...], session: int) -> None:
    octets = 100_000 if len(chunks) == 10 else OCTETS
    letters = [replace(LETTER, name=f"m{n}", chunks=chunks, session=session, octets=octets) for n in range(2)]
    evidence = sent(*letters)
    assert [attempt.told for attempt in evidence.attempts] == [Told.ACCEPTED] * 2
    arrived = sorted(evidence.arrived, key=lambda each: each.octets.index(b"Subject: "))
    assert all(any(unchanged(letter, each.octets) for each in arrived) for letter in letters)


def test_what_is_refused_is_told_of_its_message_alone() -> None:
    evidence = sent(LETTER, replace(LETTER, name="refused", forward_paths=("<nobody>@example.com",)))
    told = {attempt.mail.name: (attempt.told, attempt.reply[:3]) for attempt in evidence.attempts}
    assert told == {"m": (Told.ACCEPTED, "250"), "refused": (Told.REFUSED, "501")}
    assert len(evidence.arrived) == 1


@pytest.mark.parametrize(
    ("leaves", "told"),
    [(Leaving.CONTENT, Told.DEFERRED), (Leaving.SILENCE, Told.DEFERRED), (Leaving.ANSWER, Told.UNKNOWN)],
)
def test_who_leaves_comes_again(leaves: Leaving, told: Told) -> None:
    evidence = sent(replace(LETTER, leaves=leaves, chunks=(900,)))
    assert [attempt.told for attempt in evidence.attempts] == [told, Told.ACCEPTED]


def test_the_scenario_holds() -> None:
    result = run(draw(read(str(ECSTREAM_SIM)), 1), 1)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.marks["accepted"] > 50
