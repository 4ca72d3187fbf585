"""What Gateway may say: names, addresses, brackets, ports (spec: config-language, section 10)."""

from __future__ import annotations

import pytest

from momentum_trio.net.next_hop import NextHop


@pytest.mark.parametrize(
    ("text", "hop", "domain", "shown"),
    [
        ("mx.example", NextHop("mx.example"), "mx.example", "mx.example"),
        ("MX.Example.", NextHop("mx.example"), "mx.example", "mx.example"),
        ("sink", NextHop("sink"), "sink", "sink"),
        ("my_host:2525", NextHop("my_host", 2525), "my_host", "my_host:2525"),
        ("192.0.2.1", NextHop("192.0.2.1"), "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:26", NextHop("192.0.2.1", 26), "192.0.2.1", "192.0.2.1:26"),
        ("[192.0.2.1]", NextHop("192.0.2.1"), "192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", NextHop("2001:db8::1"), "[ipv6:2001:db8::1]", "[2001:db8::1]"),
        ("[IPv6:2001:db8::1]:26", NextHop("2001:db8::1", 26), "[ipv6:2001:db8::1]", "[2001:db8::1]:26"),
    ],
)
def test_forms(text: str, hop: NextHop, domain: str, shown: str) -> None:
    parsed = NextHop.parse(text)
    assert (parsed, parsed.domain, str(parsed)) == (hop, domain, shown)
    assert NextHop.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected HOST"),
        ("2001:db8::1", "stands in brackets here: [2001:db8::1]"),
        ("[2001:db8::1", "never closed"),
        ("[2001:db8::1]25", "never closed"),
        ("[mx.example]", "not an address"),
        ("256.0.2.1", "not an address"),
        ("mx.example:", "a port from 1 to 65535"),
        ("mx.example:0", "a port from 1 to 65535"),
        ("mx.example:65536", "a port from 1 to 65535"),
        ("mx.example:２５", "a port from 1 to 65535"),
        ("mx..example", "not a host name"),
        ("-mx.example", "not a host name"),
        ("mx example", "not a host name"),
        ("größe.example", "not a host name"),
        ("mx.example\r\nQUIT", "not a host name"),
        ("a" * 64 + ".example", "not a host name"),
        (".".join(["a" * 60] * 5), "expected HOST"),
        ("x" * 1000, "expected HOST"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"expected|stands") as raised:
        NextHop.parse(text)
    assert said in str(raised.value)
