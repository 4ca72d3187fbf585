"""What an item of Routes may say."""

from __future__ import annotations

import pytest

from momentum_trio.net.next_hop import NextHop
from momentum_trio.net.route_item import RouteItem


@pytest.mark.parametrize(
    ("text", "hop", "preference", "ttl", "mx"),
    [
        ("__mx__", None, None, None, True),
        ("__MX__", None, None, None, True),
        ("smarthost", NextHop("smarthost"), None, None, False),
        ("smarthost:2525", NextHop("smarthost", 2525), None, None, False),
        ("[2001:db8::1]", NextHop("2001:db8::1"), None, None, False),
        ("smtp://1.2.3.4?pref=10&ttl=300&type=mx", NextHop("1.2.3.4"), 10, 300, False),  # an address has no MX
        ("smtp://a.example?pref=10&ttl=300&type=mx", NextHop("a.example"), 10, 300, True),
        ("SMTP://a.example?PREF=0&port=26", NextHop("a.example", 26), 0, None, False),
        ("smtp://a.example:26", NextHop("a.example", 26), None, None, False),
        ("smtp://[::1]?port=26", NextHop("::1", 26), None, None, False),
        ("smtp://__mx__?pref=5", None, 5, None, True),
    ],
)
def test_forms(text: str, hop: NextHop | None, preference: int | None, ttl: int | None, mx: bool) -> None:
    assert RouteItem.parse(text) == RouteItem(text, hop, preference, ttl, mx)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "::1",
        "lmtp://a",
        "smtp://",
        "smtp://a?",
        "smtp://a?pref",
        "smtp://a?pref=-1",
        "smtp://a?pref=65536",
        "smtp://a?pref=1&pref=2",
        "smtp://a?port=0",
        "smtp://a?type=aaaa",
        "smtp://a?speed=1",
        "smtp://__mx__?port=26",
        "smtp://a b",
        "a" * 500,
    ],
)
def test_what_is_no_route(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each says its own
        RouteItem.parse(text)
