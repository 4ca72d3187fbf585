"""Verdicts of policy: what is made is fit for the wire and the logs; anything else is refused where it is made."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.reception.policy import Bind, Continue, Defer, Discard, Disconnect, Done, Reject, Verdict
from momentum_trio.reception.policy.verdict import FIELDS_MAX, TEXT_CHARACTERS_MAX, VALUE_OCTETS_MAX, VARIABLES_MAX

# RFC 5321 section 4.2 and RFC 2034 section 4: one line, at most 512 octets, nothing but printable ASCII.
LINE = re.compile(rb"[45][0-5][0-9] (?:[45]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}) )?[ -~]+\r\n")

texts = st.text(max_size=30) | st.text(st.sampled_from("a \r\n\t\0é\x7f~"), max_size=500)
codes = st.integers(-1, 1000) | st.sampled_from([400, 421, 450, 459, 460, 500, 550, 559, 560]) | st.booleans()
enhanced_codes = st.text(st.sampled_from("045.19 "), max_size=12) | st.from_regex(r"\A[45]\.\d{1,3}\.\d{1,3}\Z")


@given(st.sampled_from([Reject, Defer]), texts, codes, enhanced_codes)
def test_a_reply_that_is_made_is_fit_for_the_wire(
    kind: type[Reject | Defer], text: str, code: int, enhanced: str
) -> None:
    try:
        made = kind(text, code=code, enhanced=enhanced)
    except ValueError:
        return
    octets = Reply(made.code, made.enhanced, (made.text,)).octets()
    assert LINE.fullmatch(octets)
    assert len(octets) <= 512
    assert octets[:1] == (b"5" if kind is Reject else b"4")
    assert made.code != 421
    assert not enhanced or enhanced[0] == str(code)[0]


@given(st.text(st.sampled_from("aB:\r\n\t é~X-"), max_size=20), texts)
def test_a_header_field_that_is_made_is_one_line(name: str, value: str) -> None:
    try:
        made = Continue(fields=[(name, value)])
    except ValueError:
        return
    ((name, value),) = made.fields
    line = f"{name}: {value}"
    assert re.fullmatch(r"[!-9;-~]+: [ -~]*", line)
    assert len(line) <= 998


@given(st.text(max_size=80), st.text(max_size=2000))
def test_a_variable_that_is_made_is_one_printable_word_and_line(name: str, value: str) -> None:
    try:
        Done(message={name: value})
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name)
    assert value.isprintable()
    assert len(value.encode()) <= VALUE_OCTETS_MAX


@pytest.mark.parametrize(
    "make",
    [
        lambda: Reject(""),
        lambda: Reject("x" * (TEXT_CHARACTERS_MAX + 1)),
        lambda: Reject("x", code=450),
        lambda: Reject("x", enhanced="4.7.1"),
        lambda: Defer("x", code=421),
        lambda: Disconnect("x\n"),
        lambda: Disconnect("x", enhanced="5.7.1"),
        lambda: Discard("a\r\nb"),
        lambda: Bind(""),
        lambda: Continue(connection={"can_relay": "true"}),
        lambda: Continue(connection={"auth_user": "ann"}),
        lambda: Continue(message={"__bypass_x": "true"}),
        lambda: Continue(message={"a b": "c"}),
        lambda: Continue(message={f"n{number}": "" for number in range(VARIABLES_MAX + 1)}),
        lambda: Continue(fields=[("Received", "from here")]),
        lambda: Continue(fields=[("X-A", "b")] * (FIELDS_MAX + 1)),
    ],
)
def test_what_is_refused(make: Callable[[], Verdict]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        make()


def test_verdicts_are_values() -> None:
    assert Reject("no") == Reject("no", code=550, enhanced="5.7.1")
    with pytest.raises(AttributeError):
        Reject("no").text = "yes"  # type: ignore[misc]
