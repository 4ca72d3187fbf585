"""Names of certificates: RFC 6125 section 6.4, RFC 9525 section 6.3."""

from __future__ import annotations

from typing import Any

import pytest

from momentum_trio.net.certificate_name import is_named, matches


@pytest.mark.parametrize(
    ("presented", "host", "does"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("MX.Example.COM", "mx.example.com.", True),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.mx.example.com", False),  # one label
        ("*.com", "example.com", False),
        ("*", "example", False),
        ("m*.example.com", "mx.example.com", False),  # the whole label or nothing
        ("mx.*.com", "mx.example.com", False),
        ("*.*.com", "mx.example.com", False),
        ("mx.example.com", "mx.example.com.evil.test", False),
        ("*.example.com", "*.example.com", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "a\\000.example.com", False),
        ("", "", False),
        ("*.0.0.1", "10.0.0.1", False),
    ],
)
def test_dns_ids(presented: str, host: str, does: bool) -> None:
    assert matches(presented, host) is does


def certificate(*names: tuple[str, str], common_name: str = "") -> dict[str, Any]:
    return {"subject": ((("commonName", common_name),),), "subjectAltName": names}


@pytest.mark.parametrize(
    ("shown", "names", "with_common_name", "does"),
    [
        (certificate(("DNS", "mx.example.com")), ("mx.example.com",), False, True),
        (certificate(("DNS", "mx.example.com")), ("other", "mx.example.com"), False, True),
        (certificate(common_name="mx.example.com"), ("mx.example.com",), False, False),
        (certificate(common_name="mx.example.com"), ("mx.example.com",), True, True),
        (certificate(("DNS", "a"), common_name="mx.example.com"), ("mx.example.com",), True, False),
        (certificate(("IP Address", "192.0.2.1")), ("192.0.2.1",), False, True),
        (certificate(("IP Address", "2001:DB8:0:0:0:0:0:1")), ("2001:db8::1",), False, True),
        (certificate(("DNS", "192.0.2.1")), ("192.0.2.1",), False, False),
        (certificate(("DNS", "*.0.2.1")), ("192.0.2.1",), False, False),
        ({}, ("mx.example.com",), True, False),
    ],
)
def test_certificates(shown: dict[str, Any], names: tuple[str, ...], with_common_name: bool, does: bool) -> None:
    assert is_named(shown, names, common_name=with_common_name) is does
