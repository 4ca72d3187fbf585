"""Whose a message is: the domain of the first mailbox in From."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.dkim.author import author_domain


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("ann@example.com", "example.com"),
        ("Ann <ann@Example.COM>", "example.com"),
        ("<ann@example.com>", "example.com"),
        ('"eve@evil.example" <ann@example.com>', "example.com"),
        ('"<eve@evil.example>" <ann@example.com>', "example.com"),
        ('"a \\" <eve@evil.example>" <ann@example.com>', "example.com"),
        ("(eve@evil.example) ann@example.com", "example.com"),
        ("(a (nested <eve@evil.example>)) <ann@example.com> (end", "example.com"),
        ('(a " b) <ann@example.com> (c " d) <eve@evil.example>', "example.com"),
        ('"ann b"@example.com', "example.com"),
        ("Ann <ann@example.com>, Bob <bob@b.example>", "example.com"),
        ("Ann\r\n\t<ann@\r\n example.com>", "example.com"),
        ("Ann (ann@example.com", ""),
        ("<ann@[192.0.2.1]>", ""),
        ("ann", ""),
        ("", ""),
        ("<>", ""),
        ("ann@exa_mple.com", ""),
        ("ann@caf\xe9.example", ""),
    ],
)
def test_author(value: str, domain: str) -> None:
    assert author_domain(b"From: " + value.encode("latin-1") + b"\r\n") == domain


@given(st.text(st.sampled_from('ab@.<>()"\\, \r\n\t'), max_size=40))
def test_whatever_stands_there_is_a_domain_or_nothing(value: str) -> None:
    found = author_domain(b"From:" + value.encode() + b"\r\n")
    assert not found or set(found) <= set("ab.-")
