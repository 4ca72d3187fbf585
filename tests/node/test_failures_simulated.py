"""Inject_Failures in a whole node: by stage, in time, in the rejectlog, in an explanation, by the seed."""

from __future__ import annotations

import pytest
import trio
from simulated_host import CONTROL, Site, console

from momentum_trio.mail.record import Received, Rejected

EHLO, MAIL, RCPT = "EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>"
CONTENT = "From: <ann@client.example>\r\nSubject: x\r\n\r\nbody\r\n."
SESSION = (EHLO, MAIL, RCPT, "DATA", CONTENT, "NOOP")


def configuration(*failures: str, peer: str = "10.0.0.0/8") -> str:
    listed = " ".join(f'"{each}"' for each in failures)
    return f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Suspend_Delivery = true
Control_Listener {{ Listen "{CONTROL}" {{}} }}
ESMTP_Listener {{ Listen ":25" {{ Peer "{peer}" {{ Inject_Failures = ( {listed} ) }} }} }}
"""


async def codes(site: Site, *lines: str) -> str:
    return " ".join(reply[:3] for reply in await site.talk(*lines))


def rejected(site: Site) -> list[tuple[str, int, str]]:
    found = [record for _, record in site.world.records if isinstance(record, Rejected)]
    return [(record.module, record.code, record.phase) for record in found]


@pytest.mark.parametrize(
    ("failure", "lines", "expected", "kept"),
    [
        ("connect 421 4.3.2 away", (), "421", 0),
        ("ehlo 554 5.3.0 no", (EHLO, "NOOP"), "220 554 250", 0),
        ("mail /@client/ 450 4.2.0 later", (EHLO, MAIL, RCPT), "220 250 450 503", 0),
        ("rcpt /^bob@/ 550 5.1.1 nobody", (EHLO, MAIL, RCPT, "DATA"), "220 250 250 550 503", 0),
        ("rcpt /^eve@/ 550 5.1.1 nobody", SESSION, "220 250 250 250 354 250 250", 1),
        ("data 451 4.3.0 no room", (EHLO, MAIL, RCPT, "DATA", "RSET"), "220 250 250 250 451 250", 0),
        ("content 554 5.6.0 no", SESSION, "220 250 250 250 354 554 250", 0),
        ("content 421 4.3.0 gone", SESSION[:5], "220 250 250 250 354 421", 0),
    ],
)
def test_replies_by_stage(failure: str, lines: tuple[str, ...], expected: str, kept: int) -> None:
    site = Site()
    assert site.run(configuration(failure), lambda site: codes(site, *lines)) == expected
    assert sum(isinstance(record, Received) for _, record in site.world.records) == kept
    assert ("inject" in [module for module, _, _ in rejected(site)]) is ("eve" not in failure)


@pytest.mark.parametrize(
    ("stage", "said"),
    [("connect", ""), ("mail", "220 250"), ("rcpt", "220 250 250"), ("content", "220 250 250 250 354")],
)
def test_a_connection_that_is_dropped_ends_without_a_word(stage: str, said: str) -> None:
    site = Site()
    told = site.run(configuration(f"{stage} drop"), lambda site: codes(site, *SESSION[: len(said.split())]))
    assert told.strip() == said
    assert [(module, code) for module, code, _ in rejected(site)] == [("inject", 421)]
    assert not any(isinstance(record, Received) for _, record in site.world.records)


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "content"])
def test_a_delay_is_waited_for_once(stage: str) -> None:
    async def story(site: Site) -> tuple[float, str]:
        began = trio.current_time()
        told = await codes(site, *SESSION[:5])
        return trio.current_time() - began, told

    seconds, told = Site().run(configuration(f"{stage} delay 20"), story)
    assert told == "220 250 250 250 354 250"
    assert seconds == pytest.approx(20, abs=1)


def test_a_delay_beyond_idle_time_is_not_the_clients_silence() -> None:
    text = configuration("rcpt delay 100").replace("ESMTP_Listener {", "ESMTP_Listener { Idle_Time = 10 ")
    assert Site().run(text, lambda site: codes(site, *SESSION[:5])) == "220 250 250 250 354 250"


def test_other_peers_are_served() -> None:
    site = Site()
    told = site.run(configuration("connect drop", peer="192.0.2.0/24"), lambda site: codes(site, *SESSION))
    assert told == "220 250 250 250 354 250 250"


def test_shares_are_the_worlds_and_the_same_for_the_same_seed() -> None:
    async def story(site: Site) -> str:
        return await codes(site, EHLO, MAIL, *[RCPT] * 40)

    def told(seed: int) -> list[str]:
        return Site(seed).run(configuration("rcpt 30% 450 4.2.0 later"), story).split()[3:]

    first, other = told(1), told(2)
    assert first == told(1)
    assert first != other
    assert 3 <= first.count("450") <= 25
    assert first.count("450") + first.count("250") == 40


def test_it_is_explained() -> None:
    async def story(site: Site) -> str:
        return await site.mx.call(console, "config explain 10.0.0.7")

    text = Site().run(configuration("rcpt 30% 450 4.2.0 later"), story)
    assert "Inject_Failures" in text or "inject_failures" in text
    assert "rcpt 30% 450 4.2.0 later" in text
