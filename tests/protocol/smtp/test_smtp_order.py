"""The order of commands: RFC 5321 sections 4.1.4 and 3.3, RFC 2920, the replies of spec/listeners.md section 2.3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.command import COMMANDS
from momentum_trio.protocol.smtp.event import Bdat, ContentEnd, Event, Hello, Mail, Quit, Rcpt, Refusal
from momentum_trio.protocol.smtp.server import Ending, Server
from momentum_trio.protocol.smtp.strategies import rehearse
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.protocol.smtp.transitions import TRANSITIONS, State, Step

TERMS = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    extensions=("PIPELINING", "8BITMIME", "SIZE 1000"),
    message_octets_max=1000,
    peer_text="192.0.2.7",
)
M, R = b"MAIL FROM:<>\r\n", b"RCPT TO:<b@c>\r\n"
TO_CONTENT = b"EHLO a\r\n" + M + R + b"DATA\r\n"


@pytest.mark.parametrize(
    ("dialogue", "codes"),
    [
        # RFC 5321 appendix D.1, in one piece (RFC 2920 section 3.1)
        (
            b"EHLO b.c\r\nMAIL FROM:<Smith@b.c>\r\nRCPT TO:<J@d.e>\r\nRCPT TO:<B@d.e>\r\nDATA\r\nBlah\r\n.\r\nQUIT\r\n",
            [250, 250, 250, 250, 354, 250, 221],
        ),
        # section 4.1.4: RCPT needs a reverse-path first, DATA a forward-path
        (b"EHLO a\r\nRCPT TO:<b@c>\r\n", [250, 503]),
        (b"EHLO a\r\nDATA\r\n", [250, 503]),
        (b"EHLO a\r\nMAIL FROM:<>\r\nDATA\r\n", [250, 250, 503]),
        # section 4.1.4: a second MAIL in a transaction is out of order
        (b"EHLO a\r\n" + M + M, [250, 250, 501]),
        (b"EHLO a\r\n" + M + R + M + R, [250, 250, 250, 501, 250]),
        # section 4.1.1.5: RSET drops the mail transaction, keeps the greeting
        (b"EHLO a\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n", [250, 250, 250, 250]),
        (b"EHLO a\r\n" + M + R + b"RSET\r\nDATA\r\n", [250, 250, 250, 250, 503]),
        # section 4.1.4: a later EHLO acts as if RSET had been said
        (b"EHLO a\r\n" + M + R + b"EHLO b\r\nDATA\r\n" + M, [250, 250, 250, 250, 503, 250]),
        (b"EHLO a\r\n" + M + R + b"HELO b\r\n" + M, [250, 250, 250, 250, 250]),
        # ... and one that is not accepted leaves the state as it was
        (b"EHLO a\r\n" + M + R + b"EHLO\r\nDATA\r\n", [250, 250, 250, 501, 354]),
        # section 4.1.4: NOOP, HELP, EXPN, VRFY and RSET at any time, also before the hello, also inside a transaction
        (b"NOOP\r\nHELP\r\nEXPN a\r\nVRFY a\r\nRSET\r\n", [250, 214, 502, 252, 250]),
        (b"EHLO a\r\n" + M + b"NOOP\r\nHELP\r\nEXPN a\r\nVRFY a\r\n" + R, [250, 250, 250, 214, 502, 252, 250]),
        # Require_EHLO is off unless set
        (M + R + b"DATA\r\n.\r\n" + M, [250, 250, 354, 250, 250]),
        # section 4.1.1.10: QUIT at any time but in content; nothing after it is heard
        (b"QUIT\r\nNOOP\r\n", [221]),
        (TO_CONTENT + b"QUIT\r\n.\r\nQUIT\r\n", [250, 250, 250, 354, 250, 221]),
        # section 4.1.1.4: no content at all; then the next transaction begins
        (TO_CONTENT + b".\r\n" + M + R + b"DATA\r\n.\r\n", [250, 250, 250, 354, 250, 250, 250, 354, 250]),
        # case of verbs and keywords does not matter (section 2.4)
        (b"eHLo a\r\nmail from:<>\r\nrCpT tO:<b@c>\r\ndata\r\n.\r\nqUIT\r\n", [250, 250, 250, 354, 250, 221]),
    ],
)
def test_order_of_commands(dialogue: bytes, codes: list[int]) -> None:
    assert rehearse([dialogue], TERMS).codes == [220, *codes]
    assert rehearse([bytes([octet]) for octet in dialogue], TERMS).codes == [220, *codes]


@pytest.mark.parametrize(
    ("dialogue", "decisions", "codes"),
    [
        # RFC 5321 section 4.1.1.2: a MAIL that was refused began nothing
        (b"EHLO a\r\n" + M + M + R, [True, False], [250, 550, 250, 250]),
        (M + M, [False], [550, 250]),
        # section 3.3: one forward-path accepted is enough, none is not
        (b"EHLO a\r\n" + M + R + R + b"DATA\r\n", [True, True, False], [250, 250, 550, 250, 354]),
        (b"EHLO a\r\n" + M + R + b"DATA\r\n" + R + b"DATA\r\n", [True, True, False], [250, 250, 550, 503, 250, 354]),
        (b"EHLO a\r\n" + M + R + R + b"DATA\r\n", [True, True, True, False], [250, 250, 250, 550, 354]),
        # RFC 2920 section 3.1: after a DATA that was refused, what follows is commands again
        (TO_CONTENT + b"NOOP\r\n.\r\nQUIT\r\n", [True] * 3 + [False], [250, 250, 250, 451, 250, 500, 221]),
        # section 4.1.1.4: whatever is said to the content, its transaction is over
        (TO_CONTENT + b".\r\nDATA\r\n" + M, [True] * 4 + [False], [250, 250, 250, 354, 451, 503, 250]),
        # an EHLO refused by policy leaves the transaction alone
        (b"EHLO a\r\n" + M + R + b"EHLO b\r\nDATA\r\n", [True] * 3 + [False], [250, 250, 250, 550, 354]),
    ],
)
def test_order_with_a_reception_that_refuses(dialogue: bytes, decisions: list[bool], codes: list[int]) -> None:
    assert rehearse([dialogue], TERMS, decisions).codes == [220, *codes]


@pytest.mark.parametrize(
    ("dialogue", "reply"),
    [
        (M, "550 5.5.1 RFC2821 HELO/EHLO needed"),
        (R, "550 5.5.1 RFC2821 HELO/EHLO needed"),
        (b"DATA\r\n", "550 5.5.1 RFC2821 HELO/EHLO needed"),
        (b"RSET\r\n" + M, "550 5.5.1 RFC2821 HELO/EHLO needed"),
        (b"EHLO\r\n" + M, "550 5.5.1 RFC2821 HELO/EHLO needed"),
        (b"HELO a\r\n" + M, "250 2.1.0 MAIL FROM accepted"),
        (b"NOOP\r\n", "250 2.0.0 OK"),
    ],
)
def test_require_ehlo(dialogue: bytes, reply: str) -> None:
    octets = rehearse([dialogue], replace(TERMS, require_ehlo=True)).octets
    assert octets.splitlines()[-1].decode() == reply


# Every state by every command by both answers: exactly one reply, and the state the table names.

WAYS = {
    State.HELLO_REQUIRED: b"",
    State.FRESH: b"",
    State.GREETED: b"EHLO a\r\n",
    State.REVERSE_PATH: b"EHLO a\r\n" + M,
    State.FORWARD_PATHS: b"EHLO a\r\n" + M + R,
    State.CHUNKS: b"EHLO a\r\n" + M + R + b"BDAT 0\r\n",
    State.CHUNKS_REFUSED: b"EHLO a\r\n" + M + R + b"BDAT 1001\r\n" + b"x" * 1001,
}
LINES = {
    "EHLO": b"EHLO a",
    "HELO": b"HELO a",
    "MAIL": b"MAIL FROM:<a@b>",
    "RCPT": b"RCPT TO:<c@d>",
    "VRFY": b"VRFY a",
    "EXPN": b"EXPN a",
    "AUTH": b"AUTH PLAIN",
    "XCLIENT": b"XCLIENT ADDR=192.0.2.9",
    "XREMOTEIP": b"XREMOTEIP 192.0.2.9",
    "XSETCONTEXT": b"XSETCONTEXT a=1",
}
TRUSTED = ("XCLIENT", "XREMOTEIP", "XSETCONTEXT", "XDUMPCONTEXT")
WHOLE = replace(TERMS, extensions=(*TERMS.extensions, "STARTTLS", "AUTH PLAIN", "CHUNKING", *TRUSTED))
REFUSED = Reply.of("450 4.7.1 not now")


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.parametrize("state", WAYS, ids=lambda state: state.name)
def test_every_command_in_every_state_has_one_reply(state: State, verb: str, accepted: bool) -> None:
    server = rehearse([WAYS[state]], replace(WHOLE, require_ehlo=state is State.HELLO_REQUIRED)).server
    assert server._state is state
    server.receive(LINES.get(verb, verb.encode()) + b"\r\n")
    event = server.next_event()
    assert event is not None
    if event.needs_answer:
        assert server.octets_to_send() == b""
        server.answer(None if accepted else REFUSED)
    said = server.octets_to_send().split(b"\r\n")
    assert said.pop() == b""
    assert [line[3:4] for line in said] == [b"-"] * (len(said) - 1) + [b" "]
    step = TRANSITIONS[state][COMMANDS[verb].event]
    if isinstance(step, Reply):
        line = "AUTH ***" if verb == "AUTH" else LINES.get(verb, verb.encode()).decode()
        assert event == Refusal(line, step)
        assert server._state is state
    else:
        assert isinstance(step, Step)
        if verb == "XCLIENT" and state is State.HELLO_REQUIRED:
            step = Step(state, state)  # the terms want a hello of whoever comes
        assert server._state is (step.accepted if accepted or not event.needs_answer else step.refused)
    assert server.next_event() is None


def test_the_table_is_whole() -> None:
    for state in WAYS:
        assert set(TRANSITIONS[state]) - {ContentEnd} == {command.event for command in COMMANDS.values()} | {Bdat}
    assert set(TRANSITIONS) == set(State)


# What the core says and how it ends.


def test_the_replies_of_a_whole_session() -> None:
    octets = rehearse(
        [
            b"EHLO there\r\nMAIL FROM:<a@b> SIZE=10\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n",
            b"RSET\r\nNOOP\r\nVRFY a\r\nHELP\r\nQUIT\r\n",
        ],
        TERMS,
    ).octets
    assert octets.decode() == (
        "220 mx.example ESMTP\r\n"
        "250-mx.example says EHLO to 192.0.2.7\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000\r\n"
        "250 2.1.0 MAIL FROM accepted\r\n"
        "250 2.1.5 RCPT TO accepted.\r\n"
        '354 continue.  finished with "\\r\\n.\\r\\n"\r\n'
        "250 2.0.0 OK\r\n250 2.0.0 OK\r\n250 2.0.0 OK\r\n"
        "252 2.5.2 cannot VRFY user, but will accept message and attempt delivery\r\n"
        "214-2.0.0 commands: HELO EHLO MAIL RCPT DATA RSET\r\n214 2.0.0 NOOP VRFY EXPN HELP QUIT\r\n"
        "221 2.0.0 mx.example closing connection\r\n"
    )


def test_helo_and_ehlo_without_extensions_have_one_line() -> None:
    assert rehearse([b"HELO a\r\n"], TERMS).octets.endswith(b"250 mx.example says HELO to 192.0.2.7\r\n")
    terms = Terms("mx.example", Reply.of("220 hi"))
    assert rehearse([b"EHLO a\r\n"], terms).octets == b"220 hi\r\n250 mx.example says EHLO to\r\n"


def test_a_refusal_instead_of_a_greeting_closes() -> None:
    server = Server(TERMS)
    server.begin(replies.CONCURRENCY)
    assert server.octets_to_send() == b"421 4.4.5 Service unavailable, concurrency limit reached\r\n"
    assert (server.closed, server.ending) == (True, Ending.UNAVAILABLE)
    server.receive(b"NOOP\r\n")
    assert server.next_event() is None


def outstanding(dialogue: bytes) -> tuple[Server, Event]:
    server = Server(TERMS)
    server.begin()
    server.receive(dialogue)
    while (event := server.next_event()) is not None:
        if not event.needs_answer:
            continue
        if b"\r\n" not in dialogue:
            break
        dialogue = dialogue.partition(b"\r\n")[2]
        if not dialogue:
            server.octets_to_send()
            return server, event
        server.answer()
    raise AssertionError("nothing outstanding")


def test_421_closes_from_anywhere() -> None:
    server, event = outstanding(b"EHLO a\r\nMAIL FROM:<>\r\n")
    assert isinstance(event, Mail)
    server.answer(replies.RECONFIGURATION)
    assert server.closed
    assert server.ending is Ending.UNAVAILABLE
    assert server.octets_to_send() == b"421 4.3.2 Reconfiguration in progress\r\n"


def test_the_shell_can_end_it_even_while_an_event_is_outstanding() -> None:
    server, event = outstanding(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n")
    assert isinstance(event, Rcpt)
    server.abort(replies.idle_timeout("mx.example"))
    assert (server.closed, server.ending) == (True, Ending.ABORTED)
    assert server.octets_to_send() == b"421 4.4.2 mx.example idle timeout\r\n"
    server.abort(replies.SHUTTING_DOWN)
    assert server.octets_to_send() == b""
    assert server.next_event() is None


def test_a_quit_is_an_event_too() -> None:
    rehearsed = rehearse([b"QUIT\r\nNOOP\r\n"], TERMS)
    assert rehearsed.events == (Quit(),)
    assert rehearsed.server.ending is Ending.QUIT


@pytest.mark.parametrize(
    ("dialogue", "interrupted"),
    [
        (b"", False),
        (b"EHLO a\r\nMAI", False),
        (b"EHLO a\r\n" + M, True),
        (TO_CONTENT, True),
        (TO_CONTENT + b"text\r\n.\r", True),
        (TO_CONTENT + b"text\r\n.\r\n", False),
    ],
)
def test_a_client_that_leaves(dialogue: bytes, interrupted: bool) -> None:
    server = rehearse([dialogue], TERMS, leave=True).server
    assert (server.closed, server.ending, server.interrupted) == (True, Ending.LEFT, interrupted)


def test_what_was_sent_before_leaving_is_still_heard() -> None:
    server = Server(TERMS)
    server.begin()
    server.receive(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT")
    server.receive(b"")
    assert isinstance(server.next_event(), Hello)
    server.answer()
    assert isinstance(server.next_event(), Mail)
    server.answer()
    assert not server.closed
    assert server.next_event() is None
    assert server.interrupted


@pytest.mark.parametrize(
    ("limit", "dialogue", "codes"),
    [
        (2, b"FOO\r\nEHLO\r\nNOOP\r\nRCPT TO:<a@b>\r\nNOOP\r\n", [500, 501, 250, 421]),
        (1, b"x" * 3000 + b"\r\nA\x00\r\nNOOP\r\n", [500, 421]),
        (1, b"EHLO a\r\nMAIL FROM:<> SIZE=2000\r\nMAIL FROM:<> SIZE=2000\r\nNOOP\r\n", [250, 552, 552, 250]),
        (0, b"FOO\r\n" * 100, [500] * 100),
    ],
)
def test_bad_commands_are_counted(limit: int, dialogue: bytes, codes: list[int]) -> None:
    rehearsed = rehearse([dialogue], replace(TERMS, bad_commands_max=limit))
    assert rehearsed.codes == [220, *codes]
    assert rehearsed.server.closed is (421 in codes)
    if 421 in codes:
        assert rehearsed.server.ending is Ending.BAD_COMMANDS
        assert isinstance(refusal := rehearsed.events[-1], Refusal)
        assert refusal.reply is replies.TOO_MANY_BAD_COMMANDS


def test_a_line_without_end_ends_the_conversation() -> None:
    rehearsed = rehearse([b"x" * 65536] * 20, replace(TERMS, bad_commands_max=0))
    assert rehearsed.codes == [220, 500, 421]
    assert rehearsed.server.closed


def test_terms_change_between_transactions() -> None:
    server, _ = outstanding(b"EHLO a\r\nMAIL FROM:<>\r\n")
    server.terms = replace(TERMS, extensions=())
    server.answer()
    server.receive(b"RSET\r\nMAIL FROM:<> BODY=7BIT\r\n")
    server.next_event()
    server.answer()
    assert isinstance(refusal := server.next_event(), Refusal)
    assert refusal.reply is replies.PARAMETER_UNKNOWN


def test_terms_do_not_change_inside_a_transaction() -> None:
    server, _ = outstanding(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n")
    with pytest.raises(AssertionError):
        server.terms = TERMS


def test_a_broken_promise_of_the_shell_is_an_assertion() -> None:
    server, _ = outstanding(b"EHLO a\r\nMAIL FROM:<>\r\n")
    with pytest.raises(AssertionError):
        server.next_event()
    with pytest.raises(AssertionError):
        server.answer(replies.CONTINUE)


@pytest.mark.parametrize(
    ("dialogue", "awaiting", "phase"),
    [
        (b"EHLO a\r\n", 2, 3),
        (b"EHLO a\r\nMAIL FROM:<>\r\n", 4, 5),
        (b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n", 6, 7),
        (b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", 6, 8),
        (b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n", 9, 10),
    ],
)
def test_phases(dialogue: bytes, awaiting: int, phase: int) -> None:
    # spec/console.md section 7
    server, _ = outstanding(dialogue)
    assert (server.awaiting, server.phase) == (awaiting, phase)
    assert server.phase.words.startswith(("sending", "data"))


def test_new_terms_before_the_hello_may_require_it() -> None:
    server = rehearse([b"NOOP\r\n"], TERMS).server
    server.terms = replace(server.terms, require_ehlo=True)
    server.receive(M)
    assert server.next_event() == Refusal("MAIL FROM:<>", replies.HELLO_NEEDED)
    server.terms = replace(server.terms, require_ehlo=False)
    server.receive(M)
    assert isinstance(server.next_event(), Mail)


def test_the_operator_words_a_reconfiguration() -> None:
    # Reconfig_Message, its default
    assert replies.reconfiguration("4.3.2 Reconfiguration in progress") == replies.RECONFIGURATION
