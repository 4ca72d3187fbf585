"""The same seed gives the same run, whatever the process; another seed gives another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from momentum_trio.machine import Machine
from sim import World

SMALL_WORLD = Path(__file__).with_name("small_world.py")
HASH_SEEDS = ("0", "1", "4711")


def digest(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    ran = subprocess.run(
        [sys.executable, SMALL_WORLD, str(seed)], env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout


def test_hash_seeds_change_nothing() -> None:
    digests = [digest(5, hash_seed) for hash_seed in HASH_SEEDS for _ in range(2)]
    assert digests[0].strip()
    assert len(set(digests)) == 1


def test_seeds_differ_and_repeat_within_a_process() -> None:
    def run(seed: int) -> str:
        from small_world import build  # beside this file; pytest puts its folder on the path

        return str(build(seed).digest())

    first = [run(seed) for seed in range(10)]
    again = [run(seed) for seed in reversed(range(10))]
    assert len(set(first)) == 10
    assert first == list(reversed(again))


@pytest.mark.parametrize("flag", [False, True])
def test_trios_own_state_is_put_back(flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing hypothesis sets the flag for the process: a run neither depends on it nor changes it."""
    monkeypatch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", flag)
    before = trio._core._run._r.getstate()

    async def race(machine: Machine) -> list[int]:
        order: list[int] = []

        async def append(number: int) -> None:
            await trio.lowlevel.checkpoint()
            order.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(append, number)
        return order

    def run() -> list[int]:
        world = World(3)
        return world.run(world.host("one", "10.0.0.1").call, race)

    assert run() == run() != list(range(30))
    assert trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING is flag
    assert trio._core._run._r.getstate() == before
