"""HTTP of a whole host in the simulated world: partitions, slow links, crashes, the end, and TLS that is not there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from simulated_host import CONTROL, MX, Site, console, send_all

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Requested, SessionEnded

CONFIG = f"""
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Control_Listener {{ Listen "{CONTROL}" {{ }} }}
HTTP_Listener {{
  Idle_Time = 60
  Always_Allow = true
  Enable_Authorization = false
  Listen ":2081" {{ }}
}}
ESMTP_Listener {{ Listen ":25" {{ }} }}
"""
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.25\r\n\r\n"
READY = b"GET /readyz HTTP/1.1\r\nHost: 10.0.0.25\r\n\r\n"
UPLOAD = b"POST /healthz HTTP/1.1\r\nHost: 10.0.0.25\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000
SECONDS_MAX = 600


async def ask(machine: Machine, requests: Sequence[bytes], pause: float = 0.0) -> list[bytes]:
    """The answers to *requests*, one after the other on one connection; ends early where that ends."""
    answers = []
    with trio.fail_after(SECONDS_MAX), trio.socket.socket() as socket:
        await socket.connect((MX, 2081))
        for request in requests:
            try:
                await send_all(socket, request)
                answers.append(await _answer(socket))
            except OSError:
                break
            if not answers[-1]:
                break
            await trio.sleep(pause)
    return answers


async def _answer(socket: trio.socket.SocketType) -> bytes:
    octets = b""
    while b"\r\n\r\n" not in octets:
        if not (received := await socket.recv(65536)):
            return octets
        octets += received
    head, _, content = octets.partition(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(content) < length:
        content += await socket.recv(65536)
    return head.partition(b"\r\n")[0][9:12] + b" " + content


def test_a_partition_holds_an_answer_up_and_costs_nobody_the_connection() -> None:
    async def story(site: Site) -> tuple[list[bytes], float]:
        began = trio.current_time()
        site.world.partition(site.mx, site.client)
        answers: list[bytes] = []
        async with trio.open_nursery() as nursery:

            async def client() -> None:
                answers.extend(await site.client.call(ask, [ALIVE] * 3))

            nursery.start_soon(client)
            await trio.sleep(20)
            site.world.heal_all()
        return answers, trio.current_time() - began

    answers, seconds = Site().run(CONFIG, story)
    assert answers == [b"200 ok\n"] * 3
    assert seconds >= 20


def test_who_is_cut_off_is_let_go_after_the_idle_time() -> None:
    async def story(site: Site) -> list[str]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.client.call, ask, [ALIVE] * 2, 300.0)
            await trio.sleep(5)
            site.world.partition(site.mx, site.client)
            await trio.sleep(70)
            ended = [record.why for _, record in site.world.records if isinstance(record, SessionEnded)]
            nursery.cancel_scope.cancel()
        return ended

    assert Site().run(CONFIG, story) == ["idle"]


def test_a_slow_link_is_no_slow_client() -> None:
    """50 kB at 2 kB a second take 25 s; Idle_Time is for silence, and the answer to what nobody reads comes at once."""

    async def story(site: Site) -> list[bytes]:
        for path in site.world.link(site.client, site.mx):
            path.octets_per_second = 2_000
        return await site.client.call(ask, [UPLOAD, ALIVE])

    answers = Site().run(CONFIG, story)
    assert [answer[:3] for answer in answers] == [b"405", b"200"]


@pytest.mark.parametrize("count", [400])
def test_many_idle_connections_cost_nobody_else_anything(count: int) -> None:
    async def story(site: Site) -> tuple[list[bytes], int]:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(site.client.call, ask, [ALIVE[:20]])
            await trio.sleep(10)
            answers = await site.client.call(ask, [ALIVE] * 2)
            await trio.sleep(30)
            ended = sum(isinstance(record, SessionEnded) for _, record in site.world.records)
            nursery.cancel_scope.cancel()
        return answers, ended

    assert Site().run(CONFIG, story) == ([b"200 ok\n"] * 2, count + 1)  # HEAD_SECONDS are over for all of them


def test_readiness_follows_the_spool_and_the_drain() -> None:
    async def story(site: Site) -> list[bytes]:
        return await site.client.call(ask, [READY])

    assert Site().run(CONFIG, story) == [b'200 {"ready":true,"reasons":[]}']


def test_what_was_asked_is_recorded_and_seen_while_it_is_open() -> None:
    async def story(site: Site) -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.client.call, ask, [ALIVE, READY], 30.0)
            await trio.sleep(5)
            seen = await site.mx.call(console, "show inbound")
            nursery.cancel_scope.cancel()
        return seen

    site = Site()
    assert "[inbound/http] IPv4 10.0.0.7:" in site.run(CONFIG, story)
    recorded = [record for _, record in site.world.records if isinstance(record, Requested)]
    assert [(record.target, record.status, record.user) for record in recorded] == [("/healthz", 200, "")]


def test_tls_without_a_certificate_is_told_and_nothing_is_said_in_clear() -> None:
    async def story(site: Site) -> list[bytes]:
        return await site.client.call(ask, [ALIVE])

    assert Site().run(CONFIG.replace("Idle_Time = 60", "Use_SSL = true"), story) in ([], [b""])
