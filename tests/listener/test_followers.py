"""What those who follow events cost while nothing happens that they want, by count: a task each, octets, no work."""

from __future__ import annotations

import gc
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from http_host import HttpHost, http_host, http_machine
from test_http_socket import UPGRADE
from trio.testing import wait_all_tasks_blocked

from momentum_trio.events.hub import CALLS_MAX, Hub
from momentum_trio.mail.record import Level, Panic, SessionBegan

COUNT = 200
OCTETS_MAX = 16 * 1024
"""Of one, of what Python allocates."""
OTHERS = 1_000
QUERY = "/api/v1/events?cursor=&type=panic"
HEAD = "\r\n".join(f"{name.replace('_', '-')}: {value}" for name, value in UPGRADE.items())


class Tasks(trio.abc.Instrument):
    """Counts them. most: that lived at one time."""

    def __init__(self) -> None:
        self.begun, self.most = 0, 0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.begun += 1
        self.most = max(self.most, living())


def living() -> int:
    return trio.lowlevel.current_statistics().tasks_living


@asynccontextmanager
async def following() -> AsyncIterator[tuple[HttpHost, Hub]]:
    """A host that tells events."""
    async with http_host() as at, trio.open_nursery() as nursery:
        at.services.events = hub = Hub(http_machine(), kept=2 * OTHERS)
        nursery.start_soon(hub.run)
        yield at, hub
        nursery.cancel_scope.cancel()


async def follow(at: HttpHost, hub: Hub) -> socket.socket:
    """One more who is told of panics; a plain socket, so that all tasks are the host's."""
    client = socket.create_connection(("127.0.0.1", at.port))
    client.sendall(f"GET {QUERY} HTTP/1.1\r\nHost: 127.0.0.1\r\n{HEAD}\r\n\r\n".encode())
    client.setblocking(False)
    wanted = hub.followers + 1
    await at.until(lambda: hub.followers == wanted)
    return client


async def heard(client: socket.socket) -> bytes:
    await trio.lowlevel.wait_readable(client)
    return client.recv(65536)


async def test_who_is_told_nothing_is_one_task_and_no_work() -> None:
    async with following() as (at, hub):
        warm = await follow(at, hub)
        await wait_all_tasks_blocked()
        gc.collect()
        tracemalloc.start()
        try:
            before, began_with = tracemalloc.get_traced_memory()[0], living()
            clients = [await follow(at, hub) for _ in range(COUNT)]
            await wait_all_tasks_blocked()
            gc.collect()
            each = (tracemalloc.get_traced_memory()[0] - before) / COUNT
        finally:
            tracemalloc.stop()
        assert living() - began_with == COUNT
        assert each <= OCTETS_MAX

        tasks = Tasks()
        trio.lowlevel.add_instrument(tasks)
        for number in range(OTHERS):
            hub.take(SessionBegan(1.0, "HTTP", str(number), "127.0.0.1:2081", "127.0.0.1:1"))
        await trio.sleep(0.1)
        assert tasks.begun == 0

        for client in clients:
            await heard(client)  # the handshake, and that he has subscribed
        hub.take(Panic(2.0, Level.ERROR, "help"))
        for client in clients:
            assert (await heard(client)).count(b'"help"') == 1
        await at.until(lambda: living() == began_with + COUNT)
        assert tasks.most <= began_with + COUNT + 4 * CALLS_MAX
        for client in (warm, *clients):
            client.close()
