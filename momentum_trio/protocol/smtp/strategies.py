"""Strategies for SMTP: paths, commands, contents and whole dialogues, well-formed and hostile, and ways to cut them.

For tests, fuzzing and simulation only: this file imports hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from msgspec import structs

from momentum_trio.mail.dsn import Notify, Returning, Wish
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.claims import XCLIENT_OFFER
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_credentials import Credentials
from momentum_trio.protocol.smtp.client_event import (
    ClientTerms,
    Concluded,
    ContentWanted,
    Ended,
    Ready,
    TlsWanted,
    Transaction,
    Use,
    Verdict,
)
from momentum_trio.protocol.smtp.client_event import Event as ClientEvent
from momentum_trio.protocol.smtp.content import stuffed
from momentum_trio.protocol.smtp.event import Auth, AuthResponse, ContentEnd, ContentPart, Data, Event, Mail
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

_ATEXT = "abcXYZ019!#$%&'*+-/=?^_`{|}~"
_QTEXT = "ab.,:;<>@[]()! "

# ---- paths (RFC 5321 sections 4.1.2 and 4.1.3)

atoms = st.text(_ATEXT, min_size=1, max_size=8)
dot_strings = st.lists(atoms, min_size=1, max_size=3).map(".".join)
quoted_strings = st.lists(
    st.sampled_from(_QTEXT) | st.sampled_from('"\\ab@>').map(lambda character: "\\" + character), max_size=8
).map(lambda characters: f'"{"".join(characters)}"')
local_parts = dot_strings | quoted_strings
labels = st.from_regex(r"[A-Za-z0-9]{1,4}(-{1,2}[A-Za-z0-9]{1,3})?", fullmatch=True)
domain_names = st.lists(labels, min_size=1, max_size=4).map(".".join)
literals = (
    st.ip_addresses(v=4).map(lambda address: f"[{address}]")
    | st.ip_addresses(v=6).map(lambda address: f"[IPv6:{address}]")
    | st.sampled_from(["[x-tag:some>content@here]", '[a:"]'])
)
domains = domain_names | domain_names | literals
mailboxes = st.builds("{}@{}".format, local_parts, domains)
source_routes = st.just("") | st.lists(domain_names, min_size=1, max_size=3).map(
    lambda hops: ",".join(f"@{hop}" for hop in hops) + ":"
)
paths = st.builds("<{}{}>".format, source_routes, mailboxes)
reverse_paths = paths | st.just("<>")
forward_paths = paths | st.sampled_from(["<postmaster>", "<Postmaster>"])
nearly_paths = st.builds(
    "<{}{}{}>".format,
    st.text(_ATEXT + '.@",:[]<>\\ ', max_size=6),
    mailboxes | st.sampled_from(["a..b@x", "ab.@x", ".a@b", "a@b.", "a@-b", "a@[1.2.3.256]", "a@b_c", "a", ""]),
    st.text('.@">] ', max_size=2),
)

# ---- commands (RFC 5321 section 4.1.1)

parameters = st.lists(
    st.sampled_from(
        [
            "SIZE=0",
            "SIZE=1000",
            "size=99999999",
            "SIZE=x",
            "SIZE=",
            "BODY=8BITMIME",
            "body=7bit",
            "BODY=X",
            "BODY=BINARYMIME",
            "RET=FULL",
            "NOTIFY=NEVER",
            "notify=SUCCESS,DELAY",
            "ORCPT=rfc822;a+2Bb@c",
            "ORCPT=rfc822;+0A",
            "X",
            "X=y",
            "=",
            "SMTPUTF8",
            "SMTPUTF8=x",
            "AUTH=<>",
            "ENVID=a+2Bb",
        ]
    ),
    max_size=3,
).map(lambda words: "".join(f" {word}" for word in words))
mails = st.builds("{}{}{}".format, st.sampled_from(["MAIL FROM:", "mail from:"]), reverse_paths, parameters)
rcpts = st.builds("{}{}{}".format, st.sampled_from(["RCPT TO:", "rcpt to:"]), forward_paths, parameters)
nearly_mails = st.builds(
    "{}{}".format, st.sampled_from(["MAIL FROM:", "RCPT TO:", "MAIL FROM: ", "MAIL"]), nearly_paths
)
simple_commands = st.sampled_from(
    [
        "EHLO there",
        "HELO there",
        "EHLO [192.0.2.1]",
        "EHLO",
        "EHLO a b",
        "DATA",
        "data",
        "DATA x",
        "RSET",
        "RSET x",
        "NOOP",
        "NOOP x",
        "VRFY a",
        "VRFY",
        "EXPN list",
        "HELP",
        "HELP MAIL",
        "",
        " ",
        "FOO",
        "EHLO \t",
        "STARTTLS",
        "STARTTLS x",
        "AUTH",
        "AUTH PLAIN",
        "AUTH PLAIN =",
        "auth plain AGEAYg==",
        "AUTH LOGIN YQ==",
        "AUTH CRAM-MD5",
        "AUTH CRAM-MD5 YQ==",
        "BDAT 0",
        "BDAT 0 LAST",
        "bdat 7 last",
        "BDAT",
        "BDAT -1",
        "BDAT 3 x",
        "BDAT 1234567890123456789",
        "XDUMPCONTEXT",
        "XDUMPCONTEXT x",
        "XREMOTEIP 192.0.2.9",
        "XREMOTEIP 2001:db8::1%eth0",
        "XCLIENT ADDR=192.0.2.9 NAME=[UNAVAILABLE] PORT=25",
        "XCLIENT addr=IPV6:2001:db8::1 proto=ESMTP HELO=a+2Bb DESTADDR=192.0.2.1 DESTPORT=25",
        "XCLIENT LOGIN=ann",
        "XCLIENT",
        "XSETCONTEXT a=1 b=+20",
        "XSETCONTEXT can_relay=true",
        "XSETCONTEXT",
    ]
)
international_paths = st.sampled_from(
    [
        "<ü@b>",
        "<a@bücher.example>",
        '<"ü b"@c>',
        "<ü.@c>",
        "<用户@例え.テスト>",
        "<a@-ü>",
        "<a@ü@b>",
        "<a@[x:ü]>",
        "<\u200d@b>",
    ]
)
international = st.builds(
    "{}{}{}".format,
    st.sampled_from(["MAIL FROM:", "RCPT TO:", "VRFY ", "EHLO ", "NOOP "]),
    international_paths,
    parameters | st.sampled_from([" SMTPUTF8", " SMTPUTF8 BODY=8BITMIME", " ORCPT=utf-8;ü@b"]),
)
commands = simple_commands | international | mails | rcpts | rcpts | nearly_mails
hostile_lines = (
    st.binary(max_size=20)
    | st.sampled_from([b"EHLO \x80", b"RCPT TO:<a\x00@b>", b"MAIL FROM:<a@b>\rRSET", b"NOOP\nRSET", b"x" * 2047])
    | st.sampled_from([b"x" * 2046, b"NOOP " + b"y" * 2041, b"NOOP " + b"y" * 2042, b"z" * 5000 + b"\r"])
)

# ---- content (RFC 5321 sections 2.3.8 and 4.5.2)

line_texts = st.sampled_from([b"", b".", b"..", b".x", b"text", b"Subject: x", b"\xc3\xa9\x80", b"RCPT TO:<a@b>"])
line_ends = st.sampled_from(
    [b"\r\n"] * 6 + [b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\r", b"\r\n\n", b"\r\x00\n", b"\0"]
)
clean_contents = st.lists(line_texts, max_size=8).map(lambda texts: b"".join(text + b"\r\n" for text in texts))
large_contents = st.builds(
    lambda text, times, tail: (text + b"\r\n") * times + tail,
    st.sampled_from([b"x" * 70, b".", b".." + b"y" * 1000, b"z" * 9000]),
    st.sampled_from([7, 30, 200]),
    clean_contents,
)
hostile_contents = st.lists(st.tuples(line_texts, line_ends).map(b"".join), max_size=8).map(b"".join)


@st.composite
def _chunks(draw: st.DrawFn) -> list[tuple[bytes, bool]]:
    """Octets of chunks, and whether it is the last; nearly always the last one is."""
    contents = st.just(b"") | st.binary(max_size=8) | clean_contents | hostile_contents
    octets = draw(st.lists(contents, max_size=4))
    return [(each, False) for each in octets] + [(draw(contents), draw(st.sampled_from([True] * 7 + [False])))]


def bdat(octets: bytes, *, last: bool = False) -> bytes:
    """A chunk as a client sends it (RFC 3030 section 2)."""
    return b"BDAT %d%s\r\n%s" % (len(octets), b" LAST" if last else b"", octets)


chunk_lists = _chunks()
chunked_transactions = st.builds(
    lambda mail, rcpt, chunks: (
        b"%s\r\n%s\r\n" % (mail.encode(), rcpt.encode()) + b"".join(bdat(octets, last=last) for octets, last in chunks)
    ),
    mails,
    rcpts,
    chunk_lists,
)

transactions = st.builds(
    lambda mail, rcpt, content: b"%s\r\n%s\r\nDATA\r\n%s" % (mail.encode(), rcpt.encode(), content),
    mails,
    rcpts,
    clean_contents.map(stuffed) | hostile_contents.map(lambda octets: octets + b"\r\n.\r\n"),
)
dialogues = st.lists(
    transactions
    | chunked_transactions
    | st.tuples(st.binary(max_size=8), st.booleans()).map(lambda chunk: bdat(chunk[0], last=chunk[1]))
    | commands.map(lambda line: line.encode() + b"\r\n")
    | st.tuples(hostile_lines, line_ends).map(b"".join)
    | st.sampled_from(
        [b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", b"DATA\r\n", b"\r\n.\r\n", b".\r\n", b"QUIT\r\n"]
    ),
    max_size=8,
).map(b"".join)

# ---- how it arrives, and what is said to it

cuts = st.lists(st.integers(0, 400), max_size=12) | st.just([1] * 400)
"""Sizes of the pieces the first octets come in; the rest comes at once."""

all_terms = st.builds(
    Terms,
    host=st.just("mx.example"),
    greeting=st.just(Reply.of("220 mx.example ESMTP")),
    extensions=st.sampled_from(
        [
            (),
            ("PIPELINING", "8BITMIME", "SIZE 1000", "ENHANCEDSTATUSCODES"),
            ("SIZE 1", "DSN"),
            ("8BITMIME", "CHUNKING", "BINARYMIME", "SIZE", "DSN", "AUTH PLAIN CRAM-MD5"),
            ("8BITMIME", "CHUNKING", "SMTPUTF8", "DSN"),
            (XCLIENT_OFFER, "XREMOTEIP", "XSETCONTEXT", "XDUMPCONTEXT", "AUTH PLAIN"),
        ]
    ),
    message_octets_max=st.sampled_from([0, 20, 1000, 70_000]),
    require_ehlo=st.booleans(),
    pedantic_addresses=st.booleans(),
    trailing_whitespace=st.booleans(),
    whitespace_in_envelope=st.booleans(),
    bad_commands_max=st.sampled_from([0, 2, 20]),
    peer_text=st.just("192.0.2.7"),
    unqualified_reverse_path=st.booleans(),
    unqualified_forward_path=st.booleans(),
    lone_line_ends_in_headers=st.sampled_from([LoneLineEnds.PEDANTIC, LoneLineEnds.FIX]),
    lone_line_ends_in_body=st.sampled_from(LoneLineEnds),
    nul_in_content=st.booleans(),
)

decisions = st.lists(st.sampled_from([True] * 6 + [False]), max_size=12)
"""What reception says to each outstanding event in turn; then it accepts."""


def cut(octets: bytes, sizes: Iterable[int]) -> list[bytes]:
    """*octets* in pieces of *sizes*, then the rest; no piece is empty."""
    pieces = []
    at = 0
    for size in sizes:
        pieces.append(octets[at : at + size])
        at += size
    return [piece for piece in (*pieces, octets[at:]) if piece]


@dataclass(frozen=True)
class Rehearsed:
    """All that can be seen of a conversation. messages: the content of each transaction that was accepted."""

    events: tuple[Event, ...]
    octets: bytes
    messages: tuple[bytes, ...]
    server: Server

    @property
    def codes(self) -> list[int]:
        """The code of each reply sent, the greeting's first."""
        lines = self.octets.split(b"\r\n")[:-1]
        return [int(line[:3]) for line in lines if line[3:4] == b" "]


