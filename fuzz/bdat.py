"""Whatever chunks bring, however they are cut: the octets of a chunk are content or nothing, and never a command."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.event import ContentPart, Hello, Quit
from momentum_trio.protocol.smtp.strategies import bdat, chunked_transactions, dialogues, rehearse
from momentum_trio.protocol.smtp.terms import Terms

TERMS: Final = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    extensions=("PIPELINING", "8BITMIME", "SIZE 100000", "CHUNKING", "BINARYMIME", "DSN"),
    message_octets_max=100_000,
    bad_commands_max=0,
)
INSIDE: Final = b"EHLO content\r\nQUIT\r\n.\r\nBDAT 9\r\n"


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: chunked transactions among other dialogues."""
    return st.lists(chunked_transactions | dialogues | st.binary(max_size=40), max_size=4).map(b"".join)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    whole = rehearse([octets], TERMS, leave=True)
    size = 1 + len(octets) % 7
    pieces = rehearse([octets[at : at + size] for at in range(0, len(octets), size)], TERMS, leave=True)
    assert (pieces.events, pieces.octets, pieces.messages) == (whole.events, whole.octets, whole.messages)
    assert sum(not isinstance(event, ContentPart) for event in whole.events) + 1 == len(whole.codes)
    before = [octets, b"\r\n.\r\nRSET\r\n"]  # whatever the state it finds, if it is not that of a chunk
    found = rehearse(before, TERMS)
    if found.server._content is None and not found.server.closed:
        behind = rehearse([*before, bdat(INSIDE), bdat(INSIDE, last=True)], TERMS).events[len(found.events) :]
        assert len(behind) == 2
        assert not any(isinstance(event, Hello | Quit) for event in behind)
