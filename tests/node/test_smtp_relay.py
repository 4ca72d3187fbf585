"""The whole node as a relay: a client, the mx with a Gateway, a sink that is this node too, all simulated."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from dkim_keys import pem, record, rsa, verifies
from simulated_host import CONFIG_PATH, MX, Site, read_folder, read_reply, send_all, write_file

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Delivered, Failed, Received, Record, SessionBegan
from momentum_trio.mail.stage import Stage
from momentum_trio.node.node import run_node
from sim.host import Life

SINK = "10.0.0.9"
SETTLE_SECONDS = 1  # for what the sink has taken to reach its Maildir
RELAY = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Retry_Interval = 60
Host_Failure_Retry = 30
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

    async def files(self, local_part: str) -> list[bytes]:
        """The messages in a mailbox of the sink, as they were before two hosts put their trace fields in front."""
        await trio.sleep(SETTLE_SECONDS)
        return [bare(file) for file in await self.sink.call(read_folder, f"/var/mail/example.com/{local_part}/new")]

    async def sleep_past_retries(self) -> None:
        await trio.sleep(400)

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


def bare(file: bytes) -> bytes:
    """What arrived, without the trace fields of two hosts."""
    return TRACE.sub(b"", file).replace(b"\n", b"\r\n")


def test_mail_goes_from_the_client_to_the_sink_unchanged() -> None:
    chain = Chain(short=0.2)

    async def story() -> None:
        await chain.send("bob", "carol")
        await chain.world.until(lambda: len(chain.outcomes()) == 2, 60)
        for name in ("bob", "carol"):
            assert await chain.files(name) == [MESSAGE]

    chain.relay(story)
    assert [(type(r), r.routing_domain, r.peer_address) for r in chain.outcomes()] == [(Delivered, "sink", SINK)] * 2
    sessions = [r for life, r in chain.world.records if life.host is chain.sink and isinstance(r, SessionBegan)]
    assert len([r for r in sessions if r.service == "SMTP"]) == 1


def test_what_the_sink_receives_carries_a_signature_that_verifies() -> None:
    chain = Chain(short=0.2)
    config = (
        RELAY
        + """
