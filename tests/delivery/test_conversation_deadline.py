"""The deadline of a conversation that strikes as an answer comes: what was answered counts, and it was the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
import trio
from delivery_world import machine_with

from momentum_trio.delivery.hop import NOTHING_SET
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import Conversation
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.tls import TIMED_OUT, TlsDemand
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.machine.os_tls import OsTls
from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import ClientTerms, Transaction, Use, Verdict

ANSWERS = (
    b"220 x ESMTP\r\n",
    b"250-x\r\n250 PIPELINING\r\n",
    b"250 a\r\n250 b\r\n354 c\r\n",
    b"250 taken\r\n",
    b"221 bye\r\n",
)
GREETED, TAKEN = 2, 4
"""How many answers there are then."""

GO_AHEAD = (b"220 x ESMTP\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go ahead\r\n")


class Answers:
    """A wire over which *answers* come, one a read. strike: called before one of them, with how many came before."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = answers
        self.count, self.strike_before = 0, -1
        self.strike: Callable[[], None] = lambda: None
        self.said: list[bytes] = []

    async def send(self, octets: bytes | memoryview, /) -> int:
        self.said.append(bytes(octets))
        return len(octets)

    async def recv(self, octets_max: int, /) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.count == self.strike_before:
            self.strike()
        self.count += 1
        return self._answers[self.count - 1]

    async def recv_into(self, buffer: memoryview, /) -> int:
        raise AssertionError


def conversing(wire: Answers, socket: trio.socket.SocketType, tls: Use = Use.NO) -> Conversation:
    """A conversation over *wire*, which ends it at the answer that it strikes before."""
    conversation = Conversation(
        replace(machine_with()[0], tls=OsTls()),
        Deadlines(),
        socket,
        Place.at("x", "192.0.2.1", 25),
        Client(ClientTerms("a.example", tls=tls)),
        SmtpOptions.resolve(NOTHING_SET),
        TlsDemand(OutboundTlsOptions.resolve(NOTHING_SET), "x"),
        NOTHING_SET,
        wire,
    )
    wire.strike = conversation.deadline.expire
    return conversation


@pytest.mark.parametrize("struck_at", range(-1, len(ANSWERS)))
async def test_an_answer_as_the_deadline_strikes(struck_at: int) -> None:
    unused, wire = cast(Any, None), Answers(ANSWERS)
    wire.strike_before = struck_at
    content = OutgoingContent(unused, unused, None, NOTHING_SET, b"text\r\n")
    await content.inspect()
    verdicts: tuple[Verdict, ...] = ()
    with trio.socket.socket() as socket:
        conversation = conversing(wire, socket)
        with conversation.deadline:
            if await conversation.greet():
                verdicts = await conversation.make(Transaction("a@b", ("c@d",), content.octets), content)
                if conversation.ended is None:
                    await conversation.part()
        if conversation.deadline.fired:
            verdicts = await conversation.give_up()
    assert conversation.ended is not None
    assert wire.count == (len(ANSWERS) if struck_at < 0 else struck_at + 1)  # after it nothing more was heard
    assert [verdict.reply.positive for verdict in verdicts] == [wire.count >= TAKEN] * (wire.count > GREETED)


@pytest.mark.parametrize("tls", [Use.IF_AVAILABLE, Use.REQUIRED])
async def test_the_go_ahead_as_the_deadline_strikes(tls: Use) -> None:
    """There is no time left for a handshake: what is to go out waits, also where it might go in clear."""
    wire = Answers(GO_AHEAD)
    wire.strike_before = len(GO_AHEAD) - 1
    with trio.socket.socket() as socket:
        conversation = conversing(wire, socket, tls)
        with conversation.deadline:
            await conversation.greet()
        assert conversation.deadline.fired
        await conversation.give_up()
    assert conversation.ended is not None
    assert conversation.ended.verdict == Verdict(Reply.of(TIMED_OUT), Stage.HANDSHAKING_TLS)
    assert conversation.tls_failure is None
    assert wire.count == len(GO_AHEAD)
