"""What a sender may ask about notifications: RFC 3461 section 4, decoded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.dsn import Notify, escaped, unescaped

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


@pytest.mark.parametrize(
    ("words", "failure", "delay", "success"),
    [
        # section 4.1: without NOTIFY, failures are reported and delays may be
        ("", True, True, False),
        ("NEVER", False, False, False),
        ("SUCCESS", False, False, True),
        ("FAILURE", True, False, False),
        ("DELAY", False, True, False),
        ("success,Delay", False, True, True),
        ("SUCCESS,FAILURE,DELAY", True, True, True),
        ("FAILURE,FAILURE", True, False, False),
    ],
)
def test_notify(words: str, failure: bool, delay: bool, success: bool) -> None:
    notify = Notify.parse(words) if words else Notify.UNSET
    assert (notify.on_failure, notify.on_delay, notify.on_success) == (failure, delay, success)


@pytest.mark.parametrize(
    ("xtext", "text"),
    [("QQ314159", "QQ314159"), ("a+2Bb+3Dc", "a+b=c"), ("rfc822;a+20b@c", "rfc822;a b@c"), ("", "")],
)
def test_xtext(xtext: str, text: str) -> None:
    assert unescaped(xtext) == text
    assert escaped(text) == xtext


@given(PRINTABLE)
def test_what_is_escaped_comes_back(text: str) -> None:
    xtext = escaped(text)
    assert unescaped(xtext) == text
    assert all("!" <= character <= "~" and character != "=" for character in xtext)
