"""However a server's replies are cut, the client sees and says the same, concludes what it began, raises nothing."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.protocol.smtp.client_event import ClientTerms, Ended, Transaction
from momentum_trio.protocol.smtp.strategies import server_scripts, speak

TERMS: Final = ClientTerms("client.example")
TRANSACTIONS: Final = (
    Transaction("ann@client.example", ("bob@d", "carol@d", "dora@d"), 16, eight_bit=True),
    Transaction("", ("postmaster",), 16),
)
CONTENT: Final = b".\r\n..x\r\n\xc3\xa9\r\n\r\nb\r\n"


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: replies, now and then anything at all."""
    return server_scripts.map(b"".join) | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant. What was asked is not cut apart from its reply: a server
    that says everything at once answers what it was not asked yet."""
    lines = octets.splitlines(keepends=True)
    whole = speak([[line] for line in lines], TERMS, TRANSACTIONS, CONTENT, leave=True)
    pieces = speak(
        ([line[at : at + 1] for at in range(len(line))] for line in lines), TERMS, TRANSACTIONS, CONTENT, leave=True
    )
    assert pieces.events == whole.events
    assert pieces.octets == whole.octets
    at_once = speak([[octets]], TERMS, TRANSACTIONS, CONTENT, leave=True)
    for spoken in (whole, at_once):
        assert spoken.client.closed
        assert isinstance(spoken.events[-1], Ended)
        assert spoken.octets.count(b"\r\n") == spoken.octets.count(b"\n")
        assert [len(verdicts) for verdicts in spoken.verdicts] == [len(begun.forward_paths) for begun in spoken.begun]
        for verdicts in spoken.verdicts:
            for verdict in verdicts:
                assert verdict.reply.octets().isascii()
                assert not verdict.reply.positive or b"\r\n.\r\n" in spoken.octets
