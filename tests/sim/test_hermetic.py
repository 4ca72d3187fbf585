"""The guard: reaching for the real world is a failure nobody can hide."""

from __future__ import annotations

import os
import random
import secrets
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from os import urandom
from pathlib import Path
from time import sleep

import pytest
import trio

from momentum_trio.machine import Machine
from sim import World
from sim.hermetic import Escape


def connect_for_real() -> None:
    with socket.socket() as real:
        real.connect(("127.0.0.1", 9))


def bind_for_real() -> None:
    with socket.socket() as real:
        real.bind(("127.0.0.1", 0))


async def worker_thread() -> None:
    await trio.to_thread.run_sync(lambda: None)


ESCAPES: tuple[Callable[[], object], ...] = (
    connect_for_real,
    bind_for_real,
    lambda: Path("escaped").write_text("x"),
    lambda: os.open("escaped", os.O_CREAT | os.O_WRONLY),
    lambda: os.rename("escaped", "elsewhere"),
    lambda: subprocess.Popen(["true"]),
    lambda: os.system("true"),
    lambda: threading.Thread(target=print).start(),
    lambda: time.sleep(0),
    lambda: sleep(0),
    lambda: uuid.uuid1(),
    lambda: uuid.getnode(),
    lambda: os.kill(os.getpid(), 0),
    lambda: sqlite3.connect(":memory:"),
)


@pytest.mark.parametrize("reach", ESCAPES)
def test_an_escape_fails_the_run_even_if_swallowed(reach: Callable[[], object]) -> None:
    async def sinner(machine: Machine) -> None:
        try:
            reach()
        except BaseException:  # noqa: BLE001  as the worst of code would
            pass

    world = World(1)
    with pytest.raises(Escape, match="mx#1 reached for the real world"):
        world.run(world.host("mx", "10.0.0.1").call, sinner)
    assert not Path("escaped").exists()


def test_an_idle_worker_thread_is_an_escape_too() -> None:
    trio.run(worker_thread)  # leaves an idle one behind

    async def sinner(machine: Machine) -> None:
        await worker_thread()

    world = World(1)
    with pytest.raises(Escape, match="worker thread"):
        world.run(world.host("mx", "10.0.0.1").call, sinner)


DRAWS: tuple[Callable[[], object], ...] = (
    lambda: os.urandom(8),
    lambda: os.getrandom(8),
    lambda: urandom(8),
    lambda: ssl.RAND_bytes(8),
    lambda: secrets.token_hex(8),
    lambda: secrets.randbits(64),
    lambda: str(uuid.uuid4()),
    lambda: random.random(),
    lambda: random.Random().random(),
    lambda: random.SystemRandom().random(),
    lambda: random.seed() or random.random(),
)


@pytest.mark.parametrize("draw", DRAWS)
def test_the_standard_librarys_randomness_is_seeded_and_put_back(draw: Callable[[], object]) -> None:
    async def program(machine: Machine) -> list[object]:
        return [draw(), draw()]

    def run(seed: int) -> list[object]:
        world = World(seed)
        return world.run(world.host("mx", "10.0.0.1").call, program)

    state = random.getstate()
    first = run(1)
    assert first == run(1) != run(2)
    assert first[0] != first[1]
    assert random.getstate() == state
    assert os.urandom(16) != os.urandom(16)
    assert random.Random().random() != random.Random().random()


def test_the_standard_librarys_clocks_are_virtual_and_put_back() -> None:
    async def look(machine: Machine) -> None:
        begin = time.monotonic(), time.perf_counter(), time.time()
        await trio.sleep(1000)
        end = time.monotonic(), time.perf_counter(), time.time()
        assert [b - a for a, b in zip(begin, end, strict=True)] == pytest.approx([1000] * 3)
        assert time.gmtime()[:4] == (2026, 1, 1, 0)
        assert time.strftime("%Y", time.gmtime(0)) == "1970"

    before = time.time, time.monotonic, os.urandom
    world = World(1)
    world.run(world.host("mx", "10.0.0.1").call, look)
    assert before == (time.time, time.monotonic, os.urandom)


def test_the_hosts_name_is_the_simulated_ones_and_the_driver_has_none() -> None:
    async def name(machine: Machine) -> str:
        return socket.gethostname()

    async def main() -> None:
        assert await world.host("mx", "10.0.0.1").call(name) == "mx"
        socket.gethostname()

    world = World(1)
    with pytest.raises(Escape, match=r"no host .*: socket\.gethostname"):
        world.run(main)


def test_other_threads_are_left_alone() -> None:
    """Those of the test runner go on while a world runs."""
    begin, done = threading.Event(), threading.Event()
    seen: list[float] = []

    def other() -> None:
        begin.wait(5)
        seen.append(time.time())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    async def wait(machine: Machine) -> None:
        begin.set()
        done.wait(5)

    world = World(1, epoch=0.0)
    world.run(world.host("mx", "10.0.0.1").call, wait)
    thread.join()
    assert seen[0] > 1e9


def test_the_guard_ends_with_the_run(tmp_path: Path) -> None:
    world = World(1)

    async def nothing(machine: Machine) -> None:
        pass

    world.run(world.host("mx", "10.0.0.1").call, nothing)
    (tmp_path / "file").write_text("x")
    bind_for_real()
    assert not sys.dont_write_bytecode or "PYTHONDONTWRITEBYTECODE" in os.environ
