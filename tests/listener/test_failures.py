"""Inject_Failures: what can be said, what happens, and what does not; a share is the entropy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.listener.failure import DROPPED, befalling, on_purpose
from momentum_trio.listener.failure_options import Failure, Stage
from momentum_trio.mail.reply import Reply
from momentum_trio.node.schema import DECLARED


class Drawn:
    """Entropy that gives these fractions, and counts."""

    def __init__(self, *fractions: float) -> None:
        self.left = list(fractions)

    def fraction(self) -> float:
        return self.left.pop(0)

    def octets(self, count: int) -> bytes:
        raise AssertionError("no octets are drawn")


@pytest.mark.parametrize(
    ("text", "stage", "pattern", "percent", "reply", "delay"),
    [
        ("rcpt 450 4.2.0 try later", Stage.RCPT, None, 100, "450 4.2.0 try later", None),
        ("rcpt /@slow[.]example$/ 50% delay 5", Stage.RCPT, "@slow[.]example$", 50, None, 5),
        ("content drop", Stage.CONTENT, None, 100, None, None),
        ("mail /a / b/ 554 no", Stage.MAIL, "a / b", 100, "554 no", None),
        ("ehlo // drop", Stage.EHLO, "", 100, None, None),
        ("connect 1% 421 away", Stage.CONNECT, None, 1, "421 away", None),
    ],
)
def test_what_can_be_said(
    text: str, stage: Stage, pattern: str | None, percent: int, reply: str | None, delay: int | None
) -> None:
    failure = Failure.parse(text)
    assert (failure.stage, failure.percent, failure.delay_seconds) == (stage, percent, delay)
    assert (failure.pattern and failure.pattern.text, failure.reply and str(failure.reply)) == (pattern, reply)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected STAGE"),
        ("rcpt", "expected STAGE"),
        ("rcpt 250 fine", "expected STAGE"),
        ("rcpt 450", "expected STAGE"),
        ("rcpt 450 a\\r\\nb", "expected STAGE"),
        ("vrfy drop", "expected a stage: connect, ehlo"),
        ("rcpt 0% drop", "expected a share"),
        ("rcpt 101% drop", "expected a share"),
        ("rcpt delay 0", "expected a delay"),
        ("rcpt delay 3601", "expected a delay"),
        ("connect /x/ drop", "connect has no pattern"),
        ("rcpt /(?=x)/ drop", "RE2 has no lookahead"),
    ],
)
def test_what_cannot(text: str, why: str) -> None:
    configuration = f'ESMTP_Listener {{ Listen ":25" {{}} Peer "192.0.2.0/24" {{ Inject_Failures = ( "{text}" ) }} }}'
    with pytest.raises(ConfigErrors) as wrong:
        load_text(configuration, declared=DECLARED)
    assert why in wrong.value.render()


@pytest.mark.parametrize("scope", ["ESMTP_Listener { %s }", "%s", 'ESMTP_Listener { Listen ":25" { %s } }'])
def test_it_stands_in_a_peer_alone(scope: str) -> None:
    with pytest.raises(ConfigErrors):
        load_text(scope % 'Inject_Failures = ( "rcpt drop" )', declared=DECLARED)


def test_an_operator_is_told_of_it() -> None:
    peers = 'Peer "192.0.2.0/24" { Inject_Failures = ( "mail drop" ) } Peer "198.51.100.1" { }'
    assert on_purpose(load_text(f"ESMTP_Listener {{ {peers} }}", declared=DECLARED)) == (
        "Inject_Failures: sessions of 192.0.2.0/24 fail on purpose",
    )
    assert on_purpose(load_text("ESMTP_Listener { }", declared=DECLARED)) == ()


async def fate(texts: list[str], stage: Stage, said: tuple[str, ...], *fractions: float) -> tuple[Reply | None, float]:
    """What befalls, and how long it took; all *fractions* have been drawn."""
    waited, entropy = [0.0], Drawn(*fractions)

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    reply = await befalling(tuple(map(Failure.parse, texts)), stage, said, entropy, wait)
    assert entropy.left == []
    return reply, sum(waited)


async def test_the_first_that_concerns_it_decides_and_delays_add_up() -> None:
    rules = ["rcpt /@a/ delay 2", "rcpt /@a$/ 450 one", "rcpt /@/ delay 3", "rcpt /@B/ 550 two", "mail drop"]
    assert await fate(rules, Stage.RCPT, ("x@a",)) == (Reply.of("450 one"), 2)
    assert await fate(rules, Stage.RCPT, ("x@b",)) == (Reply.of("550 two"), 3)
    assert await fate(rules, Stage.RCPT, ("x@c",)) == (None, 3)
    assert await fate(rules, Stage.MAIL, ("",)) == (DROPPED, 0)
    assert await fate(rules, Stage.DATA, ("x@a", "x@b")) == (None, 0)


async def test_a_pattern_of_content_is_looked_for_in_every_forward_path() -> None:
    assert await fate(["content /^eve@/ 550 no"], Stage.CONTENT, ("bob@a", "eve@a")) == (Reply.of("550 no"), 0)


async def test_a_share_is_drawn_only_where_it_matters() -> None:
    rules = ["rcpt /@a/ 25% 450 one", "rcpt 550 two"]
    assert await fate(rules, Stage.RCPT, ("x@a",), 0.2499) == (Reply.of("450 one"), 0)
    assert await fate(rules, Stage.RCPT, ("x@a",), 0.25) == (Reply.of("550 two"), 0)
    assert await fate(rules, Stage.RCPT, ("x@b",)) == (Reply.of("550 two"), 0)


@given(st.text(max_size=30) | st.from_regex(r"(rcpt|mail) (/[a-z(]*/ )?([0-9]{1,3}% )?(drop|delay [0-9]+|[1-6]50 x)"))
def test_whatever_is_written_is_a_failure_or_an_error_that_says_so(text: str) -> None:
    try:
        failure = Failure.parse(text)
    except ValueError:
        return
    assert failure.text == text
    assert failure.reply is None or 400 <= failure.reply.code <= 599
    assert failure.delay_seconds is None or 1 <= failure.delay_seconds <= 3600
