"""The built-in rows of policy: HELO checks and DNS lists (RFC 5321 section 4.1.3, RFC 5782)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from ipaddress import IPv4Address, ip_address

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from momentum_trio.config.load import load_text
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.policy import Continue, Defer, PolicyPhase, Reject, Session, Verdict
from momentum_trio.reception.policy.dnsbl import SILENT_SECONDS, ListCheck, Lists, question
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.hello import FORGED, MISMATCH, UNQUALIFIED, HelloCheck
from momentum_trio.reception.screening_options import ScreeningOptions, Zone

CONTINUE = Continue()


def session(address: str = "192.0.2.7", hello: str = "client.example", *, may_relay: bool = False) -> Session:
    return Session(
        "", ip_address(address), f"{address}:4711", "198.51.100.1:25", False, "esmtp", "mx.example", hello, True, None,
        "", "", may_relay, "default", {},
    )  # fmt: skip


def options(text: str) -> ScreeningOptions:
    return ScreeningOptions.resolve(load_text(text, declared=DECLARED).chain_global())


@pytest.mark.parametrize(
    ("hello", "address", "verdict"),
    [
        ("client.example", "192.0.2.7", CONTINUE),
        ("client", "192.0.2.7", UNQUALIFIED),
        ("client.", "192.0.2.7", UNQUALIFIED),
        ("[192.0.2.7]", "192.0.2.7", CONTINUE),
        ("[192.0.2.8]", "192.0.2.7", MISMATCH),
        ("[IPv6:2001:db8::1]", "2001:db8::1", CONTINUE),
        ("[ipv6:2001:DB8:0::1]", "2001:db8::1", CONTINUE),
        ("[IPv6:::ffff:192.0.2.7]", "192.0.2.7", CONTINUE),
        ("[IPv6:2001:db8::2]", "2001:db8::1", MISMATCH),
        ("[x:y]", "192.0.2.7", MISMATCH),
        ("mx.example", "192.0.2.7", FORGED),
        ("MX.Example.", "192.0.2.7", FORGED),
    ],
)
def test_what_a_client_calls_itself(hello: str, address: str, verdict: Verdict) -> None:
    all_of_it = HelloCheck(options("HELO_Qualified = true HELO_Literal_Matches = true HELO_Not_Ours = true"))

    async def ask(check: HelloCheck, *, may_relay: bool = False) -> Verdict:
        return await check.ask(PolicyPhase.EHLO, Asked(session(address, hello, may_relay=may_relay)))

    assert trio.run(ask, all_of_it) == verdict
    assert trio.run(partial(ask, all_of_it, may_relay=True)) == CONTINUE
    assert trio.run(ask, HelloCheck(options(""))) == CONTINUE
    assert HelloCheck.wanted(options("")) == ()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        # RFC 5782 section 2.1
        ("192.0.2.99", "99.2.0.192.bad.example.com"),
        # RFC 5782 section 2.4
        ("2001:db8:1:2:3:4:567:89ab",
         "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bad.example.com"),
    ],
)  # fmt: skip
def test_the_question_to_a_list(address: str, name: str) -> None:
    assert question(ip_address(address), "bad.example.com") == name


@pytest.mark.parametrize(
    ("zone", "answer", "listed"),
    [
        ("bl.example", "127.0.0.2", True),
        ("bl.example", "127.255.255.254", False),  # «you are not served»
        ("bl.example", "192.0.2.1", False),  # a domain that was sold
        ("bl.example=127.0.0.4/30", "127.0.0.6", True),
        ("bl.example=127.0.0.2,127.0.0.4/30", "127.0.0.2", True),
        ("bl.example=127.0.0.2", "127.0.0.3", False),
    ],
)
def test_which_answers_mean_listed(zone: str, answer: str, listed: bool) -> None:
    assert Zone.parse(zone).means_listed(IPv4Address(answer)) is listed
    assert str(Zone.parse(zone)) == zone


@given(st.text(st.sampled_from("az.=,/0127-[ é"), max_size=40) | st.text(max_size=30))
def test_a_zone_is_refused_with_a_value_error_or_written_back(text: str) -> None:
    try:
        zone = Zone.parse(text)
    except ValueError:
        return
    assert Zone.parse(str(zone)) == zone


class Dns:
    """Answers by zone after a delay; None: nobody could say."""

    def __init__(self, **zones: tuple[float, Sequence[str] | None]) -> None:
        self.zones = zones
        self.asked: list[str] = []

    async def lookup(self, name: str) -> Sequence[IPv4Address] | None:
        zone = name.removeprefix("7.2.0.192.").partition(".")[0]
        self.asked.append(zone)
        delay, answers = self.zones[zone]
        await trio.sleep(delay)
        return None if answers is None else [IPv4Address(answer) for answer in answers]


def asked(dns: Dns, settings: str = "", *, times: Sequence[float] = (0.0,)) -> list[tuple[float, Verdict]]:
    """The verdicts at *times*, with the seconds each took."""
    zones = " ".join(f'"{zone}.example"' for zone in dns.zones)
    check = ListCheck(options(f"DNSBL_Zones = ( {zones} ) {settings}"), Lists(dns.lookup))
    found: list[tuple[float, Verdict]] = []

    async def ask() -> None:
        began = trio.current_time()
        for at in times:
            await trio.sleep_until(began + at)
            before = trio.current_time()
            verdict = await check.ask(PolicyPhase.MAILFROM, Asked(session()))
            found.append((trio.current_time() - before, verdict))

    trio.run(ask, clock=MockClock(autojump_threshold=0))
    return found


def listed(zone: str) -> Verdict:
    return Reject(f"192.0.2.7 is listed by {zone}.example", message={"dnsbl": f"{zone}.example"})


DEFERRED = Defer("the lists of senders cannot be asked now, please try later", enhanced="4.7.1")


@pytest.mark.parametrize(
    ("zones", "settings", "seconds", "verdict"),
    [
        ({"a": (1, ()), "b": (2, ())}, "", 2, CONTINUE),
        ({"a": (1, ()), "b": (2, ["127.0.0.2"])}, "", 2, listed("b")),
        ({"a": (9, ()), "b": (1, ["127.0.0.2"])}, "", 1, listed("b")),  # the other is not waited for
        ({"a": (9, ()), "b": (1, ())}, "", 5, CONTINUE),
        ({"a": (9, ()), "b": (1, ())}, "DNSBL_On_Failure = defer DNSBL_Timeout = 3", 3, DEFERRED),
        ({"a": (1, None), "b": (1, ())}, "DNSBL_On_Failure = defer", 1, DEFERRED),
        ({"a": (1, None), "b": (2, ["127.0.0.2"])}, "DNSBL_On_Failure = defer", 2, listed("b")),
        ({"a": (1, ["127.0.0.2"])}, "DNSBL_Exempt = ( 192.0.2.0/24 )", 0, CONTINUE),
    ],
)  # fmt: skip
def test_lists(
    zones: dict[str, tuple[float, Sequence[str] | None]], settings: str, seconds: float, verdict: Verdict
) -> None:
    ((took, said),) = asked(Dns(**zones), settings)
    assert (round(took, 3), said) == (seconds, verdict)


def test_a_list_that_is_silent_is_left_alone_for_a_while_and_others_are_asked() -> None:
    dns = Dns(a=(9.0, ()), b=(1.0, ()))
    found = asked(dns, "DNSBL_On_Failure = defer", times=(0.0, 10.0, SILENT_SECONDS + 6))
    assert [(round(took, 3), said) for took, said in found] == [(5, DEFERRED), (1, DEFERRED), (5, DEFERRED)]
    assert sorted(dns.asked) == ["a", "a", "b", "b", "b"]