opendkim "one" {
  header_canon = relaxed
  body_canon = relaxed
  dkim_domain "client.example" { selector = "s" key = "/etc/dkim/%{d}.pem" }
}
"""
    )
    received: list[bytes] = []

    async def story() -> None:
        await chain.mx.call(write_file, "/etc/dkim/client.example.pem", pem(rsa(2048)))
        await chain.send("bob")
        await chain.world.until(lambda: len(chain.outcomes()) == 1, 60)
        await trio.sleep(SETTLE_SECONDS)
        received.extend(await chain.sink.call(read_folder, "/var/mail/example.com/bob/new"))

    chain.relay(story, config)
    (file,) = received
    message = file.replace(b"\n", b"\r\n")
    assert message.partition(b"DKIM-Signature:")[0].count(b"Received:") == 1  # the sink's own
    assert message.endswith(MESSAGE)
    assert verifies(message, {b"s._domainkey.client.example.": record(rsa(2048))})


def test_mail_waits_for_a_sink_that_is_down() -> None:
    chain = Chain()

    async def story() -> None:
        await chain.sink_life.stop(60)
        await chain.send("bob")
        await chain.world.until(lambda: len(chain.outcomes()) == 1, 60)
        chain.sink_life = await chain.sink.start(run_node, CONFIG_PATH)
        await chain.world.until(lambda: len(chain.outcomes()) == 2, 100)
        assert await chain.files("bob") == [MESSAGE]

    chain.relay(story, RELAY + "MX_Failures_To_Delay = 1")
    first, second = chain.outcomes()
    assert isinstance(first, Failed)
    assert (first.permanent, first.stage, first.octets, first.peer_address) == (False, 0, 0, SINK)
    assert isinstance(second, Delivered)
    assert second.retries == 1


def test_mail_the_sink_refuses_is_given_up() -> None:
    chain = Chain()

    async def story() -> None:
        await chain.client.call(_send, ["bob@other.example"], MESSAGE)
        await chain.world.until(lambda: len(chain.outcomes()) == 2, 60)
        await chain.sleep_past_retries()

    chain.relay(story, RELAY.replace('( "example.com" )', '( "example.com" "other.example" )') + 'Gateway = "sink"')
    refused, notice = chain.outcomes()
    assert (notice.forward_path, notice.reverse_path) == ("ann@client.example", "")
    assert isinstance(refused, Failed)
    assert (refused.permanent, refused.reason, refused.stage) == (True, "550 5.7.1 relaying denied", Stage.DURING_RCPT)


@pytest.mark.parametrize("cut_at_seconds", [0.3, 1.0, 2.0, 3.0, 3.2, 3.4])
def test_a_partition_while_it_travels_loses_nothing_and_repeats_nothing(cut_at_seconds: float) -> None:
    chain = Chain()
    large = MESSAGE + b"0123456789abcdef\r\n" * 20_000

    async def story() -> None:
        for path in chain.world.link(chain.mx, chain.sink):
            path.octets_per_second = 100_000
        await chain.send("bob", message=large)
        await trio.sleep(cut_at_seconds)
        for path in chain.world.link(chain.mx, chain.sink):
            path.blocked = True
        await trio.sleep(200)
        for path in chain.world.link(chain.mx, chain.sink):
            path.blocked = False
        await chain.world.until(lambda: any(isinstance(r, Delivered) for r in chain.outcomes()), 1000)
        await chain.sleep_past_retries()
        assert await chain.files("bob") == [large]

    chain.relay(story, RELAY + "Body_Timeout = 50")


def test_only_a_lost_reply_to_the_final_dot_makes_a_second_copy() -> None:
    """The sink has custody and says so, and nobody hears it: the one case in which a message is sent again."""
    chain = Chain()

    async def story() -> None:
        back = chain.world.link(chain.mx, chain.sink)[1]

        def lose_replies(record: Record) -> None:
            back.blocked = True

        chain.sink_life.machine.events.subscribe(lambda r: lose_replies(r) if isinstance(r, Received) else None)
        await chain.send("bob")
        await chain.world.until(lambda: len(chain.outcomes()) == 1, 100)
        assert await chain.files("bob") == [MESSAGE]
        chain.sink.kill()
        back.blocked = False
        chain.sink_life = await chain.sink.start(run_node, CONFIG_PATH)
        await chain.world.until(lambda: len(chain.outcomes()) == 2, 200)
        await chain.sleep_past_retries()
        assert await chain.files("bob") == [MESSAGE] * 2

    chain.relay(story, RELAY + "Body_Timeout = 50")
    lost, delivered = chain.outcomes()
    assert isinstance(lost, Failed)
    assert (lost.stage, lost.reason) == (Stage.READING_CONFIRMATION, "451 4.4.2 [internal] no BODY response")
    assert isinstance(delivered, Delivered)


@pytest.mark.parametrize("seed", range(3))
def test_a_crash_of_the_relay_loses_nothing(seed: int) -> None:
    chain = Chain(seed)
    names = [f"r{n}" for n in range(12)]

    async def story() -> None:
        for name in names:
            await chain.send(name)
        chain.mx.kill()
        await chain.boot()
        await trio.sleep(0.01 * seed)
        chain.mx.power_loss()
        await chain.boot()
        await chain.sleep_past_retries()
        for name in names:
            assert set(await chain.files(name)) == {MESSAGE}

    chain.relay(story)


def test_a_shutdown_waits_for_a_delivery_under_way() -> None:
    chain = Chain()
    large = MESSAGE + b"0123456789abcdef\r\n" * 20_000

    async def story() -> None:
        for path in chain.world.link(chain.mx, chain.sink):
            path.octets_per_second = 100_000
        await chain.send("bob", message=large)
        await trio.sleep(1)
        assert chain.outcomes() == []

    chain.relay(story)
    assert [type(outcome) for outcome in chain.outcomes()] == [Delivered]
