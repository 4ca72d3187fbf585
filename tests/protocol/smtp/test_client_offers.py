"""What a client makes of a server's offers: STARTTLS, AUTH, XCLIENT, CHUNKING, SMTPUTF8, DSN; and LMTP."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from msgspec import structs
from test_client_dialogues import BANNER, CONTENT, EIGHT, HELLO, ONE, PIPE, QUIT, TERMS, TWO, said, spoken, verdicts

from momentum_trio.mail.dsn import Notify, Returning, Wish
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_credentials import Credentials
from momentum_trio.protocol.smtp.client_event import ClientTerms, Ready, TlsWanted, Transaction, Use
from momentum_trio.protocol.smtp.client_extensions import Extensions
from momentum_trio.protocol.smtp.strategies import Spoken

MAIL, RCPT = "MAIL FROM:<ann@c>", "RCPT TO:<bob@d>"


def offers(*keywords: str) -> str:
    """A reply to EHLO."""
    lines = ("mx", *keywords)
    return "\r\n".join(f"250{' ' if n == len(lines) - 1 else '-'}{line}" for n, line in enumerate(lines))


def ended(conversation: Spoken) -> tuple[str, Stage]:
    assert conversation.ended is not None
    return str(conversation.ended.reply), conversation.ended.stage


# STARTTLS (RFC 3207)

OPPORTUNISTIC, SECURE = replace(TERMS, tls=Use.IF_AVAILABLE), replace(TERMS, tls=Use.REQUIRED)
STARTTLS = offers("STARTTLS", "PIPELINING", "SIZE")


@pytest.mark.parametrize(
    ("terms", "replies", "lines"),
    [
        (TERMS, f"{BANNER}|{STARTTLS}", [f"{MAIL} SIZE=17", RCPT, "DATA"]),
        (OPPORTUNISTIC, f"{BANNER}|{STARTTLS}", ["STARTTLS"]),
        # section 4.2: hello again, and what was offered before does not count
        (OPPORTUNISTIC, f"{BANNER}|{STARTTLS}|220 go|{HELLO}", ["STARTTLS", "EHLO client.example", MAIL]),
        (SECURE, f"{BANNER}|{STARTTLS}|220 go|{HELLO}", ["STARTTLS", "EHLO client.example", MAIL]),
        # what is offered within TLS is no TLS
        (SECURE, f"{BANNER}|{STARTTLS}|220 go|{offers('STARTTLS')}", ["STARTTLS", "EHLO client.example", MAIL]),
        (SECURE, f"{BANNER}|{STARTTLS}|220 go|502 what", ["STARTTLS", "EHLO client.example", "HELO client.example"]),
        (OPPORTUNISTIC, f"{BANNER}|{HELLO}", [MAIL]),
        (OPPORTUNISTIC, f"{BANNER}|{STARTTLS}|454 not now", ["STARTTLS", f"{MAIL} SIZE=17", RCPT, "DATA"]),
        (replace(OPPORTUNISTIC, clear_after_refusal=False), f"{BANNER}|{STARTTLS}|454 not now", ["STARTTLS", "QUIT"]),
        (SECURE, f"{BANNER}|{STARTTLS}|501 what", ["STARTTLS", "QUIT"]),
        (SECURE, f"{BANNER}|{HELLO}", ["QUIT"]),
        (SECURE, f"{BANNER}|502 what|{STARTTLS}", ["HELO client.example", "QUIT"]),
        (replace(SECURE, extended=False), f"{BANNER}|{STARTTLS}", ["QUIT"]),
    ],
)
def test_starttls(terms: ClientTerms, replies: str, lines: list[str]) -> None:
    conversation = spoken(replies, ONE, terms=terms)
    assert said(conversation)[1:] == lines
    assert (TlsWanted() in conversation.events) is ("220 go" in replies)


@pytest.mark.parametrize(
    ("terms", "replies", "reply", "stage"),
    [
        (SECURE, HELLO, "451 4.7.6 [internal] STARTTLS required but not advertised", Stage.AFTER_EHLO),
        (SECURE, f"{STARTTLS}|454 no", "451 4.7.5 [internal] no tls go-ahead", Stage.DURING_STARTTLS),
        (SECURE, f"{STARTTLS}|554 no", "451 4.7.5 [internal] no tls go-ahead", Stage.DURING_STARTTLS),
        (
            SECURE,
            f"{STARTTLS}|354 go",
            "451 4.5.0 [internal] protocol error: a reply does not fit what was asked",
            Stage.DURING_STARTTLS,
        ),
    ],
)
def test_why_there_is_no_tls(terms: ClientTerms, replies: str, reply: str, stage: Stage) -> None:
    assert ended(spoken(f"{BANNER}|{replies}|{QUIT}", ONE, terms=terms, leave=True)) == (reply, stage)


@pytest.mark.parametrize("rest", ["250 injected\r\n", "250-in", "\r"])
def test_what_comes_along_with_the_go_ahead_is_refused(rest: str) -> None:
    """CVE-2011-0411, seen from the client: what was put there before TLS must not count as said within it."""
    client = Client(SECURE)
    for octets in (f"{BANNER}\r\n", f"{STARTTLS}\r\n", f"220 go\r\n{rest}"):
        client.receive(octets.encode())
        events = list(iter(client.next_event, None))
    assert [str(event.verdict.reply) for event in events] == [  # type: ignore[attr-defined]
        "451 4.5.0 [internal] protocol error: a reply came before it was asked for"
    ]


def test_silence_after_starttls_and_a_handshake_that_fails() -> None:
    silent = spoken(f"{BANNER}|{STARTTLS}", terms=SECURE).client
    silent.silent()
    (event,) = iter(silent.next_event, None)
    assert str(event.verdict.reply) == "451 4.7.5 [internal] no tls go-ahead"  # type: ignore[attr-defined]
    unsent = spoken(f"{BANNER}|{STARTTLS}", terms=SECURE).client
    unsent.fail_to_send()
    (event,) = iter(unsent.next_event, None)
    assert str(event.verdict.reply) == "451 4.7.5 [internal] send STARTTLS failed"  # type: ignore[attr-defined]
    client = Client(SECURE)
    for octets in (f"{BANNER}\r\n", f"{STARTTLS}\r\n", "220 go\r\n"):
        client.receive(octets.encode())
        list(iter(client.next_event, None))
    assert client.stage is Stage.HANDSHAKING_TLS
    assert client.next_event() is None


# AUTH (RFC 4954, 4616)

PLAIN, LOGIN = Credentials("PLAIN", "ann", "hunter2", in_clear=True), Credentials("LOGIN", "ann", "hunter2")
TOKEN = b64encode(b"\0ann\0hunter2").decode()
USER, PASSWORD = b64encode(b"ann").decode(), b64encode(b"hunter2").decode()
AUTH = offers("AUTH PLAIN LOGIN", "PIPELINING")
VOUCHING = f"{MAIL} AUTH=<>"  # for nobody: RFC 4954 section 5


@pytest.mark.parametrize(
    ("credentials", "replies", "lines"),
    [
        (PLAIN, f"{BANNER}|{AUTH}", [f"AUTH PLAIN {TOKEN}"]),
        (PLAIN, f"{BANNER}|{AUTH}|235 ok", [f"AUTH PLAIN {TOKEN}", VOUCHING, RCPT, "DATA"]),
        (PLAIN, f"{BANNER}|{AUTH}|535 no", [f"AUTH PLAIN {TOKEN}", "QUIT"]),
        (PLAIN, f"{BANNER}|{offers('auth login')}", ["QUIT"]),
        (PLAIN, f"{BANNER}|{HELLO}", ["QUIT"]),
        (LOGIN, f"{BANNER}|{AUTH}", ["QUIT"]),  # not without TLS
        (replace(LOGIN, in_clear=True), f"{BANNER}|{AUTH}|334 VXNlcm5hbWU6", ["AUTH LOGIN", USER]),
        (
            replace(LOGIN, in_clear=True),
            f"{BANNER}|{AUTH}|334 VXNlcm5hbWU6|334 UGFzc3dvcmQ6|235 ok",
            ["AUTH LOGIN", USER, PASSWORD, VOUCHING, RCPT, "DATA"],
        ),
        (replace(LOGIN, in_clear=True), f"{BANNER}|{AUTH}|334 x|535 no", ["AUTH LOGIN", USER, "QUIT"]),
    ],
)
def test_auth(credentials: Credentials, replies: str, lines: list[str]) -> None:
    conversation = spoken(replies, ONE, terms=replace(TERMS, credentials=credentials))
    assert said(conversation)[1:] == lines


def test_auth_goes_within_tls() -> None:
    terms = replace(SECURE, credentials=LOGIN)
    conversation = spoken(f"{BANNER}|{STARTTLS}|220 go|{AUTH}|334 x|334 y|235 ok", ONE, terms=terms)
    assert said(conversation)[2:] == ["EHLO client.example", "AUTH LOGIN", USER, PASSWORD, VOUCHING, RCPT, "DATA"]


@pytest.mark.parametrize(
    ("credentials", "replies", "reply"),
    [
        (LOGIN, AUTH, "454 4.7.0 [internal] AUTH is not done without TLS"),
        (PLAIN, HELLO, "454 4.7.0 [internal] AUTH PLAIN is not offered"),
        # whatever the server says: the message is not at fault
        (PLAIN, f"{AUTH}|535 5.7.8 wrong", "454 4.7.0 [internal] AUTH refused: 535 5.7.8 wrong"),
        # what the server was told is not logged for it
        (PLAIN, f"{AUTH}|535 5.7.8 hunter2 {TOKEN}", "454 4.7.0 [internal] AUTH refused: 535 5.7.8 *** ***"),
        (PLAIN, f"{AUTH}|421 hunter2", "421 ***"),
        (PLAIN, f"{AUTH}|334 more", "451 4.5.0 [internal] protocol error: a reply does not fit what was asked"),
    ],
)
def test_why_nobody_is_authenticated(credentials: Credentials, replies: str, reply: str) -> None:
    terms = replace(TERMS, credentials=credentials)
    assert ended(spoken(f"{BANNER}|{replies}|{QUIT}", ONE, terms=terms))[0] == reply
    assert "hunter2" not in repr(terms)


# XCLIENT

ORIGIN = (("ADDR", "IPV6:2001:db8::1"), ("NAME", "[UNAVAILABLE]"), ("HELO", "a=b"))
TOLD, OTHER = structs.replace(ONE, origin=ORIGIN), structs.replace(ONE, origin=(("ADDR", "192.0.2.9"),))
XCLIENT = offers("XCLIENT ADDR NAME", "PIPELINING")
LINE = "XCLIENT ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE]"
GROUP = [MAIL, RCPT, "DATA"]
TAKEN = "250 s|250 r|354 go|250 taken"


@pytest.mark.parametrize(
    ("use", "replies", "lines"),
    [
        (Use.NO, f"{BANNER}|{XCLIENT}", GROUP),
        (Use.IF_AVAILABLE, f"{BANNER}|{XCLIENT}", [LINE]),
        # its success is a greeting: hello again
        (Use.IF_AVAILABLE, f"{BANNER}|{XCLIENT}|220 hello|{PIPE}", [LINE, "EHLO client.example", *GROUP]),
        (Use.IF_AVAILABLE, f"{BANNER}|{XCLIENT}|550 not you", [LINE, *GROUP]),
        (Use.IF_AVAILABLE, f"{BANNER}|{PIPE}", GROUP),
        (Use.REQUIRED, f"{BANNER}|{XCLIENT}|550 not you", [LINE, "QUIT"]),
        (Use.REQUIRED, f"{BANNER}|{PIPE}", ["QUIT"]),
    ],
)
def test_xclient(use: Use, replies: str, lines: list[str]) -> None:
    assert said(spoken(replies, TOLD, terms=replace(TERMS, xclient=use)))[1:] == lines


def test_why_xclient_was_not_said() -> None:
    terms = replace(TERMS, xclient=Use.REQUIRED)
    missing = spoken(f"{BANNER}|{PIPE}|{QUIT}", TOLD, terms=terms)
    assert ended(missing) == ("451 4.7.6 [internal] XCLIENT required but not advertised", Stage.AFTER_EHLO)
    refused = spoken(f"{BANNER}|{XCLIENT}|550 not you", TOLD, terms=terms)
    assert [(str(v.reply), v.stage) for v in refused.verdicts[0]] == [
        ("451 4.7.6 [internal] XCLIENT refused: 550 not you", Stage.DURING_XCLIENT)
    ]


def test_xclient_is_said_again_for_another_client_only() -> None:
    replies = f"{BANNER}|{XCLIENT}|220 hello|{XCLIENT}|{TAKEN}|{TAKEN}|220 hello|{XCLIENT}|{TAKEN}"
    conversation = spoken(replies, TOLD, TOLD, OTHER, terms=replace(TERMS, xclient=Use.REQUIRED))
    assert [line for line in said(conversation) if line.startswith("XCLIENT")] == [LINE, "XCLIENT ADDR=192.0.2.9"]
    assert verdicts(conversation) == ["250 READING_CONFIRMATION"] * 3


def test_another_name_is_said_in_a_hello_of_its_own() -> None:
    replies = f"{BANNER}|{PIPE}|{TAKEN}|{HELLO}|250 s"
    conversation = spoken(replies, ONE, structs.replace(ONE, name="other.example"))
    assert said(conversation)[5:] == ["EHLO other.example", MAIL, RCPT]


# CHUNKING and BINARYMIME (RFC 3030)

CHUNKING = offers("CHUNKING")
CHUNK = ["BDAT 17 LAST", *CONTENT.decode().split("\r\n")[:-1]]
BINARY = structs.replace(ONE, binary=True)


@pytest.mark.parametrize(
    ("hello", "transaction", "after", "lines"),
    [
        (CHUNKING, ONE, "250 s|250 r", [MAIL, RCPT, *CHUNK]),
        (offers("CHUNKING", "8BITMIME"), EIGHT, "250 s|250 r", [f"{MAIL} BODY=8BITMIME", RCPT, *CHUNK]),
        # not before somebody is to have it
        (offers("CHUNKING", "PIPELINING"), TWO, "250 s|550 no", [MAIL, RCPT, "RCPT TO:<carol@d>"]),
        (offers("CHUNKING", "PIPELINING"), TWO, "250 s|550 no|250 r", [MAIL, RCPT, "RCPT TO:<carol@d>", *CHUNK]),
        (offers("CHUNKING", "PIPELINING"), ONE, "250 s|550 no", [MAIL, RCPT, "QUIT"]),
        (offers("CHUNKING", "PIPELINING"), ONE, "550 no|503 no", [MAIL, RCPT, "QUIT"]),
        (offers("CHUNKING", "BINARYMIME"), BINARY, "250 s|250 r", [f"{MAIL} BODY=BINARYMIME", RCPT, *CHUNK]),
        (CHUNKING, BINARY, "", ["QUIT"]),
        (offers("BINARYMIME"), BINARY, "", ["QUIT"]),
    ],
)
def test_chunking(hello: str, transaction: Transaction, after: str, lines: list[str]) -> None:
    assert said(spoken(f"{BANNER}|{hello}|{after}", transaction))[1:] == lines


@pytest.mark.parametrize(
    ("reply", "fate"),
    [
        ("250 taken", "250 READING_CONFIRMATION"),
        ("452 later", "452 READING_CONFIRMATION"),
        ("554 never", "554 READING_CONFIRMATION"),
        ("354 go", "451 READING_CONFIRMATION"),
    ],
)
def test_verdicts_on_a_chunk(reply: str, fate: str) -> None:
    assert verdicts(spoken(f"{BANNER}|{CHUNKING}|250 s|250 r|{reply}", ONE)) == [fate]


def test_binary_content_is_refused_without_an_offer() -> None:
    (verdict,) = spoken(f"{BANNER}|{CHUNKING}", BINARY).verdicts[0]
    assert (verdict.reply.code, verdict.reply.enhanced) == (554, "5.6.3")


# SMTPUTF8 (RFC 6531)

UTF8 = Transaction("ü@c", ("bob@d", "ö@d"), 17, eight_bit=True)
UTF8_OFFERS = offers("SMTPUTF8", "8BITMIME", "PIPELINING")


@pytest.mark.parametrize(
    ("hello", "transaction", "lines"),
    [
        (UTF8_OFFERS, UTF8, ["MAIL FROM:<ü@c> BODY=8BITMIME SMTPUTF8", RCPT, "RCPT TO:<ö@d>", "DATA"]),
        (UTF8_OFFERS, ONE, [MAIL, RCPT, "DATA"]),
        (UTF8_OFFERS, structs.replace(ONE, smtputf8=True), [f"{MAIL} SMTPUTF8", RCPT, "DATA"]),
        (offers("8BITMIME"), UTF8, ["QUIT"]),
        (PIPE, structs.replace(UTF8, reverse_path="ann@c", eight_bit=False), [MAIL, RCPT, "DATA"]),
        (PIPE, structs.replace(ONE, smtputf8=True), ["QUIT"]),
        (UTF8_OFFERS, structs.replace(ONE, forward_paths=("ü\r\nRSET@d",)), ["QUIT"]),
    ],
)
def test_smtputf8(hello: str, transaction: Transaction, lines: list[str]) -> None:
    assert said(spoken(f"{BANNER}|{hello}", transaction))[1:] == lines


def test_who_needs_smtputf8_is_refused_without() -> None:
    whole = spoken(f"{BANNER}|{PIPE}", UTF8, structs.replace(ONE, smtputf8=True))
    assert [[str(v.reply)[:9] for v in transaction] for transaction in whole.verdicts] == [
        ["553 5.6.7", "553 5.6.7"],
        ["550 5.6.7"],
    ]


# DSN (RFC 3461 section 5.1)


@pytest.mark.parametrize(
    ("hello", "lines"),
    [
        (
            offers("DSN"),
            [
                "MAIL FROM:<ann@c> RET=HDRS ENVID=a+20b+3D",
                "RCPT TO:<bob@d> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bob@d",
                "RCPT TO:<carol@d> NOTIFY=NEVER",
                "RCPT TO:<dora@d>",
            ],
        ),
        (HELLO, [MAIL, RCPT, "RCPT TO:<carol@d>", "RCPT TO:<dora@d>"]),
    ],
)
def test_wishes_are_passed_on(hello: str, lines: list[str]) -> None:
    wishes = (Wish(Notify.SUCCESS | Notify.DELAY, "rfc822;b+ob@d"), Wish(Notify.NEVER), Wish())
    asked = Transaction("ann@c", ("bob@d", "carol@d", "dora@d"), 17, returning=Returning("HDRS", "a b="), wishes=wishes)
    assert said(spoken(f"{BANNER}|{hello}|250 s|250 r|250 r|250 r", asked))[1:5] == lines


def test_offers_are_known() -> None:
    hello = offers("CHUNKING", "BINARYMIME", "smtputf8", "DSN", "STARTTLS", "AUTH plain Login", "XCLIENT NAME addr")
    (ready,) = [event for event in spoken(f"{BANNER}|{hello}", ONE).events if isinstance(event, Ready)]
    assert ready.extensions == Extensions(
        chunking=True,
        binary=True,
        smtputf8=True,
        dsn=True,
        starttls=True,
        mechanisms=frozenset(("PLAIN", "LOGIN")),
        xclient=frozenset(("NAME", "ADDR")),
    )


# LMTP (RFC 2033)

LMTP = replace(TERMS, lmtp=True)


@pytest.mark.parametrize(
    ("after", "fates"),
    [
        ("250 s|250 r|250 r|354 go|250 one|250 two", ["250 READING_CONFIRMATION"] * 2),
        ("250 s|250 r|250 r|354 go|250 one|452 full", ["250 READING_CONFIRMATION", "452 READING_CONFIRMATION"]),
        ("250 s|250 r|250 r|354 go|550 no|250 two", ["550 READING_CONFIRMATION", "250 READING_CONFIRMATION"]),
        # one reply for each that was accepted
        ("250 s|550 no|250 r|354 go|250 two", ["550 DURING_RCPT", "250 READING_CONFIRMATION"]),
        ("250 s|250 r|250 r|451 no", ["451 DURING_DATA"] * 2),
        # where it is silent about one, that one is tried again
        ("250 s|250 r|250 r|354 go|250 one|421 down", ["250 READING_CONFIRMATION", "421 READING_CONFIRMATION"]),
        # a go-ahead although nobody was accepted
        ("250 s|550 no|550 no|354 go", ["550 DURING_RCPT"] * 2),
    ],
)
def test_lmtp(after: str, fates: list[str]) -> None:
    conversation = spoken(f"{BANNER}|{PIPE}|{after}", TWO, terms=LMTP)
    assert verdicts(conversation) == fates
    assert said(conversation)[0] == "LHLO client.example"
    assert said(conversation).count("CONTENT") == any(fate.endswith("CONFIRMATION") for fate in fates)


def test_lmtp_in_a_chunk() -> None:
    hello = offers("CHUNKING", "PIPELINING")
    conversation = spoken(f"{BANNER}|{hello}|250 s|250 r|250 r|250 one|550 two|250 s", TWO, TWO, terms=LMTP)
    assert verdicts(conversation)[:2] == ["250 READING_CONFIRMATION", "550 READING_CONFIRMATION"]
    assert said(conversation).count("BDAT 17 LAST") == 1
    assert "RSET" not in said(conversation)


def test_lmtp_has_no_helo() -> None:
    assert said(spoken(f"{BANNER}|502 what", ONE, terms=LMTP)) == ["LHLO client.example", "QUIT"]
