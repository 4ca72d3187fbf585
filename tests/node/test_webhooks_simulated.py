"""Webhooks of a whole node: a server that fails, hangs and restarts is told all, in order; addresses are judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from hook_receiver import Receiver
from simulated_host import CONTROL, Site, console

from momentum_trio.mail.record import Panic
from momentum_trio.net.netblock import parse_address
from momentum_trio.net.reach import is_public
from sim.certificates import AUTHORITY, HERE, install
from sim.host import Host
from sim.tls import TRUSTED

SECRET = "s3cret-canary-of-a-mine"
HOOKS, NS = "10.0.0.90", "10.0.0.53"
ZONE = f"""
$ORIGIN mx.example.com.
$TTL 300
hooks     A   {HOOKS}
inside    A   127.0.0.1
metadata  A   169.254.169.254
"""
CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
"""
HOOK = """
webhook "crm" {{
  URL = "{}"
  Signing_Secret = ( "a-new-one-that-is-not-known-yet" "{}" )
  Events = ( {} )
  Networks = ( 10.0.0.0/8 )
  Timeout = 20
  Batch_Size = 5
  Retry_Interval_Max = 5
}}
"""
OURS = "https://hooks.mx.example.com/in?tenant=7"
ENVELOPE = ("EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>", "DATA")
Story = Callable[[], Awaitable[None]]


class Hooked:
    """A node with a webhook, its receiver on another host, and DNS."""

    def __init__(self, seed: int = 1) -> None:
        self.site, self.receiver = Site(seed), Receiver(SECRET)
        self.hooks, self.ns = self.site.world.host("hooks", HOOKS), self.site.world.host("ns", NS)
        self.site.mx.nameservers = [NS]
        for host in (self.site.mx, self.hooks):
            equip(host)

    def run(self, story: Story, url: str = OURS, events: str = "reception") -> None:
        async def main(site: Site) -> None:
            await story()

        async def drive() -> None:
            await self.site.world.nameserver(self.ns, ZONE)
            await self.listen()
            await self.site.configure(CONFIG + HOOK.format(url, SECRET, events))
            await self.site.boot()
            await main(self.site)

        self.site.world.run(drive)

    async def listen(self) -> None:
        await self.hooks.start(self.receiver.serve, 443, tls=True)

    async def send(self, count: int = 1) -> list[str]:
        """The batch ids in the replies to *count* messages."""
        ids = []
        for _ in range(count):
            reply = (await self.site.talk(*ENVELOPE, "Subject: x\r\n\r\nx\r\n."))[-1]
            assert reply.startswith("250")
            ids.append(reply.split()[-1])
        return ids

    async def told(self, count: int, seconds: float = 900) -> None:
        """Wait until *count* receptions were told."""
        await self.site.world.until(lambda: len(self.receiver.of_type("reception")) >= count, seconds)

    def panics(self) -> list[str]:
        panics = (record for _, record in self.site.world.records if isinstance(record, Panic))
        return [panic.text for panic in panics if "webhook" in panic.text]


def equip(host: Host) -> None:
    install(host.store)
    host.store.put(TRUSTED, (HERE / AUTHORITY).read_bytes(), 0o644)


def in_order(events: list[dict[str, Any]]) -> bool:
    """Whether cursors grow within each life, and no life comes again."""
    cursors = [(life, int(number)) for life, _, number in (event["cursor"].partition("-") for event in events)]
    lives = list(dict.fromkeys(life for life, _ in cursors))
    return cursors == sorted(set(cursors), key=lambda cursor: (lives.index(cursor[0]), cursor[1]))


def test_a_server_is_told_in_signed_batches() -> None:
    hooked = Hooked()

    async def story() -> None:
        ids = await hooked.send(7)
        await hooked.told(7)
        assert [event["batch_id"] for event in hooked.receiver.events] == ids
        body = next(iter(hooked.receiver.taken.values()))
        assert (body["webhook"], body["first"]) == ("crm", 1)
        assert all(last - first < 5 for first, last in hooked.receiver.numbers())
        request = hooked.receiver.requests[0]
        assert request.target == b"/in?tenant=7"
        headers = dict(request.headers)
        assert (headers[b"host"], headers[b"content-type"]) == (b"hooks.mx.example.com", b"application/json")
        assert len(headers[b"webhook-signature"].split()) == 2

    hooked.run(story)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_and_order_is_kept_while_the_server_fails_hangs_and_restarts(seed: int) -> None:
    hooked = Hooked(seed)

    async def story() -> None:
        sent = []
        for mood in ("take", "500", "hang", "drop", "take", "301", "429", "drop", "hang"):
            hooked.receiver.mood = mood
            sent += await hooked.send(3)
            await trio.sleep(9)
        hooked.hooks.kill()
        sent += await hooked.send(2)
        await trio.sleep(30)
        hooked.receiver.mood = "take"
        await hooked.listen()
        await hooked.told(len(sent))
        assert [event["batch_id"] for event in hooked.receiver.events] == sent
        assert in_order(hooked.receiver.events)
        assert hooked.receiver.repeated
        firsts, lasts = zip(*hooked.receiver.numbers(), strict=True)
        assert firsts == (1, *(last + 1 for last in lasts[:-1]))
        said = hooked.panics()
        assert any("crm: it answers 500; " in line for line in said)
        assert sum("takes events again" in line for line in said) >= 1

    hooked.run(story)


