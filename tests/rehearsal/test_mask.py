"""What is kept of a line: nothing secret, and all that its reply depends on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.rehearsal.mask import masked
from momentum_trio.protocol.rehearsal.notes import BDAT, About, Notes
from momentum_trio.protocol.rehearsal.recording import Line
from momentum_trio.protocol.smtp.strategies import all_terms, commands, hostile_lines, rehearse
from momentum_trio.protocol.smtp.terms import Terms


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"EHLO client.example", b"EHLO client.example"),
        (b"mail from:<a@b> size=1", b"mail from:<a@b> size=1"),
        (b"RCPT TO:<a@b>", b"RCPT TO:<a@b>"),
        (b"DATA", b"DATA"),
        (b"DATA x", b"DATA ***"),
        (b"VRFY somebody ", b"VRFY somebody "),
        (b"EXPN people ", b"EXPN *** "),
        (b"AUTH PLAIN AGEAYg==", b"AUTH PLAIN ***"),
        (b"auth cram-md5", b"auth cram-md5"),
        (b"AUTH secret", b"AUTH ***"),
        (b"AUTH  PLAIN secret", b"AUTH ***"),
        (b"AGEAYg==", b"***"),
        (b"Subject: secret", b"***"),
        (b"*", b"***"),
        (b"", b""),
        (b"  ", b"  "),
        (b"GET /secret HTTP/1.1", b"GET ***"),
        (b"\xe9t\xe9", b"***\x80"),
        (b"a\tb", b"***\x01"),
    ],
)
def test_what_is_kept(line: bytes, kept: bytes) -> None:
    assert masked(line) == kept


lines = commands.map(str.encode) | hostile_lines | st.sampled_from([b"AUTH PLAIN x", b"AUTH", b"GET / x", b"a\tb \t"])


def is_kept(line: bytes) -> bool:
    """Whether it is one line, of which a recording keeps what the reply depends on.

    It ends with the first chunk; and of XSETCONTEXT it keeps nothing, though the pairs matter.
    """
    is_single = b"\r\n" not in line and not line.endswith(b"\r") and len(line) <= 2046
    return is_single and not line.upper().startswith((BDAT, b"XSETCONTEXT"))


single = lines.filter(is_kept)


@settings(max_examples=50, deadline=None)
@given(st.lists(single, max_size=6), all_terms)
def test_a_masked_line_gets_the_reply_of_the_line(said: list[bytes], terms: Terms) -> None:
    spoken = rehearse([line + b"\r\n" for line in said], terms)
    assert rehearse([masked(line) + b"\r\n" for line in said], terms).octets == spoken.octets


@settings(max_examples=30, deadline=None)
@given(st.lists(lines, max_size=6))
def test_a_mask_stays_as_it_is(said: list[bytes]) -> None:
    assert [masked(masked(line)) for line in said] == [masked(line) for line in said]


def test_a_response_to_a_challenge_is_masked_whatever_it_looks_like() -> None:
    notes = Notes(About(0.0, "h", "esmtp_listener", "*:25", "192.0.2.7", "", "", False), lambda: 0.0)
    notes.line(b"AUTH LOGIN")
    for response in (b"EHLO", b"MAIL"):  # which are base64
        notes.reply(Reply.of("334 VXNlcm5hbWU6"))
        notes.line(response)
    notes.reply(Reply.of("235 2.7.0 welcome"))
    notes.line(b"EHLO again")
    lines = [entry.text for entry in notes.entries if isinstance(entry, Line)]
    assert lines == ["AUTH LOGIN", "***", "***", "EHLO again"]
