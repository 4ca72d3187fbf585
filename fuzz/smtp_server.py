"""However a client's octets are cut, the server sees and says the same, one reply a command, and raises nothing."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.claims import XCLIENT_OFFER
from momentum_trio.protocol.smtp.event import ContentPart
from momentum_trio.protocol.smtp.strategies import dialogues, rehearse
from momentum_trio.protocol.smtp.terms import Terms

TERMS: Final = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    extensions=(
        *("PIPELINING", "8BITMIME", "SIZE 100000", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING", "BINARYMIME", "SMTPUTF8"),
        *(XCLIENT_OFFER, "XREMOTEIP", "XSETCONTEXT", "XDUMPCONTEXT", "AUTH PLAIN LOGIN CRAM-MD5"),
    ),
    message_octets_max=100_000,
    peer_text="192.0.2.7",
)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: dialogues, now and then anything at all."""
    return dialogues | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    whole = rehearse([octets], TERMS, leave=True)
    size = 1 + len(octets) % 7
    pieces = rehearse([octets[at : at + size] for at in range(0, len(octets), size)], TERMS, leave=True)
    assert pieces.events == whole.events
    assert pieces.octets == whole.octets
    assert pieces.messages == whole.messages
    assert whole.server.closed
    assert whole.octets.isascii()
    assert whole.octets.endswith(b"\r\n")
    answered = sum(not isinstance(event, ContentPart) for event in whole.events)
    assert len(whole.codes) == 1 + answered
    assert all(200 <= code <= 599 for code in whole.codes)
