"""Whatever a program hands to sendmail becomes fields, an empty line and a body in CRLF; parsed again it stays."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.submission import Submission, path_of, up_to_dot

PIECES: Final = [
    b"To: bob@b.example, ", b"Bcc:", b"Cc: x: a@b;", b'"q\\"', b"(c", b"<a@b>", b"\n", b"\r\n", b" ", b"\t", b".",
    b"\xff", b"From ", b"=?utf-8?q?a@b?=", b"\r", b"\0",
]  # fmt: skip


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: pieces of messages, now and then anything at all."""
    return st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join) | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    assert octets.startswith(up_to_dot(octets))
    message = Submission.parse(octets)
    recipients = message.take_recipients()
    sent = message.octets()
    assert sent.count(b"\n") == sent.count(b"\r\n")
    assert not message.has("bcc")
    assert Submission.parse(sent).octets() == sent
    for recipient in recipients:
        try:
            path = path_of(recipient, "h.example")
        except ValueError:
            continue
        assert path.isascii()
        assert path.isprintable()
        assert "@" in path
