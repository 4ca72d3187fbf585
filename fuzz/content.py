"""Mended content holds no line end but CRLF and no dot that was hidden, and comes out the same however it was cut."""

from __future__ import annotations

import re
from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.content import Content
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart
from momentum_trio.protocol.smtp.strategies import clean_contents, hostile_contents, large_contents
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

TERMS: Final = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    lone_line_ends_in_headers=LoneLineEnds.FIX,
    lone_line_ends_in_body=LoneLineEnds.FIX,
)
END: Final = b"\r\n.\r\n"
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: contents, clean and hostile."""
    return hostile_contents | clean_contents | large_contents | st.binary(max_size=100)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    size = 1 + len(octets) % 7 + len(octets) // 50
    sent = octets + END
    whole = _read([sent])
    assert whole == _read([sent[at : at + size] for at in range(0, len(sent), size)])
    if whole is not None:
        assert not _LONE.search(whole)
        assert len(whole) <= 2 * len(sent)
        meant = (b"\r\n" + sent).count(b"\r\n..\r\n")
        assert (b"\r\n" + whole).count(b"\r\n.\r\n") <= meant


def _read(pieces: list[bytes]) -> bytes | None:
    """The content that *pieces* begin with; None when it is refused."""
    content, octets = Content(TERMS), b""
    for piece in pieces:
        content.receive(piece)
        while (event := content.next_event()) is not None:
            if isinstance(event, ContentEnd):
                return None if event.fault else octets + event.octets
            assert isinstance(event, ContentPart)
            octets += event.octets
    raise AssertionError("the content has no end")
