"""Laws of the SMTP client core, under hypothesis; the last ones against the server core of this same host."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_content import Inspection, Stuffing
from momentum_trio.protocol.smtp.client_event import ClientTerms, Concluded, ContentWanted, Ended, Ready, Transaction
from momentum_trio.protocol.smtp.client_reply import Replies
from momentum_trio.protocol.smtp.content import stuffed
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart, Mail, Rcpt
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.strategies import (
    clean_contents,
    client_terms,
    cut,
    cuts,
    hello_replies,
    hostile_contents,
    large_contents,
    of,
    server_scripts,
    speak,
    transactions_to_make,
    well_formed_replies,
)
from momentum_trio.protocol.smtp.terms import Terms


@settings(max_examples=300, deadline=None)
@given(server_scripts, cuts, client_terms, transactions_to_make, clean_contents, st.booleans())
def test_cutting_the_replies_changes_nothing(
    script: list[bytes],
    sizes: list[int],
    terms: ClientTerms,
    transactions: list[Transaction],
    content: bytes,
    leave: bool,
) -> None:
    """But for cuts that make a reply come before its question: so a line comes when it is its turn, cut anywhere."""
    transactions = of(content, transactions)
    lines = b"".join(script).splitlines(keepends=True)
    whole = speak([[line] for line in lines], terms, transactions, content, leave=leave)
    pieces = speak([cut(line, sizes) for line in lines], terms, transactions, content, leave=leave)
    assert pieces.events == whole.events
    assert pieces.octets == whole.octets


@settings(max_examples=300, deadline=None)
@given(server_scripts, client_terms, transactions_to_make, clean_contents)
def test_every_transaction_is_concluded_once_and_its_end_is_the_last_event(
    script: list[bytes], terms: ClientTerms, transactions: list[Transaction], content: bytes
) -> None:
    spoken = speak([[reply] for reply in script], terms, of(content, transactions), content, leave=True)
    assert spoken.client.closed
    assert [len(verdicts) for verdicts in spoken.verdicts] == [len(begun.forward_paths) for begun in spoken.begun]
    assert [isinstance(event, Ended) for event in spoken.events] == [False] * (len(spoken.events) - 1) + [True]
    delivered = [verdicts for verdicts in spoken.verdicts if any(v.reply.positive for v in verdicts)]
    whole = spoken.octets.count(stuffed(content)) + spoken.octets.count(b" LAST\r\n" + content)
    assert len(delivered) <= spoken.events.count(ContentWanted()) <= whole
    assert all(v.stage is Stage.READING_CONFIRMATION for verdicts in delivered for v in verdicts if v.reply.positive)
    assert b"hunter2" not in str(spoken.events).encode() + spoken.octets
    assert b"\n" not in spoken.octets.replace(b"\r\n", b"")


@given(st.lists(well_formed_replies | hello_replies, max_size=5), cuts)
def test_a_reply_is_read_as_it_was_written(written: list[Reply], sizes: list[int]) -> None:
    reader, read = Replies(), []
    for piece in cut(b"".join(reply.octets() for reply in written), sizes):
        reader.receive(piece)
        while isinstance(reply := reader.next(), Reply):
            read.append(reply)
    assert read == written
    assert reader.drained


@given(clean_contents | large_contents | st.just(b""), cuts)
def test_stuffing_in_parts_is_stuffing(content: bytes, sizes: list[int]) -> None:
    stuffing = Stuffing()
    assert b"".join([*map(stuffing.part, cut(content, sizes)), stuffing.end()]) == stuffed(content)


@given(hostile_contents | clean_contents, cuts)
def test_inspection_in_parts(content: bytes, sizes: list[int]) -> None:
    inspection = Inspection()
    for part in cut(content, sizes):
        inspection.part(part)
    without = content.replace(b"\r\n", b"")
    assert inspection.binary == (b"\r" in without or b"\n" in without or b"\0" in content)
    assert inspection.eight_bit == any(octet > 127 for octet in content)
    assert inspection.octets == len(content)


EXTENSIONS = [
    (),
    ("PIPELINING",),
    ("8BITMIME", "SIZE 4000000"),
    ("PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"),
]


def through(
    client: Client, server: Server, transactions: Sequence[Transaction], content: bytes, sizes: Sequence[int]
) -> tuple[list[Concluded], list[tuple[str, tuple[str, ...], bytes]]]:
    """Our client and our server talk until they part. Returns what the one concluded and the other took."""
    left, concluded = iter(transactions), list[Concluded]()
    taken: list[tuple[str, tuple[str, ...], bytes]] = []
    reverse_path, forward_paths, parts = "", list[str](), list[bytes]()
    server.begin()
    while not client.closed:
        for piece in cut(server.octets_to_send(), sizes):
            client.receive(piece)
            while (event := client.next_event()) is not None:
                if isinstance(event, Concluded):
                    concluded.append(event)
                if isinstance(event, Ready | Concluded) and not client.closed:
                    following = next(left, None)
                    client.quit() if following is None else client.begin(following)
                if isinstance(event, ContentWanted):
                    for part in cut(content, sizes):
                        client.content(part)
                    client.end_content()
        for piece in cut(client.octets_to_send(), sizes):
            server.receive(piece)
            while (said := server.next_event()) is not None:
                match said:
                    case Mail():
                        reverse_path, forward_paths = said.reverse_path, []
                    case Rcpt():
                        if said.forward_path.startswith("no"):
                            server.answer(replies.RELAYING_DENIED)
                            continue
                        forward_paths.append(said.forward_path)
                    case ContentPart():
                        parts.append(said.octets)
                    case ContentEnd():
                        assert said.fault is None
                        taken.append((reverse_path, tuple(forward_paths), b"".join(parts) + said.octets))
                        parts.clear()
                        server.answer(replies.OK)
                        continue
                if said.needs_answer:
                    server.answer()
    return concluded, taken


recipients = st.lists(st.sampled_from(["bob@d", "carol@d", "no@d", "nobody@d", '"a b"@d', "x@[ipv6:::1]"]), min_size=1)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(recipients.map(tuple), max_size=3),
    clean_contents | large_contents | st.just(b""),
    cuts,
    st.sampled_from(EXTENSIONS),
    st.booleans(),
)
def test_our_client_brings_content_to_our_server_unchanged(
    batches: list[tuple[str, ...]], content: bytes, sizes: list[int], extensions: tuple[str, ...], extended: bool
) -> None:
    server = Server(Terms("mx.example", Reply.of("220 mx.example"), extensions, require_ehlo=True))
    client = Client(ClientTerms("client.example", extended=extended, sends_eight_bit_anyway=True))
    transactions = [Transaction("ann@c", paths, len(content), not content.isascii()) for paths in batches]
    concluded, taken = through(client, server, transactions, content, sizes)
    accepted = [tuple(path for path in paths if not path.startswith("no")) for paths in batches]
    assert taken == [("ann@c", paths, content) for paths in accepted if paths]
    fates = [[verdict.reply.positive for verdict in event.verdicts] for event in concluded]
    assert fates == [[not path.startswith("no") for path in paths] for paths in batches]


@pytest.mark.parametrize("content", [b"no line end", b"a\r\nb", b"x\r\n."])
def test_a_last_line_without_its_end_gets_one(content: bytes) -> None:
    server = Server(Terms("mx.example", Reply.of("220 mx.example")))
    client = Client(ClientTerms("client.example"))
    _, taken = through(client, server, [Transaction("", ("a@b",), len(content))], content, [])
    assert taken == [("", ("a@b",), content + b"\r\n")]
