"""Header fields written from values: a reader has them back, on lines that every host takes."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.mime.field import Mailbox, is_line, mailboxes, of_mailboxes, unstructured

lines = st.text(st.sampled_from('aB \t"<>,.é€😀=?_\\()'), max_size=120).map(str.strip)
names = st.text(st.sampled_from('aB "<>,.é€\\()'), max_size=60).map(lambda text: " ".join(text.split()))


def read(field: str, name: str) -> str:
    assert field.isascii()
    assert max(map(len, field.split("\r\n"))) <= 998
    return str(message_from_bytes(f"{field}\r\n".encode(), policy=default)[name])


@given(lines.filter(lambda text: "=?" not in text and "\t" not in text))
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    assert read(unstructured("Subject", text), "Subject") == text


@pytest.mark.parametrize("text", ["é" * 300, "a" * 1500, "word " * 400, "a" + " " * 950 + "b"])
def test_long_texts(text: str) -> None:
    field = unstructured("Subject", text)
    assert read(field, "Subject").replace(" ", "") == text.replace(" ", "")
    assert all(line[:1] in " \tS" and line.strip() for line in field.removesuffix("\r\n").split("\r\n"))


@given(st.lists(st.builds(Mailbox, st.sampled_from(["a@b.example", '"x y"@c']), names), min_size=1, max_size=3))
def test_mailboxes_are_read_as_they_were_written(some: list[Mailbox]) -> None:
    field = of_mailboxes("To", some)
    assert "\r\n" not in field.replace("\r\n ", "").removesuffix("\r\n")
    if all(each.name.isascii() for each in some):
        assert mailboxes(field.removeprefix("To: ").replace("\r\n ", " ").strip()) == some


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@b", [Mailbox("a@b")]),
        (' Ann <a@b> , "q, \\"x" <c@d>,e@f', [Mailbox("a@b", "Ann"), Mailbox("c@d", 'q, "x'), Mailbox("e@f")]),
        ('"a b"@c, <x@y>', [Mailbox('"a b"@c'), Mailbox("x@y")]),
    ],
)
def test_lists_of_mailboxes(text: str, found: list[Mailbox]) -> None:
    assert mailboxes(text) == found


@pytest.mark.parametrize("text", ["", ",", "a@b,", "a b", "<", "<a@b", "(c) a@b", '"', "a@b c@d", "a <b> c"])
def test_no_lists_of_mailboxes(text: str) -> None:
    with pytest.raises(ValueError, match="commas between"):
        mailboxes(text)


@pytest.mark.parametrize(
    ("text", "is_one"), [("a\tb é", True), ("a\r", False), ("a\nb", False), ("\0", False), ("\x7f", False)]
)
def test_what_may_stand_in_a_field(text: str, is_one: bool) -> None:
    assert is_line(text) is is_one
