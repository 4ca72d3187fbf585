"""Stopping a host and booting again what ran on it; what a life holds."""

from __future__ import annotations

import pytest
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, Create, File
from sim import ProcessDied, World
from sim.life import Usage


def test_a_reboot_boots_what_ran() -> None:
    booted: list[str] = []

    async def server(machine: Machine, port: int, *, name: str) -> None:
        booted.append(f"{name}:{port}")
        await trio.sleep_forever()

    async def other(machine: Machine, *, task_status: trio.TaskStatus[int]) -> None:
        booted.append("other")
        task_status.started(7)
        await trio.sleep_forever()

    async def main() -> None:
        mx = world.host("mx")
        assert await mx.reboot() == []
        for _ in range(2):
            life = await mx.boot(server, 25, name="smtp")
            await trio.sleep(1)
            life.kill()
        kept = await mx.boot(server, 80, name="http")
        await mx.start(other)
        booted.clear()
        assert [str(life) for life in await mx.reboot()] == ["mx#5"]
        await trio.sleep(1)
        assert booted == ["smtp:25"]
        mx.power_loss()
        booted.clear()
        lives = await mx.reboot()
        await trio.sleep(1)
        assert (sorted(booted), lives[-1].started) == (["http:80", "other", "smtp:25"], 7)
        assert kept not in mx.lives

    world = World(1)
    world.host("mx", "10.0.0.1")
    world.run(main)


def test_a_host_stops_all_its_lives_or_says_which_does_not() -> None:
    async def polite(machine: Machine, seconds: float) -> None:
        async with machine.process.signals("SIGTERM") as signals:
            await anext(signals)
            await trio.sleep(seconds)

    async def main() -> None:
        mx = world.host("mx")
        for seconds in (1, 3):
            await mx.boot(polite, seconds)
        await trio.sleep(1)
        await mx.stop(within_seconds=4)
        assert trio.current_time() == pytest.approx(4, abs=0.01)
        assert mx.lives == []
        await mx.stop(within_seconds=0)
        await mx.boot(polite, 1000)
        await trio.sleep(1)
        with pytest.raises(ProcessDied, match="mx#3 did not end"):
            await mx.stop(within_seconds=4)

    world = World(1)
    world.host("mx", "10.0.0.1")
    world.run(main)


def test_what_a_life_holds_is_counted() -> None:
    async def program(machine: Machine) -> None:
        files = [File("/var/a"), File("/var/b")]
        await machine.disk.perform([Create(file) for file in files])
        with trio.socket.socket():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 5)
                await trio.sleep(2)
                await machine.disk.perform([Close(files[0])])
        await trio.sleep(100)

    async def main() -> None:
        mx = world.host("mx")
        life = await mx.boot(program)
        other = await mx.boot(trio_only)
        await trio.sleep(1)
        assert life.usage() == Usage(tasks=2, sockets=1, files=2)
        assert other.usage() == Usage(tasks=1, sockets=0, files=0)
        await trio.sleep(5)
        assert life.usage() == Usage(tasks=1, sockets=0, files=1)
        life.kill()
        await life.wait()
        await trio.sleep(1)
        assert life.usage() == Usage(tasks=0, sockets=0, files=0)

    async def trio_only(machine: Machine) -> None:
        await trio.sleep_forever()

    world = World(1)
    world.host("mx", "10.0.0.1")
    world.run(main)
