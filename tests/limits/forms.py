"""The forms of SharedState, each as nodes that share one; the conformance suite runs over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import trio
from redis_process import RedisProcess, redis_process

from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.local import LocalState
from momentum_trio.limits.redis import RedisState, RedisTerms
from momentum_trio.machine.os_machine import os_machine

NODES = 3


class Form(Protocol):
    """Opens nodes that share a state, and have done so for a while."""

    def __call__(self, folder: Path) -> AbstractAsyncContextManager[Sequence[SharedState]]: ...


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Sequence[SharedState]]:
    """One node."""
    yield [LocalState("n0")]


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[Sequence[SharedState]]:
    """Nodes at a real Redis."""
    async with redis_process(folder) as process, redis_nodes(process) as nodes:
        yield nodes


@asynccontextmanager
async def redis_nodes(process: RedisProcess, count: int = NODES) -> AsyncIterator[list[RedisState]]:
    """Nodes at *process*, which grants at once."""
    await let_it_be_old(process)
    machine = os_machine()
    async with trio.open_nursery() as nursery:
        nodes = [RedisState(machine, f"n{number}", RedisTerms(process.uri)) for number in range(count)]
        for node in nodes:
            await nursery.start(node.run)
        with trio.fail_after(5):
            while not all(len(node.members()) == count for node in nodes):
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


FORMS: dict[str, Form] = {"local": local, "redis": redis}
