"""The forms of SharedState, each as nodes that share one; the conformance suite runs over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import trio
import trio.testing
from agreed import Agreed
from redis_process import RedisProcess, redis_process

from momentum_trio.cluster.leases import LeasedState
from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.local import LocalState
from momentum_trio.limits.redis import RedisState, RedisTerms
from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.protocol.cluster.holding import LATE_SECONDS, OnFailure
from sim.redis_engine import run_redis
from sim.world import World

NODES = 3
Body: TypeAlias = Callable[[Sequence[SharedState]], Awaitable[None]]
Form: TypeAlias = Callable[[Path, Body], None]


def local(folder: Path, body: Body) -> None:
    """One node."""

    async def main() -> None:
        await body([LocalState("n0")])

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def redis(folder: Path, body: Body) -> None:
    """Nodes at a real Redis, in real time."""

    async def main() -> None:
        async with redis_process(folder) as process, redis_nodes(process) as nodes:
            await body(nodes)

    trio.run(main)


@asynccontextmanager
async def redis_nodes(process: RedisProcess, count: int = NODES) -> AsyncIterator[list[RedisState]]:
    """Nodes at *process*, which grants at once."""
    await let_it_be_old(process)
    machine = os_machine()
    async with trio.open_nursery() as nursery:
        nodes = [RedisState(machine, f"n{number}", RedisTerms(process.uri, timeout=1.0)) for number in range(count)]
        for node in nodes:
            await nursery.start(node.run)
        with trio.fail_after(5):
            while not all(len(node.members()) == count for node in nodes):  # noqa: ASYNC110  (what is waited for tells nobody)
                await trio.sleep(0.02)
        yield nodes
        nursery.cancel_scope.cancel()


async def let_it_be_old(process: RedisProcess) -> None:
    """As if it had run for long, so that it grants seats at once."""
    async with await trio.open_unix_socket(str(process.socket)) as stream:
        await stream.send_all(b"INFO server\r\n")
        text = b""
        while b"run_id:" not in text:
            text += await stream.receive_some(10_000)
        run = text.partition(b"run_id:")[2].split()[0]
        await stream.send_all(b"HSET {momentum}:engine run " + run + b" since 1\r\n")
        await stream.receive_some(10_000)


def redis_simulated(folder: Path, body: Body) -> None:
    """Nodes at the simulated Redis."""
    world = World(1)
    engine = world.host("redis", "10.0.0.9")
    hosts = [world.host(f"n{number}", f"10.0.0.{20 + number}") for number in range(NODES)]

    async def main() -> None:
        (await engine.start(run_redis, "10.0.0.9")).started.seem_old()
        nodes = [(await host.start(run_state)).started for host in hosts]
        await trio.sleep(2)
        await body(nodes)

    world.run(main)


async def run_state(
    machine: Machine,
    on_failure: OnFailure = OnFailure.LOCAL_SHARE,
    *,
    task_status: trio.TaskStatus[RedisState] = trio.TASK_STATUS_IGNORED,
) -> None:
    """A node's state at the simulated Redis. started: it."""
    state = RedisState(machine, machine.process.hostname, RedisTerms("redis://10.0.0.9:6379/0", on_failure))
    async with trio.open_nursery() as nursery:
        await nursery.start(state.run)
        task_status.started(state)


ORDER_SECONDS = 0.002


def cluster(folder: Path, body: Body) -> None:
    """Nodes over an agreed order, which takes a while for each step."""

    async def main() -> None:
        agreed = Agreed(*(f"n{number}" for number in range(NODES)))
        nodes = [LeasedState(os_machine(), name) for name in agreed.seats]
        async with trio.open_nursery() as nursery:
            for node in nodes:
                node.join(agreed[node.node])
                agreed[node.node].add(node)
                await nursery.start(node.run)
            nursery.start_soon(keep_order, agreed)
            await trio.sleep(2 * LATE_SECONDS)
            await body(nodes)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def keep_order(agreed: Agreed) -> None:
    """One step at a time for everybody, for ever."""
    while True:
        for name in agreed.seats:
            for _ in range(100):
                if not agreed.order(name):
                    break
        await trio.sleep(ORDER_SECONDS)
        for name in agreed.seats:
            while agreed.hear(name):
                pass


FORMS: dict[str, Form] = {"local": local, "cluster": cluster, "redis": redis, "redis, simulated": redis_simulated}
