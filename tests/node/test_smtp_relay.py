"""The whole node as a relay: a client, the mx with a Gateway, a sink that is this node too, all simulated."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from simulated_host import CONFIG_PATH, MX, Site, read_folder, read_reply, send_all, write_file

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Delivered, Failed
from momentum_trio.node.node import run_node
from sim.host import Life

SINK = "10.0.0.9"
RELAY = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Retry_Interval = 60
Domain "example.com" { Gateway = "sink" }
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
END = """
Hostname = "sink.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" { Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
MESSAGE = (
    b"Date: Sun, 22 Nov 2026 18:00:00 +0000\r\nMessage-ID: <1@client.example>\r\nFrom: <ann@client.example>\r\n"
    b"Subject: caf\xc3\xa9\r\n\r\n.\r\n..dots\r\n\r\n\xc3\xa9nd\r\n"
)
FIELD = rb"[^\n]*\n(?:[ \t][^\n]*\n)*"
TRACE = re.compile(rb"\AReturn-Path: <[^\n]*\nReceived: from " + FIELD + rb"Received: from " + FIELD)


class Chain(Site):
    """A site whose mx hands its mail on to a sink."""

    def __init__(self, seed: int = 1, **world: Any) -> None:
        super().__init__(seed, **world)
        self.sink = self.world.host("sink", SINK)
        self.sink_life: Life

    def relay(self, story: Callable[[], Awaitable[None]], config: str = RELAY) -> None:
        async def main() -> None:
            await self.configure(config)
            await self.sink.call(write_file, CONFIG_PATH, END.encode())
            self.sink_life = await self.sink.start(run_node, CONFIG_PATH)
            await self.boot()
            await story()
            await self.life.stop(60)
            await self.sink_life.stop(60)

        self.world.run(main)

    async def send(self, *local_parts: str, message: bytes = MESSAGE) -> None:
        await self.client.call(_send, [f"{name}@example.com" for name in local_parts], message)

    async def arrived(self, local_part: str) -> list[bytes]:
        return await self.sink.call(read_folder, f"/var/mail/example.com/{local_part}/new")

    def outcomes(self) -> list[Delivered | Failed]:
        """Of the mx's deliveries."""
        return [
            record
            for life, record in self.world.records
            if life.host is self.mx and isinstance(record, Delivered | Failed)
        ]


async def _send(machine: Machine, forward_paths: list[str], message: bytes) -> None:
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    lines = [b"EHLO client.example", b"MAIL FROM:<ann@client.example>"]
    lines += [b"RCPT TO:<%s>" % path.encode() for path in forward_paths]
    with trio.socket.socket() as socket:
        await socket.connect((MX, 25))
        await read_reply(socket)
        for line in (*lines, b"DATA", stuffed + b"."):
            await send_all(socket, line + b"\r\n")
            reply = await read_reply(socket)
            assert reply[0] in "23", reply


def test_mail_goes_from_the_client_to_the_sink_unchanged() -> None:
    chain = Chain(short=0.2)

    async def story() -> None:
        await chain.send("bob", "carol")
        await chain.world.until(lambda: len(chain.outcomes()) == 2, 60)
        await trio.sleep(1)
        for name in ("bob", "carol"):
            (file,) = await chain.arrived(name)
            assert TRACE.sub(b"", file) == MESSAGE.replace(b"\r\n", b"\n")

    chain.relay(story)
    assert [(type(r), r.routing_domain, r.peer_address) for r in chain.outcomes()] == [(Delivered, "sink", SINK)] * 2
