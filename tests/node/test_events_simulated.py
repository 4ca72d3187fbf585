"""A dashboard that follows a node: through a partition, a restart, too slow a reader; and a console beside it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
from simulated_host import CONTROL, MX, Site, console
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, WebSocketConnection, open_websocket_url

from momentum_trio.mail.record import Authorized, Level, Panic

CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Suspend_Delivery = true
Events_Kept = 100
ESMTP_Listener {{ Listen ":25" {{}} }}
HTTP_Listener {{
  Enable_Authorization = false
  Listen "127.0.0.1:80" {{}}
  Listen ":81" {{ Always_Allow = true }}
}}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
Authorization {{ Role "anonymous" {{ allow = ( "^events$" "^version" "^config (begin|set)" ) }} }}
"""
ENVELOPE = ("EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>", "DATA")
AWAY = (OSError, HandshakeError, ConnectionClosed, trio.TooSlowError)
Story = Callable[[Site], Awaitable[Any]]


@asynccontextmanager
async def socket(path: str, host: str = MX, port: int = 81) -> AsyncIterator[WebSocketConnection]:
    async with open_websocket_url(f"ws://{host}:{port}/api/v1/{path}") as connection:
        yield connection


async def heard(connection: WebSocketConnection) -> dict[str, Any]:
    with trio.fail_after(90):
        message: dict[str, Any] = json.loads(await connection.get_message())
    return message


async def closed(connection: WebSocketConnection) -> tuple[int, str]:
    """Read until it is closed: the code and the reason."""
    with suppress(ConnectionClosed):
        while True:
            await heard(connection)
    assert connection.closed is not None
    return connection.closed.code, connection.closed.reason or ""


async def say(connection: WebSocketConnection, **message: Any) -> None:
    await connection.send_message(json.dumps(message))


async def send(site: Site, count: int) -> list[str]:
    """The ids of *count* messages that were taken."""
    ids = []
    for _ in range(count):
        reply = (await site.talk(*ENVELOPE, "Subject: x\r\n\r\nx\r\n."))[-1]
        ids.append(reply.split()[-1])
    return ids


def run(story: Story, seed: int = 1, config: str = CONFIG) -> Any:
    return Site(seed).run(config, story)


class Dashboard:
    """Follows receptions, and comes again with its last cursor whenever it has lost the connection."""

    def __init__(self, query: str) -> None:
        self.query, self.cursor = query, ""
        self.events: list[dict[str, Any]] = []
        self.connections = 0

    async def follow(self, machine: object) -> None:
        while True:
            try:
                async with socket(f"events?{self.query}&cursor={self.cursor}") as connection:
                    self.connections += 1
                    while True:
                        self._take(await heard_or_away(connection))
            except AWAY:
                await trio.sleep(1)

    def _take(self, said: dict[str, Any]) -> None:
        assert said["type"] != "error", said
        self.cursor = said["cursor"]
        self.events += said.get("events", ())

    def ids(self) -> list[str]:
        return [event["message_id"] for event in self.events if event["type"] == "reception"]


async def heard_or_away(connection: WebSocketConnection) -> dict[str, Any]:
    """What is said next; TooSlowError where nothing is for so long that the other side may be gone."""
    with trio.fail_after(20):
        message: dict[str, Any] = json.loads(await connection.get_message())
    return message


@pytest.mark.parametrize("seed", range(2))
def test_a_dashboard_misses_nothing_through_a_partition_and_is_told_of_a_new_life(seed: int) -> None:
    async def story(site: Site) -> None:
        board, wall = Dashboard("type=reception"), site.world.host("wall", "10.0.0.99")
        await wall.boot(board.follow)
        await trio.sleep(2)
        sent = await send(site, 3)
        site.world.partition(wall, site.mx)
        sent += await send(site, 5)
        await trio.sleep(90)
        sent += await send(site, 2)
        site.world.heal(wall, site.mx)
        await site.world.until(lambda: board.ids() == sent, 120)
        assert board.connections >= 2
        assert [event["type"] for event in board.events] == ["reception"] * 10
        site.mx.kill()
        await site.boot()
        sent += await send(site, 1)
        await site.world.until(lambda: board.ids() == sent, 120)
        (gap,) = (event for event in board.events if event["type"] == "gap")
        assert (gap["reason"], gap["missing"]) == ("other_life", None)

    run(story, seed)


