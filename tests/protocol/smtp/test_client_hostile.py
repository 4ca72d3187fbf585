"""Servers that say what no server may (SECURITY.md: remote replies are hostile input). Each fault has its name."""

from __future__ import annotations

import pytest
from test_client_dialogues import BANNER, CONTENT, HELLO, ONE, PIPE, TERMS, spoken

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import ContentWanted, Ready
from momentum_trio.protocol.smtp.client_reply import KNOWN_MAX, REPLY_LINE_OCTETS_MAX, REPLY_LINES_MAX, Fault, Replies
from momentum_trio.protocol.smtp.strategies import speak

LONGEST = b"250 " + b"x" * (REPLY_LINE_OCTETS_MAX - 6) + b"\r\n"


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"x" + LONGEST, Fault.LINE_TOO_LONG),
        (b"2" * (REPLY_LINE_OCTETS_MAX + 1), Fault.LINE_TOO_LONG),  # before its end has come
        (b"250-x\r\n" * REPLY_LINES_MAX, Fault.TOO_MANY_LINES),
        (b"\r\n", Fault.NO_CODE),
        (b"25\r\n", Fault.NO_CODE),
        (b"25x ok\r\n", Fault.NO_CODE),
        (b"250ok\r\n", Fault.NO_CODE),
        (b"2500 ok\r\n", Fault.NO_CODE),
        (b" 250 ok\r\n", Fault.NO_CODE),
        (b"150 ok\r\n", Fault.NO_CODE),  # RFC 5321 section 4.2.1 knows no 1yz
        (b"650 ok\r\n", Fault.NO_CODE),
        (b"\xb2\xb5\xb0 ok\r\n", Fault.NO_CODE),
        ("٢٥٠ ok\r\n".encode(), Fault.NO_CODE),
        (b"HTTP/1.1 400 Bad Request\r\n", Fault.NO_CODE),
        (b"250-a\r\n550 b\r\n", Fault.CODES_DIFFER),
        (b"250-a\r\nb\r\n", Fault.NO_CODE),
    ],
)
def test_faults_of_form(octets: bytes, fault: Fault) -> None:
    replies = Replies()
    replies.receive(octets)
    assert replies.next() is fault
    conversation = speak([[f"{BANNER}\r\n".encode()], [f"{HELLO}\r\n".encode()], [octets]], TERMS, [ONE], CONTENT)
    assert conversation.client.closed
    (verdict,) = conversation.verdicts[0]
    assert str(verdict.reply) == f"451 4.5.0 [internal] protocol error: {fault.value}"


SAID = (b"250 a\r\n", b"250-a\r\n250 a\r\n", b"250-b\r\n250 a\r\n", b"550 a\r\n", b"550 5.1.1 a\r\n")
SAID_LATER = (*SAID, b"250-a\r\n550 a\r\n")
OTHERS = [b"250 %d\r\n" % n for n in range(2 * KNOWN_MAX)]


@pytest.mark.parametrize("second", SAID_LATER)
@pytest.mark.parametrize("first", SAID)
@pytest.mark.parametrize("others", [[], OTHERS])
def test_what_was_said_before_changes_no_reply(first: bytes, others: list[bytes], second: bytes) -> None:
    fresh, used = Replies(), Replies()
    for octets in (first, *others, first):
        used.receive(octets)
        assert isinstance(used.next(), Reply)
    fresh.receive(second)
    used.receive(second)
    assert used.next() == fresh.next()


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (b"250\r\n", Reply(250, "", ("",))),
        (b"250 \r\n", Reply(250, "", ("",))),
        (b"250-\r\n250\r\n", Reply(250, "", ("", ""))),
        (LONGEST, Reply(250, "", ("x" * (REPLY_LINE_OCTETS_MAX - 6),))),
        (b"250-x\r\n" * (REPLY_LINES_MAX - 1) + b"250 x\r\n", Reply(250, "", ("x",) * REPLY_LINES_MAX)),
        (b"550-5.1.1 no\r\n550 5.1.1 such\r\n", Reply(550, "5.1.1", ("no", "such"))),
        (b"550-5.1.1 no\r\n550 such\r\n", Reply(550, "", ("5.1.1 no", "such"))),
        (b"550 4.1.1 no\r\n", Reply(550, "", ("4.1.1 no",))),  # RFC 2034 section 4: the classes agree
        (b"550 5.1.1\r\n", Reply(550, "", ("5.1.1",))),
        (b"550 n\xc3\xb6\0\rx\n\r\n", Reply(550, "", ("n\\xc3\\xb6\\x00\\x0dx\\x0a",))),
    ],
)
def test_replies_that_are_read(octets: bytes, reply: Reply) -> None:
    replies = Replies()
    replies.receive(octets)
    assert replies.next() == reply
    assert replies.next() is None
    assert replies.drained


