"""What a host with a port may be written as: names, addresses, brackets, and a port or none."""

from __future__ import annotations

import pytest

from momentum_trio.net.host_port import HostPort


@pytest.mark.parametrize(
    ("text", "found", "shown"),
    [
        ("mx.example", HostPort("mx.example"), "mx.example"),
        ("MX.example:26", HostPort("MX.example", 26), "MX.example:26"),
        ("192.0.2.1", HostPort("192.0.2.1"), "192.0.2.1"),
        ("192.0.2.1:65535", HostPort("192.0.2.1", 65535), "192.0.2.1:65535"),
        ("[192.0.2.1]:26", HostPort("192.0.2.1", 26), "192.0.2.1:26"),
        ("::1", HostPort("::1"), "[::1]"),
        ("2001:DB8::1", HostPort("2001:db8::1"), "[2001:db8::1]"),
        ("[2001:db8::1]", HostPort("2001:db8::1"), "[2001:db8::1]"),
        ("[2001:db8::1]:26", HostPort("2001:db8::1", 26), "[2001:db8::1]:26"),
        ("[fe80::1%eth0]:26", HostPort("fe80::1%eth0", 26), "[fe80::1%eth0]:26"),
    ],
)
def test_forms(text: str, found: HostPort, shown: str) -> None:
    parsed = HostPort.parse(text)
    assert (parsed, str(parsed)) == (found, shown)
    assert HostPort.parse(shown) == parsed
    assert parsed.or_at(25).port == (found.port or 25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no host"),
        (":26", "is no host"),
        ("/socket", "is no host"),
        ("mx example:26", "is no host"),
        ("[::1", "is no host"),
        ("[::1]26", "is no host"),
        ("::1]:26", "not an address"),
        ("[]:26", "not an address"),
        ("[mx.example]:26", "not an address"),
        ("mx.example:26:27", "not an address"),
        ("mx.example:", "a port from 1 to 65535"),
        ("mx.example:0", "a port from 1 to 65535"),
        ("mx.example:65536", "a port from 1 to 65535"),
        ("mx.example:000026", "a port from 1 to 65535"),
        ("mx.example:２５", "a port from 1 to 65535"),
        ("mx.example:smtp", "a port from 1 to 65535"),
        ("mx.example:26\n", "a port from 1 to 65535"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="expected") as raised:
        HostPort.parse(text)
    assert said in str(raised.value)
