"""The deadline of a conversation that strikes as an answer comes: what was answered counts, and it was the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import trio

from momentum_trio.delivery.hop import NOTHING_SET
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import Conversation
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import ClientTerms, Transaction, Verdict

ANSWERS = (
    b"220 x ESMTP\r\n",
    b"250-x\r\n250 PIPELINING\r\n",
    b"250 a\r\n250 b\r\n354 c\r\n",
    b"250 taken\r\n",
    b"221 bye\r\n",
)
GREETED, TAKEN = 2, 4
"""How many answers there are then."""


class Answers:
    """A wire over which *ANSWERS* come, one a read. strike: called before one of them, with how many came before."""

    def __init__(self) -> None:
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
        return ANSWERS[self.count - 1]

    async def recv_into(self, buffer: memoryview, /) -> int:
        raise AssertionError


@pytest.mark.parametrize("struck_at", range(-1, len(ANSWERS)))
async def test_an_answer_as_the_deadline_strikes(struck_at: int) -> None:
    unused, wire, options = cast(Any, None), Answers(), SmtpOptions.resolve(NOTHING_SET)
    socket = trio.socket.socket()
    content = OutgoingContent(unused, unused, None, NOTHING_SET, b"text\r\n")
    await content.inspect()
    conversation = Conversation(
        unused,
        Deadlines(),
        socket,
        Place.at("x", "192.0.2.1", 25),
        Client(ClientTerms("a.example")),
        options,
        unused,
        NOTHING_SET,
        wire,
    )
    wire.strike, wire.strike_before = conversation.deadline.expire, struck_at
    verdicts: tuple[Verdict, ...] = ()
    with socket, conversation.deadline:
        if await conversation.greet():
            verdicts = await conversation.make(Transaction("a@b", ("c@d",), content.octets), content)
            if conversation.ended is None:
                await conversation.part()
    if conversation.deadline.fired:
        verdicts = await conversation.give_up()
    assert conversation.ended is not None
    assert wire.count == (len(ANSWERS) if struck_at < 0 else struck_at + 1)  # after it nothing more was heard
    assert [verdict.reply.positive for verdict in verdicts] == [wire.count >= TAKEN] * (wire.count > GREETED)
