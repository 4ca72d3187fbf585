"""The stages of an outbound conversation have the manual's words (spec/logs.md section 9)."""

from __future__ import annotations

from momentum_trio.mail.stage import Stage

MANUAL = """
0 not connected, 1 idle, 2 during MAIL FROM, 3 after MAIL FROM, 4 during RCPT TO, 5 after RCPT TO, 6 during DATA,
7 after DATA, 8 sending BODY, 9 reading confirmation, 10 during EHLO, 11 after EHLO, 12 reading BANNER, 13 during RSET,
14 after RSET, 15 during STARTTLS, 16 after STARTTLS, 17 handshaking TLS, 18 renegotiating TLS, 19 during XCLIENT,
20 after XCLIENT, 21 out-of-band bounce, 22 unknown
"""


def test_each_has_its_number_and_its_words() -> None:
    assert [f"{stage.value} {stage.words}" for stage in Stage] == MANUAL.replace("\n", " ").strip().split(", ")
