"""Whatever a client says around AUTH and STARTTLS, cut anywhere, only who knows a secret is taken for somebody."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Server
from momentum_trio.protocol.sasl.in_clear import Claim, ClaimSide, claim_side
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, Challenge, Failed, Proved, ServerSide
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import Auth, AuthResponse, ContentEnd, Event, StartTls
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.strategies import dialogues
from momentum_trio.protocol.smtp.terms import Terms

IN_CLEAR: Final = Terms(
    host="mx.example",
    greeting=Reply.of("220 mx.example ESMTP"),
    extensions=("PIPELINING", "AUTH=CRAM-MD5", "AUTH CRAM-MD5", "STARTTLS"),
    mechanisms_in_tls=frozenset({"PLAIN", "LOGIN"}),
)
IN_TLS: Final = replace(
    IN_CLEAR,
    extensions=("PIPELINING", "AUTH CRAM-MD5 PLAIN LOGIN"),
    in_tls=True,
    mechanisms_in_tls=frozenset(),
)
USER, PASSWORD = "ann", "hunter2"
PLAIN: Final = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
NONCE: Final = "1"
KEYED: Final = base64.b64encode(f"{USER} {hmac.new(PASSWORD.encode(), b'<1@mx.example>', 'md5').hexdigest()}".encode())
PROOFS: Final = (PLAIN, KEYED, base64.b64encode(PASSWORD.encode()))
SEPARATOR: Final = b"\xff\xfe"


class Heard:
    """A shell that knows one user, and gives each flight of octets to the server as it is cut."""

    def __init__(self, terms: Terms, tls: Terms = IN_TLS) -> None:
        self.server = Server(terms)
        self.server.begin()
        self.tls = tls
        self.events: list[Event] = []
        self.octets = b""
        self._side: ClaimSide | ServerSide | None = None
        self._wants_tls = False

    def flight(self, pieces: Iterable[bytes]) -> None:
        """What is sent before TLS begins, where it is asked for."""
        server = self.server
        for piece in pieces:
            if server.closed or self._wants_tls:
                break
            server.receive(piece)
            while (event := server.next_event()) is not None:
                self.events.append(event)
                if event.needs_answer:
                    self._answer(event)
        self.octets += server.octets_to_send()
        if self._wants_tls:
            self._wants_tls = False
            server.secured(self.tls)

    @property
    def codes(self) -> list[int]:
        """Of the replies after the greeting."""
        return [int(line[:3]) for line in self.octets.split(b"\r\n")[1:-1] if line[3:4] == b" "]

    def _answer(self, event: Event) -> None:
        match event:
            case Auth():
                known = {USER: PASSWORD}
                cram = event.mechanism == CRAM_MD5
                self._side = CramMd5Server(known, "mx.example", NONCE) if cram else claim_side(event.mechanism)
                self._step(event.initial or b"")
            case AuthResponse():
                self._step(event.octets)
            case StartTls():
                self.server.answer()
                self._wants_tls = True
            case ContentEnd(fault=None):
                self.server.answer(replies.OK)
            case _:
                self.server.answer()

    def _step(self, response: bytes) -> None:
        match self._side.step(response) if self._side else Failed():
            case Challenge(octets):
                self.server.challenge(octets)
            case Claim(user, password) if (user, password) == (USER, PASSWORD):
                self.server.answer()
            case Proved():
                self.server.answer()
            case _:
                self.server.answer(replies.AUTH_FAILED)


def strategy() -> st.SearchStrategy[bytes]:
    """Flights, each as it would be protected or not."""
    commands = [b"EHLO a", b"RSET", b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH CRAM-MD5", b"AUTH PLAIN " + PLAIN]
    responses = [b"*", b"=", *PROOFS, base64.b64encode(b"ann"), b"AAA", b"AAAA", b"x" * 13_000]
    lines = st.sampled_from(commands) | st.sampled_from(responses)
    flight = st.lists(lines.map(lambda line: line + b"\r\n"), max_size=8).map(b"".join)
    return st.lists(flight | dialogues, min_size=1, max_size=3).map(SEPARATOR.join)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    for terms in (IN_CLEAR, IN_TLS):
        whole, pieces = Heard(terms), Heard(terms)
        for flight in octets.split(SEPARATOR):
            flight = flight.partition(b"STARTTLS")[0] + b"\r\nSTARTTLS\r\n"
            whole.flight([flight])
            pieces.flight([flight[at : at + 3] for at in range(0, len(flight), 3)])
        assert (whole.events, whole.octets) == (pieces.events, pieces.octets)
        assert not whole.server.authenticated or any(proof in octets for proof in PROOFS)
        if terms is IN_TLS:
            assert (235 not in whole.codes) or any(proof in octets for proof in PROOFS)