def rehearse(
    pieces: Iterable[bytes], terms: Terms, decisions: Sequence[bool] = (), *, leave: bool = False
) -> Rehearsed:
    """Play a conversation with a reception that takes *decisions*. leave: the client closes at the end."""
    server = Server(terms)
    server.begin()
    events: list[Event] = []
    messages: list[bytes] = []
    parts: list[bytes] = []
    sent = [server.octets_to_send()]
    decide = iter(decisions)
    pieces = [piece for piece in pieces if piece]
    for piece in [*pieces, b""] if leave else pieces:
        server.receive(piece)
        while (event := server.next_event()) is not None:
            events.append(event)
            if isinstance(event, ContentPart):
                parts.append(event.octets)
            elif isinstance(event, Mail):
                parts.clear()
            elif isinstance(event, Auth) and event.initial is None:
                server.challenge(b"")
                continue
            if event.needs_answer:
                accepted = next(decide, True)
                if isinstance(event, ContentEnd):
                    if accepted and event.fault is None:
                        messages.append(b"".join(parts) + event.octets)
                    parts.clear()
                server.answer(_reply(event, accepted))
        sent.append(server.octets_to_send())
        if server.closed:
            break
    return Rehearsed(tuple(events), b"".join(sent), tuple(messages), server)


def _reply(event: Event, accepted: bool) -> Reply | None:
    if isinstance(event, ContentEnd) and event.fault is None:
        return replies.OK if accepted else replies.TRANSACTION_FAILED
    if accepted or isinstance(event, ContentEnd):
        return None
    if isinstance(event, Auth | AuthResponse):
        return replies.AUTH_FAILED
    return replies.TRANSACTION_FAILED if isinstance(event, Data) else replies.RELAYING_DENIED


