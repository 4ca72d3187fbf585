"""Whatever a milter says, however it is cut, is replies of bounded length, or an end of the connection.

A header section that it has changed is whole fields still, and of what it was not told nothing is changed.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

from momentum_trio.protocol.milter.client import Client
from momentum_trio.protocol.milter.command import Connect, Data, EndOfContent, Family, Mail, Rcpt
from momentum_trio.protocol.milter.header import HeaderFields
from momentum_trio.protocol.milter.negotiation import Negotiated
from momentum_trio.protocol.milter.packet import PACKET_OCTETS_MAX, RemoteProtocolError
from momentum_trio.protocol.milter.reply import AddHeader, ChangeHeader, InsertHeader, Reply, Say
from momentum_trio.protocol.milter.strategies import hostile

COMMANDS = (Connect(b"a", Family.INET, 1, b"192.0.2.1"), Mail(b"<a@b>"), Rcpt(b"<c@d>"), Data(), EndOfContent())
RECEIVED = b"Received: ours\r\n"
SECTION = RECEIVED + b"Subject: x\r\n y\r\nX-Spam: no\r\n"
_FIELDS = re.compile(rb"(?:[!-9;-~]+:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    return hostile


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    whole = heard(octets, len(octets) or 1)
    for size in (1, 3, 7):
        assert heard(octets, size) == whole
    fields = HeaderFields(SECTION, 1)
    for reply in whole:
        match reply:
            case Say():
                assert 400 <= reply.code <= 599
                assert reply.text.isascii()
                assert reply.text.isprintable() or not reply.text
            case AddHeader() | InsertHeader() | ChangeHeader():
                assert len(reply.value) <= PACKET_OCTETS_MAX
                fields.change(reply)
    assert _FIELDS.fullmatch(fields.section())
    assert RECEIVED in fields.section()


def heard(octets: bytes, size: int) -> list[Reply | Negotiated | str]:
    """What a client hears in *octets*, which come in pieces of *size*, while it goes from command to command."""
    client, said, commands = Client(), list[Reply | Negotiated | str](), list(COMMANDS)
    for begin in range(0, len(octets), size):
        client.receive(octets[begin : begin + size])
        try:
            while (reply := client.next_reply()) is not None:
                said.append(reply)
                while commands and client.awaiting is None:
                    client.tell(commands.pop(0), {})
        except RemoteProtocolError as fault:
            return [*said, str(fault)]
    return said