@pytest.mark.parametrize(
    "replies",
    [
        "354 go",
        f"{BANNER}|354 go",
        f"{BANNER}|{HELLO}|354 go",
        f"{BANNER}|{HELLO}|250 s|354 go",
        f"{BANNER}|{HELLO}|250 s|250 r|250 r",
        f"{BANNER}|{HELLO}|250 s|250 r|354 go|354 go",
        f"{BANNER}|{PIPE}|250 s|250 r|250 again|354 go|250 taken",  # one reply too many shifts those that follow
    ],
)
def test_replies_that_do_not_fit_defer(replies: str) -> None:
    conversation = spoken(replies, ONE)
    assert conversation.client.closed
    assert conversation.ended is not None
    assert conversation.ended.reply.text == f"4.5.0 [internal] protocol error: {Fault.OUT_OF_PLACE.value}"
    assert all(verdict.reply.code == 451 for verdicts in conversation.verdicts for verdict in verdicts)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (f"{BANNER}\r\n{HELLO}\r\n", ""),
        (f"{BANNER}\r\n250-mx\r\n", "250 x\r\n"),  # half of a reply is too early as well
        (BANNER + "\r\n", f"{HELLO}\r\n250 s\r\n"),
        (f"{BANNER}\r\n", f"{PIPE}\r\n250 s\r\n250 r\r\n354 go\r\n250 taken\r\n"),
    ],
)
def test_replies_before_their_question(first: str, then: str) -> None:
    conversation = speak([[first.encode()], [then.encode()]], TERMS, [ONE], CONTENT)
    assert conversation.ended is not None
    assert conversation.ended.reply.text == f"4.5.0 [internal] protocol error: {Fault.UNASKED.value}"


def sending() -> Client:
    """A client in the middle of content."""
    client = Client(TERMS)
    for octets in (b"220 mx\r\n", b"250 mx\r\n", b"250 s\r\n", b"250 r\r\n", b"354 go\r\n"):
        client.receive(octets)
        while (event := client.next_event()) is not None:
            if isinstance(event, Ready):
                client.begin(ONE)
            else:
                assert event == ContentWanted()
    client.content(b"half")
    return client


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (b"250 taken\r\n", 451, "4.5.0 [internal] protocol error: a reply came before it was asked for"),
        (b"354 go on\r\n", 451, "4.5.0 [internal] protocol error: a reply came before it was asked for"),
        (b"552 5.3.4 too much\r\n", 552, "5.3.4 too much"),
        (b"421 4.3.2 going down\r\n", 421, "4.3.2 going down"),
    ],
)
def test_what_comes_while_content_is_on_its_way(reply: bytes, code: int, text: str) -> None:
    """A refusal is one; nothing gives the server custody of what it has not heard to its end."""
    client = sending()
    client.receive(reply)
    concluded, ended = client.next_event(), client.next_event()
    assert concluded.verdicts == (ended.verdict,)  # type: ignore[union-attr]
    assert (ended.verdict.reply.code, ended.verdict.reply.text) == (code, text)  # type: ignore[union-attr]
    client.content(b"the rest\r\n")
    client.end_content()
    assert client.octets_to_send() == b""  # nothing ends what was begun


def test_a_reply_that_came_before_the_final_dot_is_no_custody() -> None:
    client = sending()
    client.receive(b"250 taken\r\n")
    client.end_content()
    concluded = client.next_event()
    assert [verdict.reply.code for verdict in concluded.verdicts] == [451]  # type: ignore[union-attr]


def test_what_is_held_of_replies_is_bounded() -> None:
    replies = Replies()
    for _ in range(REPLY_LINES_MAX - 1):
        replies.receive(b"250-" + b"x" * (REPLY_LINE_OCTETS_MAX - 6) + b"\r\n")
        assert replies.next() is None
    replies.receive(b"250-x\r\n")
    assert replies.next() is Fault.TOO_MANY_LINES
