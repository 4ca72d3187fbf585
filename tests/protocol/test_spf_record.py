"""SPF records (RFC 7208 sections 5, 6 and 12): what is a record, and what makes one wrong."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given, settings

from momentum_trio.protocol.spf.macro import Template
from momentum_trio.protocol.spf.record import (
    All,
    Exists,
    Hosts,
    Include,
    Mechanism,
    Network,
    Pointer,
    SpfRecord,
    SpfResult,
    is_record,
)
from momentum_trio.protocol.spf.strategies import texts


def domain(text: str) -> Template:
    return Template.parse_domain(text)


@pytest.mark.parametrize(
    ("term", "mechanism"),
    [
        ("all", All()),
        ("ALL", All()),
        ("include:example.com", Include(domain("example.com"))),
        ("a", Hosts(exchanges=False)),
        ("a/24", Hosts(exchanges=False, length4=24)),
        ("a//64", Hosts(exchanges=False, length6=64)),
        ("a/24//64", Hosts(exchanges=False, length4=24, length6=64)),
        ("A:x.example/0", Hosts(exchanges=False, domain=domain("x.example"), length4=0)),
        ("mx", Hosts(exchanges=True)),
        ("mx:%{d2}//0", Hosts(exchanges=True, domain=domain("%{d2}"), length6=0)),
        ("ptr", Pointer()),
        ("ptr:x.example", Pointer(domain("x.example"))),
        ("ip4:192.0.2.0/24", Network(IPv4Network("192.0.2.0/24"))),
        ("ip4:192.0.2.1/24", Network(IPv4Network("192.0.2.0/24"))),
        ("ip6:2001:db8::/32", Network(IPv6Network("2001:db8::/32"))),
        ("exists:%{ir}.sbl.example", Exists(domain("%{ir}.sbl.example"))),
    ],
)
def test_mechanisms(term: str, mechanism: Mechanism) -> None:
    (directive,) = SpfRecord.parse(f"v=spf1 -{term}").directives
    assert (directive.result, directive.mechanism, directive.text) == (SpfResult.FAIL, mechanism, f"-{term}")


def test_qualifiers_and_modifiers() -> None:
    record = SpfRecord.parse("v=spf1 +a ?mx  ~ptr -all exp=e.example x-y=%{t}/any Redirect=_spf.%{d}  ")
    assert [directive.result.value for directive in record.directives] == ["pass", "neutral", "softfail", "fail"]
    assert (record.explanation, record.redirect) == (domain("e.example"), domain("_spf.%{d}"))


@pytest.mark.parametrize(
    "terms",
    [
        "all:x", "all/8", "all.", "-", "+-all", "a:", "a:x", "a:x.1", "a/33", "a//129", "a/08", "a/", "a/-1",
        "a/24/64", "mx:x.example/24/", "include", "include:", "include:x/24", "exists", "ip4", "ip4:",
        "ip4:192.0.2", "ip4:1.2.3.4/33", "ip4:192.0.2.01", "ip4:1.2.3.4//32", "ip4:::1", "ip6:1.2.3.4",
        "ip6:fe80::1%1", "ip6:::1/129", "ip6:::1/", "unknown", "foo:bar", "redirect:x.example", "redirect=",
        "redirect=a.example redirect=b.example", "exp=a.example exp=a.example", "a:%{x}.example", "a:%{d", "x=%",
        "a\tmx", "é", "a:é.example", "ptr/24",
    ],
)  # fmt: skip
def test_one_wrong_term_makes_the_record_wrong(terms: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SpfRecord.parse(f"v=spf1 -all {terms}")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        # RFC 7208 section 4.5
        ("v=spf1", True), ("v=spf1 -all", True), ("V=SPF1 -all", True), ("v=spf10", False), ("v=spf1\t", False),
        (" v=spf1", False), ("v=spf2.0/pra", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_a_record(text: str, is_one: bool) -> None:
    assert is_record(text) is is_one


@settings(max_examples=40)
@given(texts)
def test_a_record_is_read_or_refused_with_a_value_error(text: str) -> None:
    if not is_record(text):
        return
    try:
        record = SpfRecord.parse(text)
    except ValueError:
        return
    assert SpfRecord.parse(text.replace(" ", "   ")) == record
