"""What a client says and concludes, reply by reply: RFC 5321 sections 3.3, 4.2, 4.3.2; RFC 1870, 2920, 6152."""

from __future__ import annotations

import pytest

from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import ClientTerms, Ready, Transaction
from momentum_trio.protocol.smtp.client_extensions import Extensions
from momentum_trio.protocol.smtp.client_steps import GROUP_COMMANDS_MAX, Asked
from momentum_trio.protocol.smtp.strategies import Spoken, speak

TERMS = ClientTerms("client.example")
ONE = Transaction("ann@c", ("bob@d",), 17)
TWO = Transaction("ann@c", ("bob@d", "carol@d"), 17)
EIGHT = Transaction("ann@c", ("bob@d",), 17, eight_bit=True)
CONTENT = b"Subject: a\r\n\r\n.\r\n"
BANNER, HELLO, PIPE = "220 mx ESMTP", "250 mx", "250-mx\r\n250 PIPELINING"
QUIT = "221 bye"


def spoken(replies: str, *transactions: Transaction, terms: ClientTerms = TERMS, leave: bool = False) -> Spoken:
    """The conversation with a server that says *replies*, separated by ``|``, one after the other."""
    script = [[reply.encode() + b"\r\n"] for reply in replies.split("|") if reply]
    return speak(script, terms, transactions, CONTENT, leave=leave)


def said(conversation: Spoken) -> list[str]:
    """The lines the client said, content as one word."""
    text = conversation.octets.replace(b"Subject: a\r\n\r\n..\r\n.\r\n", b"CONTENT\r\n").decode()
    return text.split("\r\n")[:-1]


def verdicts(conversation: Spoken) -> list[str]:
    """``code stage`` of each forward-path of each transaction."""
    return [f"{v.reply.code} {v.stage.name}" for transaction in conversation.verdicts for v in transaction]


DIALOGUE = "{}|{}|250 sender|250 recipient|354 go|250 taken"