@pytest.mark.parametrize("seed", range(3))
def test_the_node_loses_power_and_what_was_kept_is_told_once(seed: int) -> None:
    hooked = Hooked(seed)

    async def story() -> None:
        sent, kept = [], 0
        for mood in ("drop", "500", "take"):
            hooked.receiver.mood = mood
            sent += await hooked.send(3)
            kept = len(sent)
            await trio.sleep(3)
            hooked.site.mx.power_loss()
            await hooked.site.boot()
        sent += await hooked.send(1)
        await hooked.told(kept + 1)
        told = [event["batch_id"] for event in hooked.receiver.of_type("reception")]
        assert told == sent
        assert in_order(hooked.receiver.of_type("reception"))
        assert [event["reason"] for event in hooked.receiver.of_type("gap")] == ["stopped"] * 3

    hooked.run(story)


def test_a_node_that_ends_in_order_leaves_no_gap() -> None:
    hooked = Hooked()

    async def story() -> None:
        hooked.receiver.mood = "500"
        sent = await hooked.send(2)
        await hooked.site.life.stop(60)
        await hooked.site.boot()
        hooked.receiver.mood = "take"
        sent += await hooked.send(1)
        await hooked.told(3)
        assert [event.get("batch_id") for event in hooked.receiver.events] == sent

    hooked.run(story)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://inside.mx.example.com/", "inside.mx.example.com is at 127.0.0.1, which is not public"),
        ("https://metadata.mx.example.com/", "is at 169.254.169.254, which is not public"),
        ("https://192.168.0.7/", "192.168.0.7 is at 192.168.0.7, which is not public"),
        ("https://nowhere.mx.example.com/", "nowhere.mx.example.com has no address"),
        ("https://10.0.0.90/", "the certificate is not in that name"),
    ],
)
def test_where_a_webhook_may_not_be(url: str, why: str) -> None:
    hooked = Hooked()

    async def story() -> None:
        await hooked.send(1)
        await trio.sleep(5)
        assert hooked.receiver.taken == {}
        assert any(why in line for line in hooked.panics()), hooked.panics()

    hooked.run(story, url)


def test_a_webhook_on_this_host_needs_no_tls() -> None:
    hooked = Hooked()

    async def story() -> None:
        await hooked.site.mx.start(hooked.receiver.serve, 8080, tls=False)
        sent = await hooked.send(1)
        await hooked.told(1)
        assert [event["batch_id"] for event in hooked.receiver.events] == sent

    hooked.run(story, "http://127.0.0.1:8080/hook")


def test_reload_changes_whom_webhooks_tell() -> None:
    hooked = Hooked()

    async def reload(text: str) -> None:
        await hooked.site.configure(text)
        await hooked.site.mx.call(console, "config reload")

    async def story() -> None:
        hooked.receiver.mood = "500"
        sent = await hooked.send(1)
        await trio.sleep(60)
        hooked.receiver.mood = "take"
        await reload(CONFIG + HOOK.format(OURS + "&now=1", SECRET, "reception"))
        await hooked.told(1, 1)
        await reload(CONFIG)
        await hooked.send(1)
        await trio.sleep(5)
        await reload(CONFIG + HOOK.format(OURS, SECRET, "reception bounce"))
        sent += await hooked.send(1)
        await hooked.told(2)
        assert [event["batch_id"] for event in hooked.receiver.events] == sent
        refused = await hooked.site.mx.call(
            console, 'config set webhook crm URL "https://evil.example/"', may_fail=True
        )
        assert "in the configuration's files alone" in refused

    hooked.run(story)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("192.0.2.1", False),
        ("8.8.8.8", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:4700::1111", True),
        ("::1", False),
        ("::", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::", False),
    ],
)
def test_what_is_public(text: str, public: bool) -> None:
    assert is_public(parse_address(text)) is public
