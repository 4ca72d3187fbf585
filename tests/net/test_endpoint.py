"""Where a socket listens: every spelling (spec: config-language, sections 9 and 10)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.net.endpoint import Endpoint, Family

NINE_SPELLINGS = (  # spec/manual-listeners.txt, Listeners and IPv6 Addresses
    "2001:db8:0:0:1:0:0:1",
    "2001:DB8:0:0:1:0:0:1",
    "2001:0DB8:0:0:1:0:0:1",
    "2001:db8::1:0:0:1",
    "2001:db8::0:1:0:0:1",
    "2001:0db8::1:0:0:1",
    "2001:db8:0:0:1::1",
    "2001:db8:0000:0:1::1",
    "2001:DB8:0:0:1::1",
)


@pytest.mark.parametrize(
    ("text", "family", "canonical"),
    [
        ("*:25", Family.INET, "*:25"),
        (":25", Family.INET, "*:25"),
        ("0.0.0.0:25", Family.INET, "*:25"),
        ("127.0.0.1:25", Family.INET, "127.0.0.1:25"),
        ("[127.0.0.1]:25", Family.INET, "127.0.0.1:25"),  # brackets where they are not required
        ("[*]:25", Family.INET6, "[::]:25"),
        ("[::]:25", Family.INET6, "[::]:25"),
        ("[0:0:0:0:0:0:0:0]:25", Family.INET6, "[::]:25"),
        ("[fd82:7796:815b:af9d:230:48ff:fef2:aa4a]:587", Family.INET6, "[fd82:7796:815b:af9d:230:48ff:fef2:aa4a]:587"),
        ("[FD82::4A]:587", Family.INET6, "[fd82::4a]:587"),
        ("[::192.168.0.1]:25", Family.INET6, "[::c0a8:1]:25"),  # v4-compatible
        ("[::C0A8:1]:25", Family.INET6, "[::c0a8:1]:25"),
        ("[::ffff:192.0.2.1]:25", Family.INET, "192.0.2.1:25"),  # v4-mapped: unmapped
        ("/tmp/2025", Family.UNIX, "/tmp/2025"),
        ("//tmp/./2025", Family.UNIX, "/tmp/2025"),
        ("127.0.0.1:0", Family.INET, "127.0.0.1:0"),  # ours: a port the kernel chooses
    ],
)
def test_spellings(text: str, family: Family, canonical: str) -> None:
    endpoint = Endpoint.parse(text)
    assert endpoint.family is family
    assert str(endpoint) == canonical
    assert Endpoint.parse(canonical) == endpoint
    assert hash(Endpoint.parse(canonical)) == hash(endpoint)


def test_nine_spellings_are_one_endpoint() -> None:
    assert {str(Endpoint.parse(f"[{spelling}]:25")) for spelling in NINE_SPELLINGS} == {"[2001:db8::1:0:0:1]:25"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected ADDRESS:PORT"),
        ("25", "the port is missing"),
        ("*", "the port is missing"),
        ("127.0.0.1", "the port is missing"),
        ("127.0.0.1:", "the port is missing"),
        ("[::1]", "the port is missing"),
        ("[::1]25", "the port is missing"),
        ("[::1:25", "'[' is never closed"),
        ("fd82::4a:587", "stands in brackets here"),
        ("::1", "stands in brackets here"),
        ("localhost:25", "host names do not name a socket"),
        ("*:65536", "expected a port from 1 to 65535"),
        ("*:-1", "expected a port from 1 to 65535"),
        ("*:\u0662\u0665", "expected a port from 1 to 65535"),
        ("010.0.0.1:25", "not an IPv4 address"),
        ("[1::2::3]:25", "not an IPv6 address"),
        ("[::1", "'[' is never closed"),
        ("/", "expected the path of a Unix socket"),
        ("/tmp/", "expected the path of a Unix socket"),
        ("/tmp/a\0b", "a path holds no NUL"),
        ("/" + "a" * 107, "at most 107 octets"),
        ("/" + "a" * 97 + "/s", "at most 97 octets"),
        ("a" * 600, "expected ADDRESS:PORT"),
    ],
)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("*:25", ":25", True),
        ("*:25", "127.0.0.1:25", True),
        ("127.0.0.1:25", "127.0.0.2:25", False),
        ("*:25", "*:26", False),
        ("*:25", "[*]:25", False),  # IPV6_V6ONLY keeps them apart
        ("[*]:25", "[::1]:25", True),
        ("/tmp/a", "/tmp/a", True),
        ("/tmp/a", "/tmp/b", False),
    ],
)
def test_overlap(one: str, other: str, overlap: bool) -> None:
    assert Endpoint.parse(one).overlaps(Endpoint.parse(other)) is overlap
    assert Endpoint.parse(other).overlaps(Endpoint.parse(one)) is overlap


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("127.0.0.9:25", True), ("[::1]:25", True), ("/a", True), ("*:25", False), ("192.0.2.1:1", False)],
)
def test_loopback(text: str, loopback: bool) -> None:
    assert Endpoint.parse(text).is_loopback is loopback


@given(st.ip_addresses(), st.integers(0, 65535))
def test_canonical_text_is_a_fixed_point(address: object, port: int) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    endpoint = Endpoint.parse(f"{host}:{port}")
    assert Endpoint.parse(str(endpoint)) == endpoint


@given(st.text(alphabet="[]:*/.0123456789abcdefF%\0 ", max_size=30))
def test_any_text_is_an_endpoint_or_a_value_error(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - the other outcome is right as well
    else:
        assert Endpoint.parse(str(endpoint)) == endpoint
