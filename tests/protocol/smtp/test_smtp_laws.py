"""Laws of the SMTP server core, under hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz.smtp_server
from momentum_trio.protocol.smtp import command, replies
from momentum_trio.protocol.smtp.command import COMMAND_OCTETS_MAX, COMMANDS
from momentum_trio.protocol.smtp.content import CONTENT_PART_OCTETS, Gathering
from momentum_trio.protocol.smtp.event import ContentPart, Refusal
from momentum_trio.protocol.smtp.strategies import (
    all_terms,
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
                if isinstance(server._content, Gathering):
                    assert len(server._content._kept) <= CONTENT_PART_OCTETS


@settings(max_examples=100, deadline=None)
@given(fuzz.smtp_server.strategy())
def test_the_fuzz_target(octets: bytes) -> None:
    fuzz.smtp_server.run(octets)