@pytest.mark.parametrize(
    ("replies", "lines"),
    [
        # RFC 5321 appendix D.1: without PIPELINING each command waits for the reply to the one before
        (f"{BANNER}|{HELLO}", ["EHLO client.example", "MAIL FROM:<ann@c>"]),
        (f"{BANNER}|{HELLO}|250 ok", ["EHLO client.example", "MAIL FROM:<ann@c>", "RCPT TO:<bob@d>"]),
        (
            DIALOGUE.format(BANNER, HELLO),
            ["EHLO client.example", "MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "DATA", "CONTENT", "QUIT"],
        ),
        # RFC 2920 section 3.1: MAIL, RCPT and DATA in one group
        (f"{BANNER}|{PIPE}", ["EHLO client.example", "MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "DATA"]),
        # section 3.2: a server that does not know EHLO is greeted with HELO; what it offered there does not count
        (f"{BANNER}|502 what|{HELLO}", ["EHLO client.example", "HELO client.example", "MAIL FROM:<ann@c>"]),
        (f"{BANNER}|502 what|{PIPE}", ["EHLO client.example", "HELO client.example", "MAIL FROM:<ann@c>"]),
        # section 4.2.1: a greeting of several lines
        (f"220-mx\r\n220 ESMTP|{HELLO}", ["EHLO client.example", "MAIL FROM:<ann@c>"]),
        # RFC 1870 section 3
        (f"{BANNER}|250-mx\r\n250 SIZE", ["EHLO client.example", "MAIL FROM:<ann@c> SIZE=17"]),
        (f"{BANNER}|250-mx\r\n250 size 17", ["EHLO client.example", "MAIL FROM:<ann@c> SIZE=17"]),
        (f"{BANNER}|250-mx\r\n250 SIZE 0", ["EHLO client.example", "MAIL FROM:<ann@c> SIZE=17"]),
        (f"{BANNER}|250-mx\r\n250 SIZE 16", ["EHLO client.example", "QUIT"]),
        # content of 7 bits is not declared
        (f"{BANNER}|250-mx\r\n250 8BITMIME", ["EHLO client.example", "MAIL FROM:<ann@c>"]),
        # section 4.1.1.10: QUIT, also to a server that wants no mail
        ("554 no", ["QUIT"]),
        ("421 later", []),
        (f"{BANNER}|421 later", ["EHLO client.example"]),
        (f"{BANNER}|450 later", ["EHLO client.example", "QUIT"]),
        (f"{BANNER}|502 what|502 what", ["EHLO client.example", "HELO client.example", "QUIT"]),
    ],
)
def test_what_is_said(replies: str, lines: list[str]) -> None:
    assert said(spoken(replies, ONE)) == lines


@pytest.mark.parametrize(
    ("hello", "terms", "line"),
    [
        ("250-mx\r\n250 8BITMIME", TERMS, "MAIL FROM:<ann@c> BODY=8BITMIME"),
        ("250-mx\r\n250 8BITMIME", ClientTerms("c", declares_eight_bit=False), "MAIL FROM:<ann@c>"),
        ("250 mx", TERMS, "QUIT"),
        ("250 mx", ClientTerms("c", sends_eight_bit_anyway=True), "MAIL FROM:<ann@c>"),
        ("250-mx\r\n250-SIZE 100\r\n250 8BITMIME", TERMS, "MAIL FROM:<ann@c> SIZE=17 BODY=8BITMIME"),
        ("250-mx\r\n250 8BITMIME", ClientTerms("c", extended=False), "QUIT"),
    ],
)
def test_content_of_8_bits(hello: str, terms: ClientTerms, line: str) -> None:
    conversation = spoken(f"{BANNER}|{hello}", EIGHT, terms=terms)
    assert said(conversation)[1] == line
    if line == "QUIT":
        assert verdicts(conversation) == ["554 IDLE"]
        assert conversation.verdicts[0][0].reply.enhanced == "5.6.3"


@pytest.mark.parametrize(
    ("after", "fates"),
    [
        ("250 s|250 r|250 r|354 go|250 taken", ["250 READING_CONFIRMATION"] * 2),
        ("250 s|550 no|250 r|354 go|250 taken", ["550 DURING_RCPT", "250 READING_CONFIRMATION"]),
        ("250 s|251 r|450 later|354 go|554 no", ["554 READING_CONFIRMATION", "450 DURING_RCPT"]),
        ("250 s|250 r|250 r|451 not now", ["451 DURING_DATA"] * 2),
        ("250 s|550 no|250 r|554 no", ["550 DURING_RCPT", "554 DURING_DATA"]),
        ("550 no|503 no|503 no|503 no", ["550 DURING_MAIL"] * 2),
        # a server that goes on after it refused the sender is sent no content (RFC 2920 section 3.1)
        ("450 no|250 r|250 r|354 go|250 taken", ["450 DURING_MAIL"] * 2),
        ("250 s|550 no|451 no|354 go|250 taken", ["550 DURING_RCPT", "451 DURING_RCPT"]),
        ("250 s|550 no|451 no|354 go|554 no", ["550 DURING_RCPT", "451 DURING_RCPT"]),
    ],
)
def test_verdicts_with_pipelining(after: str, fates: list[str]) -> None:
    conversation = spoken(f"{BANNER}|{PIPE}|{after}", TWO)
    assert verdicts(conversation) == fates
    lines = said(conversation)
    assert lines[1:5] == ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "RCPT TO:<carol@d>", "DATA"]
    assert ("CONTENT" in lines) is any(fate.endswith("CONFIRMATION") for fate in fates)
    assert lines[-1] == "QUIT"


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        ("550 no", ["MAIL FROM:<ann@c>", "QUIT"]),
        ("250 s|550 no|550 no", ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "RCPT TO:<carol@d>", "QUIT"]),
        (
            "250 s|550 no|250 r|554 no",
            ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "RCPT TO:<carol@d>", "DATA", "QUIT"],
        ),
    ],
)
def test_without_pipelining_nothing_in_vain_is_asked(after: str, lines: list[str]) -> None:
    assert said(spoken(f"{BANNER}|{HELLO}|{after}", TWO))[1:] == lines


STAGES = [
    ("", "banner", Stage.READING_BANNER),
    (BANNER, "HELO/EHLO", Stage.DURING_EHLO),
    (f"{BANNER}|500 what", "HELO/EHLO", Stage.DURING_EHLO),
    (f"{BANNER}|{HELLO}", "MAIL FROM", Stage.DURING_MAIL),
    (f"{BANNER}|{HELLO}|250 s", "RCPT TO", Stage.DURING_RCPT),
    (f"{BANNER}|{HELLO}|250 s|250 r", "DATA", Stage.DURING_DATA),
    (f"{BANNER}|{HELLO}|250 s|250 r|354 go", "BODY", Stage.READING_CONFIRMATION),
]


@pytest.mark.parametrize(("replies", "words", "stage"), STAGES)
def test_the_end_silence_or_421_at_each_stage_defers(replies: str, words: str, stage: Stage) -> None:
    """After the final dot too: the reply may have been lost, so the message is sent again."""
    left = spoken(replies, ONE, leave=True)
    assert left.client.closed
    assert left.ended is not None
    assert (left.ended.reply.code, left.ended.stage) == (451, stage)
    assert left.ended.reply.text == "4.4.2 [internal] connection closed by remote host"
    assert [v for transaction in left.verdicts for v in transaction] == [left.ended] * len(left.begun)

    for order, text in (
        (Client.silent, f"no {words}" if words == "banner" else f"no {words} response"),
        (Client.fail_to_send, f"send {words} failed"),
    ):
        client = spoken(replies, ONE).client
        assert client.stage is stage
        order(client)
        events = list(iter(client.next_event, None))
        assert client.closed
        assert events[-1].verdict.reply.text == f"4.4.2 [internal] {text}"  # type: ignore[attr-defined]
        assert client.octets_to_send() == b""

    goes = spoken(f"{replies}|421 4.3.2 going down", ONE)
    assert goes.ended is not None
    assert (str(goes.ended.reply), goes.ended.stage) == ("421 4.3.2 going down", stage)
    assert goes.client.closed


