"""The server beside a model of what a conversation may be: RFC 5321 section 4.1.4, RFC 3030, RFC 3207, RFC 4954."""

from __future__ import annotations

import base64
import os
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.claims import XCLIENT_OFFER
from momentum_trio.protocol.smtp.content import stuffed
from momentum_trio.protocol.smtp.event import Auth, AuthResponse, ContentEnd, Event
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.strategies import bdat, clean_contents, commands
from momentum_trio.protocol.smtp.terms import Terms

IN_TLS = Terms(
    "mx.example",
    Reply.of("220 mx.example"),
    ("8BITMIME", "SIZE", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "AUTH PLAIN", XCLIENT_OFFER, "XREMOTEIP"),
    message_octets_max=1000,
    bad_commands_max=0,
    in_tls=True,
    auth_tries_max=0,
)
IN_CLEAR = replace(IN_TLS, extensions=(*IN_TLS.extensions, "STARTTLS"), in_tls=False)
usual = st.sampled_from(
    ["EHLO a", "RSET", "MAIL FROM:<a@b>", "MAIL FROM:<a@b> BODY=BINARYMIME", "RCPT TO:<c@d>", "RCPT TO:<c@d>", "DATA"]
)
trusting = st.sampled_from(["AUTH PLAIN", "AUTH PLAIN =", "STARTTLS", "XCLIENT ADDR=192.0.2.9", "XREMOTEIP 192.0.2.9"])
any_command = commands.filter(lambda line: line[:4].upper() != "BDAT")
accepts = st.sampled_from([True] * 5 + [False])
chunks = st.sampled_from([b"", b"x\r\n", b"QUIT\r\n", b"a\nb", b"x" * 1001]) | st.binary(max_size=40)
responses = st.sampled_from([b"*", b"RSET", b"x", b"="]) | st.binary().map(base64.b64encode)


class Conversation(RuleBasedStateMachine):
    """The model: what was said, and what it has come to."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(IN_CLEAR)
        self.server.begin()
        self.server.octets_to_send()
        self.hello = self.authenticated = self.in_tls = self.challenged = False
        self.forget()

    def forget(self) -> None:
        """There is no mail transaction."""
        self.reverse_path = self.content = self.binary = self.chunked = self.failed = False
        self.forward_paths = 0

    def begin_anew(self) -> None:
        """Whoever talks has said nothing yet."""
        self.hello = self.authenticated = False
        self.forget()

    def say(self, octets: bytes, accept: bool) -> tuple[Event, int]:
        """The one event and the one reply *octets* lead to."""
        self.server.receive(octets)
        event = self.server.next_event()
        assert event is not None
        if isinstance(event, Auth) and event.initial is None and accept:
            self.server.challenge(b"")
        elif event.needs_answer:
            sound = isinstance(event, ContentEnd) and event.fault is None
            refusal = replies.AUTH_FAILED if isinstance(event, Auth | AuthResponse) else replies.TRANSACTION_FAILED
            self.server.answer((replies.OK if sound else None) if accept else refusal)
        assert self.server.next_event() is None
        said = self.server.octets_to_send().split(b"\r\n")
        assert said.pop() == b""
        assert {line[:3] for line in said} == {said[0][:3]}
        assert [line[3:4] for line in said] == [b"-"] * (len(said) - 1) + [b" "]
        return event, int(said[0][:3])

    @property
    def open(self) -> bool:
        """Whether commands are read."""
        return not (self.content or self.challenged or self.server.closed)

    @precondition(lambda self: self.open)
    @rule(line=usual | trusting | usual | trusting | any_command, accept=accepts)
    def command(self, line: str, accept: bool) -> None:
        verb = line.partition(" ")[0].upper()
        _, code = self.say(line.encode() + b"\r\n", accept)
        if code >= 400:
            if verb == "RSET" and code == replies.TRANSACTION_FAILED.code:
                self.forget()  # whatever the shell had to say to it
            return
        match verb:
            case "EHLO" | "HELO":
                self.forget()
                self.hello = True
            case "RSET":
                self.forget()
            case "MAIL":
                assert not self.reverse_path
                self.reverse_path, self.binary = True, "BINARYMIME" in line
            case "RCPT":
                assert self.reverse_path
                assert not self.chunked
                self.forward_paths += 1
            case "DATA":
                assert code == 354
                assert self.forward_paths
                assert not self.chunked
                assert not self.binary
                self.content = True
            case "AUTH":
                assert code in (235, 334)
                assert self.hello
                assert not self.authenticated
                assert not self.reverse_path
                self.challenged, self.authenticated = code == 334, code == 235
            case "STARTTLS":
                assert not self.in_tls
                assert not self.reverse_path
                self.server.secured(IN_TLS)
                self.in_tls = True
                self.begin_anew()
            case "XCLIENT":
                assert code == 220
                assert not self.reverse_path
                self.begin_anew()

    @precondition(lambda self: self.open)
    @rule(binary=st.booleans())
    def begin_a_transaction(self, binary: bool) -> None:
        for line in ("RSET", f"MAIL FROM:<a@b>{' BODY=BINARYMIME' if binary else ''}", "RCPT TO:<c@d>"):
            self.command(line, True)

    @precondition(lambda self: self.open)
    @rule(octets=chunks, last=st.booleans(), accept=accepts)
    def chunk(self, octets: bytes, last: bool, accept: bool) -> None:
        event, code = self.say(bdat(octets, last=last), accept)
        if not self.forward_paths or self.failed:
            assert code == 503
        elif code == 552 and not isinstance(event, ContentEnd):
            self.chunked = self.failed = True
        elif last:
            assert code in ((250, 550) if accept else (451,))
            self.forget()
        else:
            assert code == 250
            self.chunked = True

    @precondition(lambda self: self.challenged)
    @rule(response=responses, accept=st.booleans())
    def respond(self, response: bytes, accept: bool) -> None:
        _, code = self.say(response + b"\r\n", accept)
        assert code in (235, 535, 501)
        self.challenged, self.authenticated = False, code == 235

    @precondition(lambda self: self.content)
    @rule(content=clean_contents, accept=accepts)
    def send_content(self, content: bytes, accept: bool) -> None:
        event, code = self.say(stuffed(content), accept)
        assert event == ContentEnd(content)
        assert code == (250 if accept else 451)
        self.forget()

    @invariant()
    def the_model_agrees(self) -> None:
        assert self.server.in_transaction == (self.reverse_path or self.content)
        assert self.server.authenticated == self.authenticated
        if self.content or self.chunked:
            assert self.server.phase.words == "reading body"
        elif self.reverse_path:
            assert self.server.phase.words == "awaiting rcptto"


STEPS = int(os.environ.get("MOMENTUM_SESSION_STEPS", "1800"))
"""At most: of the sessions that are tried, all together."""
STEPS_OF_ONE = 30
STEPS_AT_ONCE = 20_000
"""What is tried at a stretch is all remembered: a million steps would take gigabytes."""


@pytest.mark.parametrize("steps", [min(STEPS_AT_ONCE, STEPS - done) for done in range(0, STEPS, STEPS_AT_ONCE)])
def test_a_conversation_is_what_the_model_says(steps: int) -> None:
    sessions = settings(max_examples=steps // STEPS_OF_ONE, stateful_step_count=STEPS_OF_ONE, deadline=None)
    run_state_machine_as_test(Conversation, settings=sessions)
