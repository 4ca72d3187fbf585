"""Macros (RFC 7208 section 7): the examples of the RFC, and what is no macro string."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from momentum_trio.protocol.spf.macro import Template
from momentum_trio.protocol.spf.strategies import domains

# RFC 7208 section 7.4
VALUES = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "v": "in-addr",
    "h": "mx.example.org",
    "p": "mx.example.org",
    "c": "192.0.2.3",
    "r": "mx.here.example",
    "t": "1000",
}
IN_6 = {**VALUES, "i": "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1", "v": "ip6"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{L}%%%_%-x.%{D1}", "strong-bad% %20x.com"),
        ("%{S}.x", "strong-bad%40email.example.com.x"),
    ],
)
def test_the_examples_of_the_rfc(text: str, expanded: str) -> None:
    assert Template.parse(text).expand(VALUES) == expanded


def test_an_address_of_ipv6() -> None:
    name = Template.parse_domain("%{ir}.%{v}._spf.%{d2}").expand_domain(IN_6)
    assert name == ("1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com")


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "%{",
        "%{x}",
        "%{d",
        "%{d0}",
        "%{d}a",
        "%{c}.x.example",
        "example",
        "a.1",
        "a.-b",
        "a.b-",
        "a b.example",
        "",
        "é.x",
    ],
)
def test_what_is_no_domain(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        Template.parse_domain(text)


@pytest.mark.parametrize("text", ["a.b", "a.b.", "a.1b", "a.1-2", "%{d}", "x.%{d2r-}", "a/b.c-d"])
def test_what_is_a_domain(text: str) -> None:
    assert Template.parse_domain(text)


def test_a_name_that_is_too_long_loses_labels_on_its_left() -> None:
    name = Template.parse_domain("%{l}.example.com").expand_domain({**VALUES, "l": ".".join(["a" * 60] * 5)})
    assert name == ".".join(["a" * 60] * 3) + ".example.com"


@settings(max_examples=40)
@given(domains)
def test_expanding_ends_in_text_and_knows_its_letters(text: str) -> None:
    try:
        template = Template.parse_domain(text)
    except ValueError:
        return
    assert template.letters <= set(VALUES)
    assert len(template.expand_domain(VALUES)) <= 253
