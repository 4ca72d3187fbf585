"""Scripts: what each line says, and what is wrong with those that say nothing good."""

from __future__ import annotations

import pytest

from momentum_trio.protocol.rehearsal.recording import Content, Line
from momentum_trio.protocol.rehearsal.script import Expectation, ScriptError, parse

ENVELOPE = b"MAIL FROM:<a@b>\nRCPT TO:<c@d>\n"


def said(script: bytes) -> list[str | bytes | None]:
    """What the client says: lines as text, content as octets, None for time that passes."""
    found: list[str | bytes | None] = []
    for step in parse(script)[1:]:
        if isinstance(step.said, Content):
            found.append(step.said.kept)
        else:
            found.append(step.said.text if isinstance(step.said, Line) else None)
    return found


@pytest.mark.parametrize(
    ("script", "steps"),
    [
        (b"", []),
        (b"# nothing\n\n   \n", []),
        (b"EHLO a\r\nQUIT\r\n", ["EHLO a", "QUIT"]),
        (b"EHLO \xe9", ["EHLO \xe9"]),
        (b"> # x\n>> y\n>\n>  z", ["# x", "> y", "", " z"]),
        (b"+ 30\nNOOP\n+5", [None, "NOOP", None]),
        (b"DATA\na: b\n\n..x\n# too\n< 250\n.\nQUIT", ["DATA", b"a: b\r\n\r\n..x\r\n# too\r\n< 250\r\n.\r\n", "QUIT"]),
        (b"data\n< 354\nx\n.\n", ["data", b"x\r\n.\r\n"]),
        (b"DATA\n.\n", ["DATA", b".\r\n"]),
        (b"DATA\n< 503\nQUIT", ["DATA", "QUIT"]),
        (b"DATA\n", ["DATA"]),
        (b"DATA x\nQUIT", ["DATA x", "QUIT"]),
    ],
)
def test_what_is_said(script: bytes, steps: list[str | bytes | None]) -> None:
    assert said(script) == steps


def test_what_is_expected_of_which_reply() -> None:
    steps = parse(
        b"< 220\nEHLO a\n< 250 SIZE\n<250\n" + ENVELOPE + b"DATA\n< 3\na: b\n.\n< 250\n+ 9\n< 421\n< closed\n"
    )
    expected = [[(e.number, e.text) for e in step.expected] for step in steps]
    assert expected == [
        [(1, "220")],
        [(3, "250 SIZE"), (4, "250")],
        [],
        [],
        [(8, "3")],
        [(11, "250")],
        [(13, "421"), (14, "closed")],
    ]
    assert [step.at for step in steps] == [0, 0, 0, 0, 0, 0, 9]


@pytest.mark.parametrize(
    ("script", "number", "problem"),
    [
        (b"NOOP\n<\n", 2, "expected what a reply begins with after '<'"),
        (b"+ soon", 1, "expected seconds, at most 604800, after '+'"),
        (b"+ 604801", 1, "expected seconds, at most 604800, after '+'"),
        (b"\nDATA\nSubject: x\n", 2, "the content after DATA has no end: a line with a dot alone"),
        (b"x" * 2047, 1, "a line has at most 2046 octets"),
    ],
)
def test_what_is_wrong(script: bytes, number: int, problem: str) -> None:
    with pytest.raises(ScriptError) as wrong:
        parse(script)
    assert (wrong.value.number, str(wrong.value)) == (number, problem)


@pytest.mark.parametrize(
    ("text", "replies", "holds"),
    [
        ("250", ("250 ok",), True),
        ("25", ("250 ok",), True),
        ("250 ok", ("250-ok\n250 SIZE 1",), True),
        ("250 SIZE", ("250-ok\n250 SIZE 1",), True),
        ("250 DSN", ("250-ok\n250 SIZE 1",), False),
        ("550 5.7.1", ("550 5.7.2 no",), False),
        ("250", (), False),
        ("421", ("500 what", "421 idle"), True),
        ("closed", ("421 idle",), False),
    ],
)
def test_when_an_expectation_holds(text: str, replies: tuple[str, ...], holds: bool) -> None:
    assert Expectation(1, text).holds(replies, closed=False) is holds
    assert Expectation(1, "closed").holds(replies, closed=True)