def test_subscribing_anew_takes_the_place_of_what_was() -> None:
    async def story(site: Site) -> None:
        async def client(machine: object) -> None:
            async with socket("events") as connection:
                await say(connection, type="subscribe", filter={"type": ["bounce"]})
                first = await heard(connection)
                assert first["type"] == "subscribed"
                (sent,) = await send(site, 1)
                await say(connection, type="ping", id="7")
                pong = await heard(connection)
                assert (pong["type"], pong["id"]) == ("pong", "7")
                await say(connection, type="subscribe", cursor=first["cursor"], filter={"message": [sent]})
                assert await heard(connection) == first
                told = await heard(connection)
                assert [event["type"] for event in told["events"]] == ["reception"]

        await site.client.call(client)

    run(story)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("events?type=receptions", "no events of type"),
        ("events?cursor=7", "expected a cursor"),
        ("events?colour=red", "no criterion"),
        ("events?peer=10.0.0.0/99", "prefix length"),
    ],
)
def test_what_means_nothing_is_said_and_the_next_try_counts(path: str, why: str) -> None:
    async def story(site: Site) -> None:
        async def client(machine: object) -> None:
            async with socket(path) as connection:
                said = await heard(connection)
                assert said["type"] == "error"
                assert why in said["message"]
                await say(connection, type="subscribe")
                assert (await heard(connection))["type"] == "subscribed"

        await site.client.call(client)

    run(story)


def test_who_only_talks_nonsense_is_hung_up_on() -> None:
    async def story(site: Site) -> None:
        async def client(machine: object) -> None:
            async with socket("events") as connection:
                for _ in range(11):
                    await connection.send_message("hello")
                assert await closed(connection) == (1008, "too many messages that say nothing")

        await site.client.call(client)

    run(story)


def test_who_reads_too_slowly_is_let_go_with_a_reason_and_others_are_not_kept() -> None:
    """The ring holds 100 events: a follower whose socket takes nothing is overtaken."""

    async def story(site: Site) -> None:
        told: list[dict[str, Any]] = []

        async def quick(machine: object) -> None:
            async with socket("events?type=panic") as connection:
                while True:
                    told.extend((await heard(connection)).get("events", ()))

        async def slow(machine: object) -> tuple[int, str]:
            async with socket("events?type=panic") as connection:
                await heard(connection)
                for number in range(1500):
                    site.life.machine.events.publish(Panic(float(number), Level.NOTICE, "x" * 4000))
                    if number % 10 == 0:
                        await trio.sleep(0.1)
                return await closed(connection)

        await site.client.boot(quick)
        code, reason = await site.client.call(slow)
        assert (code, reason[:5]) == (1013, "slow:")
        await site.world.until(lambda: len(told) == 1500, 10)
        assert [event["time"] for event in told] == [float(number) for number in range(1500)]

    run(story)


def test_roles_decide_and_a_role_that_is_taken_away_ends_it() -> None:
    async def story(site: Site) -> None:
        async def client(machine: object) -> None:
            async with socket("events?cursor=") as connection:
                await heard(connection)
                change = 'config set authorization role anonymous allow ( "^version" )'
                await site.mx.call(console, change)
                await send(site, 1)
                assert await closed(connection) == (1008, "you may not follow the events any more")
            with pytest.raises(ConnectionRejected) as refused:
                async with socket("events"):
                    pass
            assert refused.value.status_code == 403

        await site.client.call(client)

    run(story)


def test_a_console_has_roles_accounting_a_transaction_of_its_own_and_patience() -> None:
    async def story(site: Site) -> None:
        async def client(machine: object) -> None:
            async with socket("console") as connection:
                banner = await heard(connection)
                assert (banner["type"], banner["user"], banner["idle_seconds"]) == ("banner", "anonymous", 60.0)
                await say(connection, type="command", line="version", id="a")
                answer = await heard(connection)
                assert (answer["id"], answer["failed"], answer["text"][:9]) == ("a", False, "ecelerity")
                await say(connection, type="command", line="version", form="json")
                assert "version" in (await heard(connection))["data"]
                await say(connection, type="command", line="summary")
                answer = await heard(connection)
                assert (answer["failed"], answer["text"]) == (True, "Not Authorized for this command\n")
                await say(connection, type="complete", line="ver")
                assert (await heard(connection))["words"] == ["version"]
                await say(connection, type="command", line="config begin")
                assert not (await heard(connection))["failed"]
                await say(connection, type="command", line="config set outbound_smtp_auth_pass s3cret")
                assert (await heard(connection))["confidential"]
                await connection.send_message("version")
                assert (await heard(connection))["type"] == "error"
                assert await closed(connection) == (1000, "nothing was said for 60 seconds")

        await site.client.call(client)
        lines = [each for _, each in site.world.records if isinstance(each, Authorized)]
        assert [(each.command, each.accepted, each.role) for each in lines] == [
            ("version", True, "anonymous"),
            ("version", True, "anonymous"),
            ("summary", False, ""),
            ("config begin", True, "anonymous"),
            ("config set outbound_smtp_auth_pass ***", True, "anonymous"),
        ]
        assert {each.peer.rpartition(":")[0] for each in lines} == {"10.0.0.7"}
        assert {each.user for each in lines} == {"anonymous"}

    run(story)


def test_the_node_ends_and_says_so() -> None:
    async def story(site: Site) -> None:
        async def client(machine: object) -> None:
            async with socket("events?cursor=") as connection:
                await heard(connection)
                site.life.signal("SIGTERM")
                assert (await closed(connection))[0] == 1001

        await site.client.call(client)

    run(story)
