"""Replies: RFC 5321 section 4.2, RFC 2034 section 4."""

from __future__ import annotations

import pytest

from momentum_trio.mail.reply import Reply


@pytest.mark.parametrize(
    ("reply", "octets"),
    [
        (Reply(250, "2.0.0", ("OK",)), b"250 2.0.0 OK\r\n"),
        (Reply(250, "", ("mx",)), b"250 mx\r\n"),
        (Reply(250, "", ("mx", "SIZE 1", "HELP")), b"250-mx\r\n250-SIZE 1\r\n250 HELP\r\n"),
        (Reply(214, "2.0.0", ("a", "b")), b"214-2.0.0 a\r\n214 2.0.0 b\r\n"),
        (Reply(550, "5.1.1", ("caf\u00e9",)), b"550 5.1.1 caf?\r\n"),
        (Reply(220, "", ("",)), b"220 \r\n"),
    ],
)
def test_octets(reply: Reply, octets: bytes) -> None:
    assert reply.octets() == octets


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("550 5.7.1 relaying denied", Reply(550, "5.7.1", ("relaying denied",))),
        ("503 RCPT TO without MAIL FROM", Reply(503, "", ("RCPT TO without MAIL FROM",))),
        ("421 4.5.6.7 odd", Reply(421, "", ("4.5.6.7 odd",))),
        ("550 2.0.0 the class must agree", Reply(550, "", ("2.0.0 the class must agree",))),
    ],
)
def test_one_line_of_text(text: str, reply: Reply) -> None:
    assert Reply.of(text) == reply
    assert str(reply) == text
    assert not reply.positive