# ---- the other side: a client of ours before a server that says anything

reply_texts = st.text("ab .<>@-25\\x", max_size=12)
reply_codes = st.sampled_from(
    [220, 220, 250, 250, 250, 251, 354, 354, 235, 334, 421, 450, 452, 454, 500, 503, 550, 554, 221]
)
well_formed_replies = st.builds(
    Reply,
    reply_codes,
    st.just(""),
    st.lists(reply_texts, min_size=1, max_size=3).map(tuple),
)
hello_replies = st.lists(
    st.sampled_from(["PIPELINING", "8BITMIME", "size 1000", "SIZE", "SIZE 0", "SIZE x", "AUTH PLAIN", "", " "])
    | st.sampled_from(["CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "STARTTLS", "AUTH LOGIN", "XCLIENT ADDR PROTO"]),
    max_size=6,
).map(lambda words: Reply(250, "", ("there", *words)))
reply_lines = (
    well_formed_replies.map(Reply.octets)
    | hello_replies.map(Reply.octets)
    | st.sampled_from(
        [
            b"250\r\n",
            b"250-\r\n",
            b"25\r\n",
            b"250x\r\n",
            b"150 x\r\n",
            b"650 x\r\n",
            b"2\xb250 x\r\n",
            b"250-a\r\n550 b\r\n",
            b"\r\n",
            b"250 \xe9\0\r\n",
            b"354 x\r",
            b"250 a\n",
            b"250 " + b"x" * 2042 + b"\r\n",
            b"250 " + b"x" * 2043 + b"\r\n",
            b"250-x\r\n" * 100,
        ]
    )
    | st.binary(max_size=12)
)
server_scripts = st.lists(reply_lines, max_size=14)
"""What a server says, reply by reply."""

wishes = st.builds(
    Wish,
    st.sampled_from([Notify.UNSET, Notify.NEVER, Notify.SUCCESS | Notify.DELAY]),
    st.sampled_from(["", "rfc822;+@d"]),
)


@st.composite
def _transactions(draw: st.DrawFn) -> Transaction:
    forward_paths = draw(
        st.lists(st.sampled_from(["bob@d", "carol@d", "postmaster", "ü@d", "x y\r\n@d"]), min_size=1, max_size=4)
    )
    return Transaction(
        draw(st.sampled_from(["", "ann@client.example", "ü@x"])),
        tuple(forward_paths),
        0,
        eight_bit=draw(st.booleans()),
        binary=draw(st.sampled_from([False, False, True])),
        smtputf8=draw(st.booleans()),
        returning=draw(st.sampled_from([Returning(), Returning("HDRS", "a=b +")])),
        wishes=draw(st.just(()) | st.tuples(*[wishes] * len(forward_paths))),
        name=draw(st.sampled_from(["", "other.example"])),
        origin=draw(st.sampled_from([(), (("ADDR", "192.0.2.9"), ("HELO", "x"))])),
    )


transactions_to_make = st.lists(_transactions(), max_size=3)
"""Of empty content; ``of`` says what it is instead."""


def of(content: bytes, transactions: Iterable[Transaction]) -> list[Transaction]:
    """*transactions* that are to bring *content*."""
    return [structs.replace(transaction, octets=len(content)) for transaction in transactions]


client_terms = st.builds(
    ClientTerms,
    st.sampled_from(["client.example", "[192.0.2.7]"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    lmtp=st.sampled_from([False, False, True]),
    tls=st.sampled_from(Use),
    clear_after_refusal=st.booleans(),
    credentials=st.none()
    | st.builds(Credentials, st.sampled_from(["PLAIN", "LOGIN"]), st.just("ann"), st.just("hunter2"), st.booleans()),
    xclient=st.sampled_from([Use.NO, Use.IF_AVAILABLE, Use.REQUIRED]),
)


@dataclass(frozen=True)
class Spoken:
    """All that can be seen of a client's conversation. begun: its transactions, as far as it came to them."""

    events: tuple[ClientEvent, ...]
    octets: bytes
    begun: tuple[Transaction, ...]
    client: Client

    @property
    def verdicts(self) -> list[tuple[Verdict, ...]]:
        """Of each transaction."""
        return [event.verdicts for event in self.events if isinstance(event, Concluded)]

    @property
    def ended(self) -> Verdict | None:
        """Why the conversation is over."""
        return next((event.verdict for event in self.events if isinstance(event, Ended)), None)


def speak(
    script: Iterable[Iterable[bytes]],
    terms: ClientTerms,
    transactions: Sequence[Transaction] = (),
    content: bytes = b"",
    *,
    leave: bool = False,
) -> Spoken:
    """A client's conversation with a server that says the pieces of *script*, each when it is its turn."""
    client = Client(terms)
    left = iter(transactions)
    begun: list[Transaction] = []
    events: list[ClientEvent] = []
    sent: list[bytes] = []
    pieces = [piece for pieces in script for piece in pieces if piece]
    for piece in [*pieces, b""] if leave else pieces:
        if client.closed:
            break
        client.receive(piece)
        while (event := client.next_event()) is not None:
            events.append(event)
            match event:
                case TlsWanted():
                    client.secured()
                case Ready() | Concluded() if not client.closed:
                    if (transaction := next(left, None)) is None:
                        client.quit()
                    else:
                        begun.append(transaction)
                        client.begin(transaction)
                case ContentWanted():
                    client.content(content[: len(content) // 2])
                    client.content(content[len(content) // 2 :])
                    client.end_content()
        sent.append(client.octets_to_send())
    return Spoken(tuple(events), b"".join(sent), tuple(begun), client)
