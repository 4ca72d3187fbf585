"""Mail that moves between two whole nodes: it is where it should be, once, with where it stood, whatever crashes."""

from __future__ import annotations

import trio
from two_nodes import Pair

from momentum_trio.mail.record import Received, Transferred


def test_mail_moves_and_is_delivered_there() -> None:
    async def story(pair: Pair) -> None:
        assert (await pair.send("bob@example.com", "eve@example.com")).startswith("250")
        answer = await pair.move("b")
        assert answer.data == {"moved": 2, "left": 0, "why": ""}, answer.text
        await trio.sleep(30)
        assert await pair.mailbox("a", "bob") == []
        (message,) = await pair.mailbox("b", "bob")
        assert b"Subject: one" in message
        x = [record for record in pair.records["a"] if isinstance(record, Transferred)]
        r = [record for record in pair.records["b"] if isinstance(record, Received)]
        assert [record.forward_path for record in x] == ["bob@example.com", "eve@example.com"]
        assert [(record.forward_path, record.protocol, record.peer_address) for record in r] == [
            ("bob@example.com", "xfer", "10.0.0.1"),
            ("eve@example.com", "xfer", "10.0.0.1"),
        ]
        assert {record.peer_address for record in x} == {"10.0.0.2"}

    Pair().run(story, suspended="a")
