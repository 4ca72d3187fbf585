"""Laws of the SMTP server core, under hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import fuzz.smtp_server
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import command, replies
from momentum_trio.protocol.smtp.command import COMMAND_OCTETS_MAX, COMMANDS
from momentum_trio.protocol.smtp.content import CONTENT_PART_OCTETS, stuffed
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart, Event, Refusal
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.strategies import (
    all_terms,
    clean_contents,
    commands,
    cut,
    cuts,
    decisions,
    dialogues,
    mails,
    nearly_mails,
    rcpts,
    rehearse,
)
from momentum_trio.protocol.smtp.terms import Terms


@settings(max_examples=300, deadline=None)
@given(dialogues, cuts, all_terms, decisions, st.booleans())
def test_cutting_the_octets_changes_nothing(
    octets: bytes, sizes: list[int], terms: Terms, decisions: Sequence[bool], leave: bool
) -> None:
    whole = rehearse([octets], terms, decisions, leave=leave)
    pieces = rehearse(cut(octets, sizes), terms, decisions, leave=leave)
    assert pieces.events == whole.events
    assert pieces.octets == whole.octets
    assert pieces.messages == whole.messages
    assert pieces.server._state is whole.server._state
    assert (pieces.server.ending, pieces.server.phase) == (whole.server.ending, whole.server.phase)


@settings(max_examples=200, deadline=None)
@given(dialogues | st.binary(max_size=300), all_terms, decisions)
def test_replies_are_well_formed_and_one_for_each_command(
    octets: bytes, terms: Terms, decisions: Sequence[bool]
) -> None:
    rehearsed = rehearse([octets], terms, decisions, leave=True)
    assert rehearsed.server.closed
    assert rehearsed.octets.isascii()
    assert rehearsed.octets.endswith(b"\r\n")
    for line in rehearsed.octets[:-2].split(b"\r\n"):
        assert line.decode().isprintable()
        assert line[:1] in b"2345"
        assert line[:3].isdigit()
        assert line[3:4] in (b" ", b"-")
    answered = sum(not isinstance(event, ContentPart) for event in rehearsed.events)
    assert len(rehearsed.codes) == 1 + answered
    for event in rehearsed.events:
        if isinstance(event, Refusal):
            assert event.line.isascii()
            assert event.line.isprintable()
            assert not event.reply.positive


@settings(max_examples=300)
@given(mails | rcpts | nearly_mails, all_terms)
def test_the_fast_way_agrees_with_the_grammar(line: str, terms: Terms) -> None:
    argument = line[5:]
    parse = COMMANDS[line[:4].upper()].parse
    fast = parse(line, argument, terms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "_usual_path", lambda match: None)
        assert parse(line, argument, terms) == fast


@pytest.mark.parametrize("local", [1, 63, 64, 65])
@pytest.mark.parametrize(
    "domain", ["a" * 63, "a" * 64, "a" * 63 + ".b", ".".join(["a" * 60] * 4), "a-b.c--d", "a.b-", "1.-a"]
)
def test_the_fast_way_at_the_limits(local: int, domain: str) -> None:
    for template in ("MAIL FROM:<{}@{}>", "RCPT TO:<{}@{}>"):
        argument = template.format("l" * local, domain)
        test_the_fast_way_agrees_with_the_grammar.hypothesis.inner_test(  # type: ignore[attr-defined]
            argument, Terms("mx", replies.OK)
        )


def test_what_is_held_is_bounded() -> None:
    terms = Terms("mx.example", replies.OK, bad_commands_max=0)
    endless: list[Callable[[int], bytes]] = [
        lambda n: b"x" * n,
        lambda n: b"\r" * n,
        lambda n: b"\n" * n,
        lambda n: b"\x00" * n,
        lambda n: (b"NOOP\r\n" * n)[:n],
        lambda n: (b"\r\n.\r" * n)[:n],
    ]
    for prelude in (b"", b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"):
        for octets in endless:
            server = rehearse([prelude], terms).server
            for n in (1, 2, 2047, 2048, 2049, 5000, 65535, 65536, 65537) * 3:
                server.receive(octets(n))
                while (event := server.next_event()) is not None:
                    assert not isinstance(event, ContentPart) or len(event.octets) <= CONTENT_PART_OCTETS
                    if event.needs_answer:
                        server.answer()
                held = server._lines.take() if server._lines._discarded is None else b""
                assert len(held) <= COMMAND_OCTETS_MAX
                server._lines.receive(held)
                if server._content:
                    assert len(server._content._kept) <= CONTENT_PART_OCTETS


class Conversation(RuleBasedStateMachine):
    """The server beside a model of RFC 5321 section 4.1.4: a reverse-path, forward-paths, content."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(Terms("mx.example", Reply.of("220 mx.example"), ("8BITMIME", "SIZE"), bad_commands_max=0))
        self.server.begin()
        self.server.octets_to_send()
        self.reverse_path = False
        self.forward_paths = 0
        self.content = False

    def say(self, octets: bytes, accept: bool) -> tuple[Event, int]:
        """The one event and the one reply *octets* lead to."""
        self.server.receive(octets)
        event = self.server.next_event()
        assert event is not None
        if event.needs_answer:
            sound = isinstance(event, ContentEnd) and event.fault is None
            self.server.answer((replies.OK if sound else None) if accept else replies.TRANSACTION_FAILED)
        assert self.server.next_event() is None
        lines = self.server.octets_to_send().split(b"\r\n")
        assert lines.pop() == b""
        assert {line[:3] for line in lines} == {lines[0][:3]}
        assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]
        return event, int(lines[0][:3])

    def forget(self) -> None:
        self.reverse_path, self.forward_paths = False, 0

    @precondition(lambda self: not self.content and not self.server.closed)
    @rule(line=commands, accept=st.booleans())
    def command(self, line: str, accept: bool) -> None:
        verb = line.partition(" ")[0].upper()
        _, code = self.say(line.encode() + b"\r\n", accept)
        accepted = code < 400
        match verb:
            case "EHLO" | "HELO" if accepted:
                self.forget()
            case "RSET" if accepted or code == replies.TRANSACTION_FAILED.code:
                self.forget()  # whatever the shell had to say to it
            case "MAIL":
                assert not (accepted and self.reverse_path)
                self.reverse_path |= accepted
            case "RCPT":
                assert not accepted or self.reverse_path
                self.forward_paths += accepted
            case "DATA":
                assert not accepted or self.forward_paths
                assert code == 354 or not accepted
                self.content = accepted

    @precondition(lambda self: not self.content and not self.server.closed)
    @rule()
    def transaction_so_far(self) -> None:
        for line in ("RSET", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"):
            self.command(line, True)

    @precondition(lambda self: self.content)
    @rule(content=clean_contents, accept=st.booleans())
    def send_content(self, content: bytes, accept: bool) -> None:
        event, code = self.say(stuffed(content), accept)
        assert event == ContentEnd(content)
        assert code == (250 if accept else 451)
        self.content = False
        self.forget()

    @invariant()
    def the_model_agrees(self) -> None:
        assert self.server.in_transaction == (self.reverse_path or self.content)
        if self.content:
            assert self.server.phase.words == "reading body"
        elif self.reverse_path:
            assert self.server.phase.words == "awaiting rcptto"


Conversation.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestConversation = Conversation.TestCase


@settings(max_examples=100, deadline=None)
@given(fuzz.smtp_server.strategy())
def test_the_fuzz_target(octets: bytes) -> None:
    fuzz.smtp_server.run(octets)
