"""However a server's replies are cut, the client sees and says the same, concludes what it began, raises nothing."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.dsn import Notify, Wish
from momentum_trio.protocol.smtp.client_credentials import Credentials
from momentum_trio.protocol.smtp.client_event import ClientTerms, Ended, Transaction, Use
from momentum_trio.protocol.smtp.strategies import server_scripts, speak

CONTENT: Final = b".\r\n..x\r\n\xc3\xa9\r\n\r\nb\r\n"
TRANSACTIONS: Final = (
    Transaction("ann@client.example", ("bob@d", "carol@d", "dora@d"), len(CONTENT), eight_bit=True),
    Transaction(
        "ü@client.example",
        ("bob@d",),
        len(CONTENT),
        binary=True,
        wishes=(Wish(Notify.NEVER, "rfc822;bob@d"),),
        origin=(("ADDR", "192.0.2.9"),),
    ),
    Transaction("", ("postmaster",), len(CONTENT), name="other.example"),
)
SECRET: Final = Credentials("LOGIN", "ann", "hunter2", in_clear=True)
ALL_TERMS: Final = (
    ClientTerms("client.example"),
    ClientTerms("client.example", sends_eight_bit_anyway=True, tls=Use.IF_AVAILABLE, xclient=Use.IF_AVAILABLE),
    ClientTerms("client.example", tls=Use.REQUIRED, credentials=SECRET, xclient=Use.REQUIRED),
    ClientTerms("client.example", credentials=SECRET, lmtp=True),
)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: replies, now and then anything at all."""
    return server_scripts.map(b"".join) | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant. What was asked is not cut apart from its reply: a server
    that says everything at once answers what it was not asked yet."""
    for terms in ALL_TERMS:
        _run(octets, terms)


def _run(octets: bytes, terms: ClientTerms) -> None:
    lines = octets.splitlines(keepends=True)
    whole = speak([[line] for line in lines], terms, TRANSACTIONS, CONTENT, leave=True)
    pieces = speak(
        ([line[at : at + 1] for at in range(len(line))] for line in lines), terms, TRANSACTIONS, CONTENT, leave=True
    )
    assert pieces.events == whole.events
    assert pieces.octets == whole.octets
    at_once = speak([[octets]], terms, TRANSACTIONS, CONTENT, leave=True)
    for spoken in (whole, at_once):
        assert spoken.client.closed
        assert isinstance(spoken.events[-1], Ended)
        assert spoken.octets.count(b"\r\n") == spoken.octets.count(b"\n")
        assert [len(verdicts) for verdicts in spoken.verdicts] == [len(begun.forward_paths) for begun in spoken.begun]
        for verdicts in spoken.verdicts:
            for verdict in verdicts:
                assert verdict.reply.octets().isascii()
                assert "hunter2" not in str(verdict)
                assert not verdict.reply.positive or b"\r\n.\r\n" in spoken.octets or b" LAST\r\n" in spoken.octets
