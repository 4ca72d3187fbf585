"""Messages as programs hand them over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.submission import Submission, author, path_of, up_to_dot


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        (b"Subject: a\n\nb\n", b"Subject: a\r\n\r\nb\r\n"),
        (b"Subject: a\r\n\r\nb", b"Subject: a\r\n\r\nb\r\n"),
        (b"Subject: a\n b\n\tc\nTo: d\n\n", b"Subject: a\r\n b\r\n\tc\r\nTo: d\r\n\r\n"),
        (b"hello\n", b"\r\nhello\r\n"),
        (b"Subject: a\nhello\n", b"Subject: a\r\n\r\nhello\r\n"),  # the empty line is missing
        (b"From ann Sat Nov 28\nSubject: a\n\nFrom b\n", b"Subject: a\r\n\r\nFrom b\r\n"),
        (b"\nhello\n\n", b"\r\nhello\r\n\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_parsed(given_: bytes, sent: bytes) -> None:
    assert Submission.parse(given_).octets() == sent


@given(st.lists(st.sampled_from([b"A: b\n", b" c\n", b"\n", b"\r\n", b"x\n", b".\n", b"\r", b"\xff"])).map(b"".join))
def test_what_is_sent_is_parsed_to_itself(octets: bytes) -> None:
    sent = Submission.parse(octets).octets()
    assert sent.count(b"\n") == sent.count(b"\r\n")
    assert Submission.parse(sent).octets() == sent


@pytest.mark.parametrize(
    ("octets", "kept"),
    [
        (b"a\n.\nb\n", b"a\n"),
        (b"a\r\n.\r\nb", b"a\r\n"),
        (b".\n", b""),
        (b"a\n..\nb\n.", b"a\n..\nb\n."),
        (b"a.\n", b"a.\n"),
    ],
)
def test_up_to_the_dot(octets: bytes, kept: bytes) -> None:
    assert up_to_dot(octets) == kept


def test_recipients_are_taken_and_bcc_removed() -> None:
    message = Submission.parse(
        b'To: Bob <bob@b.example>, "x, y" <c@d>\nBCC: e@f,\n g@h\nCc: team: i@j, k;\nSubject: a@b\n\nTo: not@this\n'
    )
    assert message.take_recipients() == ["bob@b.example", "c@d", "e@f", "g@h", "i@j", "k"]
    assert b"e@f" not in message.octets()
    assert message.octets().startswith(b'To: Bob <bob@b.example>, "x, y" <c@d>\r\nCc:')


def test_of_a_message_sent_again_the_new_recipients_count() -> None:
    message = Submission.parse(b"To: a@b\nResent-To: c@d\nResent-Bcc: e@f\n\n")
    assert message.take_recipients() == ["c@d", "e@f"]
    assert message.octets() == b"To: a@b\r\nResent-To: c@d\r\n\r\n"


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("bob", "bob@h.example"),
        ("<Bob@B.Example>", "Bob@b.example"),
        (' "a b"@c', '"a b"@c'),
        ("postmaster", "postmaster@h.example"),
    ],
)
def test_paths(address: str, path: str) -> None:
    assert path_of(address, "h.example") == path


@pytest.mark.parametrize("address", ["", "a b@c", "a@b c", "caf\xe9@b", "a@b>\r\nRCPT TO:<x@y", "@b"])
def test_what_is_no_path(address: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        path_of(address, "h.example")


def test_a_field_is_one_line() -> None:
    with pytest.raises(ValueError, match="line end"):
        Submission.parse(b"").add("From", "a\r\nBcc: b")


def test_authors() -> None:
    assert author("", "a@b") == "a@b"
    assert author('Ann "A" B', "a@b") == '"Ann \\"A\\" B" <a@b>'
    assert author("Caf\xe9", "a@b") == "=?utf-8?b?Q2Fmw6k=?= <a@b>"
