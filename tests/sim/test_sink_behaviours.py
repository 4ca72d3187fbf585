"""What a sink does as its plan says: each turn of a session, each way to end it, and what it knows of extensions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from small_scenario import SCENARIO, mails

from momentum_trio.machine import Machine
from sim import World
from sim.evidence import Evidence, Told, Verdict
from sim.heard import Heard
from sim.run import run
from sim.scenario import Behaviour, Mail, Scenario, SinkPlan, Turn, Way
from sim.sink import run_sink


def with_sink(plan: SinkPlan, *sent: Mail) -> Scenario:
    hosts = tuple(replace(host, sink=plan) if host.name == "sink" else host for host in SCENARIO.hosts)
    return replace(SCENARIO, hosts=hosts, mails=sent or mails(3, "sink"), duration_seconds=10.0)


def ran(*behaviours: Behaviour, **more: object) -> Evidence:
    plan = replace(SinkPlan(behaviours=behaviours), **more)  # type: ignore[arg-type]
    result = run(with_sink(plan), 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD, result.violations
    assert result.evidence is not None
    return result.evidence


@pytest.mark.parametrize("turn", [Turn.CONNECT, Turn.EHLO, Turn.MAIL, Turn.DATA, Turn.CONTENT])
@pytest.mark.parametrize("way", Way)
def test_at_every_turn_it_refuses_or_leaves_once_and_then_takes_the_mail(turn: Turn, way: Way) -> None:
    evidence = ran(Behaviour("moody", turn, way, "451 4.3.2 not now", times=1))
    first = next(attempt for attempt in evidence.attempts if attempt.mail.name == "sink-0")
    unknown = turn is Turn.CONTENT and way is not Way.ANSWER
    assert first.told is (Told.UNKNOWN if unknown else Told.DEFERRED)
    assert first.reply.startswith("451 4.3.2") == (way is Way.ANSWER)
    assert len(evidence.arrived) == 3


def test_a_recipient_is_refused_and_another_deferred() -> None:
    none = Behaviour("none", Turn.RCPT, reply="550 5.1.1 no such user", recipients=("b*@example.com",))
    evidence = ran(none)
    assert [attempt.refused_paths for attempt in evidence.attempts] == [(("bob@example.com", none.reply),)] * 3
    assert not evidence.arrived
    assert {one.reply for one in evidence.heard if one.turn is Turn.RCPT} == {none.reply}


def test_an_answer_is_lost_and_what_it_was_about_is_kept() -> None:
    evidence = ran(Behaviour("forgets", Turn.STORED, Way.CLOSE, times=1))
    assert [attempt.told for attempt in evidence.attempts if attempt.mail.name == "sink-0"] == [
        Told.UNKNOWN,
        Told.ACCEPTED,
    ]
    assert len(evidence.arrived) == 4
    assert [one.reply[:3] for one in evidence.heard if one.mail == "sink-0" and one.place] == ["", "250"]


def test_a_session_brings_so_many_and_no_more() -> None:
    sent = tuple(replace(mail, session=1) for mail in mails(5, "sink", 0.1))
    plan = SinkPlan(behaviours=(Behaviour("enough", Turn.MAIL, reply="421 4.7.0 enough", mails=2),))
    result = run(with_sink(plan, *sent), 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert result.evidence is not None
    said = [one.reply[:3] for one in result.evidence.heard if one.turn is Turn.MAIL]
    assert said == ["250", "250", "421", "250", "250", "421", "250"]


def test_it_takes_its_time() -> None:
    evidence = ran(Behaviour("slow", Turn.DATA, after_seconds=7.0))
    assert all(7.0 < attempt.ended - attempt.began < 8.0 for attempt in evidence.attempts)


def test_a_share_is_some() -> None:
    scenario = with_sink(SinkPlan(behaviours=(Behaviour("busy", Turn.MAIL, reply="451 no", share=0.4),)))
    result = run(replace(scenario, mails=mails(60, "sink", 0.1)), 1, keep_evidence=True)
    assert result.evidence is not None
    said = [one.reply[:3] for one in result.evidence.heard if one.turn is Turn.MAIL]
    assert 0.2 < said.count("451") / len(said) < 0.6


def dialogue(plan: SinkPlan, *lines: str) -> tuple[list[str], list[Heard]]:
    """What a sink of *plan* answers to *lines*, each sent when the one before was answered."""
    world, heard = World(1), list[Heard]()
    sink, client = world.host("sink", "10.0.0.9"), world.host("client", "10.0.0.7")

    async def converse(machine: Machine) -> list[str]:
        said = []
        async with await trio.open_tcp_stream("10.0.0.9", plan.ports[0]) as stream:
            for line in ("", *lines):
                if line:
                    await stream.send_all(line.encode() + b"\r\n")
                said.append((await stream.receive_some()).decode())
        return said

    async def story() -> list[str]:
        await sink.start(run_sink, plan, heard.append)
        return await client.call(converse)

    return world.run(story), heard


@pytest.mark.parametrize(
    ("plan", "lines", "codes"),
    [
        (SinkPlan(offers=()), ["HELO a", "MAIL FROM:<a@b> SIZE=1"], ["220", "250", "555"]),
        (SinkPlan(offers=()), ["EHLO a", "MAIL FROM:<a@b> BODY=8BITMIME"], ["220", "250", "555"]),
        (SinkPlan(), ["EHLO a", "MAIL FROM:<a@b> SIZE=1", "RCPT TO:<c@d> NOTIFY=NEVER"], ["220", "250", "250", "555"]),
        (
            SinkPlan(offers=("DSN",)),
            ["EHLO a", "MAIL FROM:<a@b> RET=HDRS", "RCPT TO:<c@d> NOTIFY=NEVER"],
            ["220", "250", "250", "250"],
        ),
        (SinkPlan(), ["EHLO a", "BDAT 1 LAST\r\nx"], ["220", "250", "500"]),
        (
            SinkPlan(offers=("CHUNKING",)),
            ["EHLO a", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "BDAT 4\r\na\r", "BDAT 3 LAST\r\nb"],
            ["220", "250", "250", "250", "250", "250"],
        ),
        (SinkPlan(), ["LHLO a"], ["220", "500"]),
        (SinkPlan(), ["MAIL FROM:<a@b>"], ["220", "503"]),
        (SinkPlan(), ["EHLO a", "MAIL FROM:<a@b>", "DATA"], ["220", "250", "250", "503"]),
        (SinkPlan(), ["EHLO a", "MAIL FROM:<a@b>", "RSET", "RCPT TO:<c@d>"], ["220", "250", "250", "250", "503"]),
        (SinkPlan(ports=(2525,)), ["STARTTLS", "QUIT"], ["220", "500", "221"]),
    ],
)  # fmt: skip
def test_it_knows_what_it_offers_and_the_order_of_commands(plan: SinkPlan, lines: list[str], codes: list[str]) -> None:
    said, _ = dialogue(plan, *lines)
    assert [reply[:3] for reply in said] == codes


def test_lmtp_answers_for_each_recipient() -> None:
    no = Behaviour("no", Turn.CONTENT, reply="452 4.2.2 full", recipients=("full@*",))
    plan = SinkPlan(lmtp=True, behaviours=(no,))
    lines = ["LHLO a", "MAIL FROM:<a@b>", "RCPT TO:<full@d>", "RCPT TO:<c@d>", "DATA", "x: y\r\n\r\nz\r\n."]
    said, heard = dialogue(plan, *lines)
    assert [line[:3] for line in said[-1].splitlines()] == ["452", "250"]
    assert [(one.turn, one.forward_path) for one in heard[-2:]] == [(Turn.CONTENT, "full@d"), (Turn.STORED, "c@d")]