def test_what_was_decided_stays_when_the_connection_ends() -> None:
    conversation = spoken(f"{BANNER}|{PIPE}|250 s|550 no", TWO, leave=True)
    assert verdicts(conversation) == ["550 DURING_RCPT", "451 DURING_RCPT"]


def test_messages_follow_each_other_on_one_connection() -> None:
    """RSET comes first where the server has a transaction to drop (section 4.1.1.5), in one group with what follows."""
    replies = f"{BANNER}|{PIPE}|250 s|550 no|554 none|250 reset|250 s|250 r|354 go|250 taken|250 s|250 r|354 go|250 t"
    conversation = spoken(f"{replies}|{QUIT}", ONE, ONE, ONE)
    group = ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "DATA"]
    assert said(conversation) == [
        "EHLO client.example",
        *group,
        "RSET",
        *group,
        "CONTENT",
        *group,
        "CONTENT",
        "QUIT",
    ]
    assert verdicts(conversation) == ["550 DURING_RCPT", *["250 READING_CONFIRMATION"] * 2]
    assert conversation.ended is not None
    assert conversation.ended.reply.code == 221


def test_a_server_that_cannot_reset_is_left() -> None:
    conversation = spoken(f"{BANNER}|{PIPE}|250 s|550 no|554 none|500 what", ONE, ONE)
    assert verdicts(conversation) == ["550 DURING_RCPT", "451 DURING_RSET"]
    assert conversation.client.closed


def test_a_sender_that_was_refused_needs_no_reset() -> None:
    conversation = spoken(f"{BANNER}|{HELLO}|550 no|250 s", ONE, ONE)
    assert said(conversation)[1:] == ["MAIL FROM:<ann@c>", "MAIL FROM:<ann@c>", "RCPT TO:<bob@d>"]


def test_a_group_is_bounded() -> None:
    """However many recipients: RFC 2920 section 3.1 warns of two sides that both wait for the other to read."""
    many = Transaction("ann@c", tuple(f"r{n}@d" for n in range(1000)), 17)
    script = [[f"{BANNER}\r\n".encode()], [f"{PIPE}\r\n".encode()]]
    first = speak(script, TERMS, [many], CONTENT)
    assert first.octets.count(b"\r\n") == 1 + GROUP_COMMANDS_MAX
    conversation = speak(
        [*script, *[[b"250 ok\r\n"]] * 1001, [b"354 go\r\n"], [b"250 taken\r\n"]], TERMS, [many], CONTENT
    )
    assert verdicts(conversation) == ["250 READING_CONFIRMATION"] * 1000


def test_addresses_that_need_smtputf8_are_not_said() -> None:
    conversation = spoken(f"{BANNER}|{PIPE}", Transaction("ann@c", ("bob@d", "ü@d", "x\r\nRSET@d"), 17))
    assert said(conversation)[1:] == ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "DATA"]
    refused = spoken(f"{BANNER}|{PIPE}", Transaction("ü@c", ("bob@d",), 17))
    assert verdicts(refused) == ["553 IDLE"]


def test_more_octets_than_the_server_takes_are_not_offered() -> None:
    conversation = spoken(f"{BANNER}|250-mx\r\n250 SIZE 16", ONE)
    (verdict,) = conversation.verdicts[0]
    assert str(verdict.reply) == "552 5.3.4 [internal] 17 octets, and the server takes at most 16"


@pytest.mark.parametrize(
    ("lines", "extensions"),
    [
        ((), Extensions()),
        (("PIPELINING", "8bitmime", "SIZE 1000"), Extensions(True, True, True, 1000)),
        (("SIZE", "SIZE 5"), Extensions(size=True)),
        (("SIZE 1e3",), Extensions(size=True)),
        (("SIZE " + "9" * 21,), Extensions(size=True)),
        (("PIPELININGS", "X-8BITMIME", "AUTH=PLAIN"), Extensions()),
    ],
)
def test_extensions(lines: tuple[str, ...], extensions: Extensions) -> None:
    hello = "\r\n".join([*(f"250-{line}" for line in ("mx", *lines)), "250 HELP"])
    assert Ready(extensions) in spoken(f"{BANNER}|{hello}").events


def test_each_question_has_a_stage_and_steps() -> None:
    for asked in Asked:
        assert asked.value.steps
        assert set(asked.value.steps) <= {2, 3, 4, 5}
    assert len({asked.value.words for asked in Asked}) == len(Asked) - 2  # EHLO and HELO, SMTP and LMTP share theirs
