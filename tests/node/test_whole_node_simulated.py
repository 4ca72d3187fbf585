"""The whole node, unchanged, in another world: mail through it, power cut under it, its sockets switched, its drain."""

from __future__ import annotations

import pytest
import trio
from simulated_host import CONTROL, MX, Site, console, read_reply

from momentum_trio.machine import Machine

CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
"""
SUSPENDED = CONFIG + "Suspend_Delivery = true\n"
MESSAGE = "From: <ann@client.example>\r\nSubject: {}\r\n\r\n..dots\r\nbody\r\n."


async def send(site: Site, subject: str) -> str:
    """Send one message to bob; the reply to its content."""
    envelope = ("EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>", "DATA")
    return (await site.talk(*envelope, MESSAGE.format(subject)))[-1]


async def arrived(site: Site, count: int, seconds: float = 60) -> list[bytes]:
    """The messages in bob's mailbox once there are *count*."""
    messages: list[bytes] = []
    with trio.fail_after(seconds):
        while len(messages) < count:
            await site.moment()
            messages = await site.mailbox("bob")
    return messages


def test_a_mail_goes_through() -> None:
    async def story(site: Site) -> list[bytes]:
        assert (await send(site, "one")).startswith("250 2.0.0 OK")
        return await arrived(site, 1)

    (message,) = Site().run(CONFIG, story)
    assert message.startswith(b"Return-Path: <ann@client.example>\nReceived: from ")
    assert message.endswith(b"\n\n.dots\nbody\n")


@pytest.mark.parametrize(
    ("more", "domain"),
    [
        (
            'Domain "mail.example.com" { Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }',
            "mail.example.com",
        ),
        ('Domain_For_Unqualified_Recipient_Addresses = "example.com"', "example.com"),
    ],
)
def test_a_bare_postmaster_is_delivered(more: str, domain: str) -> None:
    async def story(site: Site) -> list[bytes]:
        envelope = ("EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<POSTmaster>", "DATA")
        assert (await site.talk(*envelope, MESSAGE.format("help")))[-1].startswith("250 ")
        messages: list[bytes] = []
        with trio.fail_after(60):
            while not messages:
                await site.moment()
                messages = await site.mailbox("postmaster", domain)
        return messages

    (message,) = Site().run(CONFIG + more, story)
    assert b"Subject: help\n" in message


@pytest.mark.parametrize("seed", range(8))
def test_what_was_answered_250_outlives_a_power_cut(seed: int) -> None:
    """Delivery is suspended, so that the spool alone holds the message when the power goes."""

    async def story(site: Site) -> tuple[str, list[bytes]]:
        reply = await send(site, "one")
        site.mx.power_loss()
        await site.configure(CONFIG)
        await site.boot()
        return reply, await arrived(site, 1)

    reply, messages = Site(seed).run(SUSPENDED, story)
    assert reply.startswith("250")
    assert [b"Subject: one\n" in message for message in messages] == [True]


def test_a_listen_is_closed_at_once_and_its_sessions_go_on() -> None:
    async def story(site: Site) -> list[str]:
        async def client(machine: Machine) -> list[str]:
            with trio.socket.socket() as session:
                await session.connect((MX, 25))
                said = [await read_reply(session)]
                await site.mx.call(console, "config set esmtp_listener listen :25 enable false")
                with trio.socket.socket() as late, pytest.raises(ConnectionRefusedError):
                    await late.connect((MX, 25))
                await session.send(b"NOOP\r\n")
                said.append(await read_reply(session))
                await site.mx.call(console, "config set esmtp_listener listen :25 enable true")
                with trio.socket.socket() as late:
                    await late.connect((MX, 25))
                    said.append(await read_reply(late))
                return said

        return await site.client.call(client)

    assert [reply[:3] for reply in Site().run(CONFIG, story)] == ["220", "250", "220"]


def test_sigterm_lets_a_session_finish_its_message() -> None:
    async def story(site: Site) -> tuple[list[str], bool]:
        async def client(machine: Machine) -> list[str]:
            with trio.socket.socket() as session:
                await session.connect((MX, 25))
                said = [await read_reply(session)]
                lines = ("EHLO c.example", "MAIL FROM:<a@c.example>", "RCPT TO:<bob@example.com>", "DATA", MESSAGE)
                for line in lines:
                    if line == "DATA":
                        site.life.signal("SIGTERM")
                    await session.send(line.encode() + b"\r\n")
                    said.append(await read_reply(session))
                said.append(await read_reply(session))
                return said

        said = await site.client.call(client)
        with trio.move_on_after(120):
            await site.life.wait()
        return said, site.life.ended.is_set()

    said, ended = Site().run(CONFIG, story)
    assert [reply[:3] for reply in said] == ["220", "250", "250", "250", "354", "250", "421"]
    assert ended


def test_two_runs_of_one_seed_are_one_run() -> None:
    async def story(site: Site) -> str:
        await send(site, "one")
        await arrived(site, 1)
        return ""

    digests = set()
    for _ in range(2):
        site = Site(5, short=0.2)
        site.run(CONFIG, story)
        digests.add(site.world.digest())
    assert len(digests) == 1
