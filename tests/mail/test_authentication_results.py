"""The Authentication-Results field (RFC 8601): written so that it can be read, and whose those of others are."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.mail.authentication_results import Method, claims, identifier_in, results_field
from momentum_trio.mail.strategies import results_values, texts


def test_what_is_written() -> None:
    methods = [
        Method("spf", "pass", "", (("smtp.mailfrom", "ann@b.example"),)),
        Method("dkim", "fail", 'the "body"', (("header.d", "b.example"), ("header.b", "A/b+c=12"), ("header.i", ""))),
    ]
    assert results_field("mx.example", methods) == (
        "Authentication-Results: mx.example;\r\n\tspf=pass\r\n\t smtp.mailfrom=ann@b.example;\r\n"
        '\tdkim=fail reason="the \\"body\\""\r\n\t header.d=b.example\r\n\t header.b="A/b+c=12"\r\n'
    )
    assert results_field("mx.example", []) == "Authentication-Results: mx.example; none\r\n"  # section 2.2


@settings(max_examples=40)
@given(st.builds(Method, st.just("spf"), st.just("pass"), texts, st.tuples(st.tuples(st.just("smtp.helo"), texts))))
def test_whatever_is_told_the_field_is_one_and_can_be_read(method: Method) -> None:
    field = results_field("mx.example", [method, method])
    assert re.fullmatch(r"[ -~]+(\r\n\t[ -~]+)*\r\n", field)
    assert len(message_from_bytes(field.encode(), policy=policy.compat32)) == 1
    assert claims(field.encode(), "MX.example.")


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        # RFC 8601 appendix B
        (" example.org 1; none", "example.org"),
        (" example.com;\r\n         spf=pass smtp.mailfrom=example.net", "example.com"),
        ("example.com; auth=pass", "example.com"),
        (" (a (nested) comment \\) ) \r\n\t example.com (x); none", "example.com"),
        (' "example.com" 1; none', "example.com"),
        (' "ex\\ample.com"; none', "example.com"),
        (" example.com(x)", "example.com"),
        ("", ""),
        (" (never closed", ""),
        (" ;", ""),
    ],
)
def test_whose_a_field_is(value: str, identifier: str) -> None:
    assert identifier_in(value) == identifier


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (" mx.example; spf=pass", True),
        (" MX.EXAMPLE ; spf=pass", True),
        (" mx.example.; spf=pass", True),
        (" mx.example/1; spf=pass", True),
        (" (x) mx.example; spf=pass", True),
        (' "mx.example"; spf=pass', True),
        (" ; spf=pass", True),  # nobody can say whose
        (" other.example; spf=pass", False),
        (" notmx.example; spf=pass", False),
        (" sub.mx.example; spf=pass (mx.example)", False),
    ],
)
def test_what_claims_to_be_ours(value: str, ours: bool) -> None:
    assert claims(f"Authentication-Results:{value}\r\n".encode(), "mx.example") is ours


@settings(max_examples=40)
@given(results_values)
def test_a_value_is_read_whatever_stands_in_it(value: str) -> None:
    assert identifier_in(f"(x) {value}") == identifier_in(value)
