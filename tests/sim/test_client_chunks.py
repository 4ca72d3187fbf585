"""Clients that send content in chunks: every octet of it arrives, whatever the sizes and wherever they leave."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from small_scenario import CONFIG, CONFIG_PATH, LOADS, SCENARIO, mail

from sim.client import LEFT, chunked
from sim.draw import CHUNKS_MAX, draw
from sim.evidence import Evidence, Told, Verdict
from sim.letter import content_of, unchanged
from sim.run import run
from sim.scenario import Leaving, Mail
from sim.scenario_text import read

OCTETS = 5000
CONFIG_CHUNKING = CONFIG.replace("ESMTP_Listener {", 'ESMTP_Listener { SMTP_Extensions = ( "CHUNKING" )')
CHUNKS_SIM = Path(__file__).parents[2] / "sim" / "scenarios" / "chunks.sim"
LETTER = mail("m", octets=OCTETS)
_BDAT = re.compile(rb"BDAT (\d+)( LAST)?\r\n")


def sent(letter: Mail, more: str = "") -> Evidence:
    """What came of *letter*, sent to a node that offers CHUNKING and has *more* in its listener."""
    config = CONFIG_CHUNKING.replace("Listen ", f"{more} Listen ", 1)
    node = replace(SCENARIO.hosts[0], files=((CONFIG_PATH, config.encode()),))
    scenario = replace(SCENARIO, hosts=(node, *SCENARIO.hosts[1:]), links=(), mails=(letter,), duration_seconds=20.0)
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    return result.evidence


@pytest.mark.parametrize("chunks", [(0,), (1, 1, 0, 700), (OCTETS - 1, 90), (OCTETS * 2,)])
def test_the_chunks_are_the_content(chunks: tuple[int, ...]) -> None:
    content, ends = b"", []
    for part in chunked(replace(LETTER, chunks=chunks)):
        found = _BDAT.match(part)
        assert found is not None
        assert len(part) == found.end() + int(found[1])
        content += part[found.end() :]
        ends.append(found[2] is not None)
    assert content == content_of(LETTER)
    assert ends == [False] * len(chunks) + [True]


@pytest.mark.parametrize("session", [0, 1], ids=["one by one", "together"])
@pytest.mark.parametrize("chunks", [(0, 1, 333), (OCTETS * 2,)], ids=["some", "nothing is last"])
def test_it_arrives_octet_by_octet(chunks: tuple[int, ...], session: int) -> None:
    evidence = sent(replace(LETTER, chunks=chunks, session=session))
    assert [attempt.told for attempt in evidence.attempts] == [Told.ACCEPTED]
    (arrived,) = evidence.arrived
    assert unchanged(LETTER, arrived.octets)
    assert b"\n.a dot begins this line\n" in arrived.octets.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("session", [0, 1], ids=["one by one", "together"])
def test_a_chunk_too_much_is_refused_and_the_mail_with_it(session: int) -> None:
    evidence = sent(replace(LETTER, chunks=(900, 2000), session=session), "Max_Message_Size = 2500")
    (attempt,) = evidence.attempts
    assert (attempt.told, attempt.reply[:3]) == (Told.REFUSED, "552")
    assert not evidence.arrived


@pytest.mark.parametrize(
    ("leaves", "told"),
    [(Leaving.CONTENT, Told.DEFERRED), (Leaving.SILENCE, Told.DEFERRED), (Leaving.ANSWER, Told.UNKNOWN)],
)
@pytest.mark.parametrize("chunks", [(300,), (OCTETS * 2,)], ids=["half", "nothing is last"])
def test_who_leaves_between_chunks_left_no_mail(chunks: tuple[int, ...], leaves: Leaving, told: Told) -> None:
    evidence = sent(replace(LETTER, chunks=chunks, leaves=leaves))
    first, second = evidence.attempts
    assert (first.told, first.reply, second.told) == (told, LEFT, Told.ACCEPTED)
    assert len(evidence.arrived) in ((1, 2) if leaves is Leaving.ANSWER else (1,))
    assert all(unchanged(LETTER, arrived.octets) for arrived in evidence.arrived)


def test_a_load_draws_its_chunks() -> None:
    def drawn(chunks: tuple[int, int], seed: int = 1) -> list[Mail]:
        return list(draw(replace(SCENARIO, loads=(replace(LOADS[0], chunks=chunks),)), seed).mails)

    mails = drawn((10, 3000))
    assert mails == drawn((10, 3000)) != drawn((10, 3000), 2)
    assert all(10 <= size <= 3000 for letter in mails for size in letter.chunks)
    assert all(sum(letter.chunks) >= letter.octets or len(letter.chunks) == CHUNKS_MAX for letter in mails)
    assert [replace(letter, chunks=()) for letter in mails] == drawn((0, 0))  # all else is drawn as without


def test_a_seed_of_the_scenario_holds() -> None:
    result = run(replace(read(str(CHUNKS_SIM)), swarm=None), 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    refused = {attempt.mail.name for attempt in result.evidence.attempts if attempt.told is Told.REFUSED}
    assert refused == {"refused-0", "refused-1"}
    lasts = {len(content_of(letter)) > sum(letter.chunks) for letter in result.evidence.scenario.mails if letter.chunks}
    assert lasts == {True, False}
