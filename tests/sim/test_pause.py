"""Paused processes, frozen machines and slow processors."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial
from itertools import pairwise

import pytest
import trio
from two_hosts import listen, run

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Append, Create, File
from sim import Deadlock, Livelock, World
from sim.life import Usage

IDLE_SECONDS = 5000.0


async def echo_server(machine: Machine) -> None:
    listener = await listen()
    async with trio.open_nursery() as nursery:
        while True:
            connection, _ = await listener.accept()
            nursery.start_soon(echo, connection)


async def echo(connection: trio.socket.SocketType) -> None:
    """Until the peer is done, gone, or silent: a reset that met a frozen machine is not sent again."""
    with connection, suppress(OSError), trio.move_on_after(IDLE_SECONDS):
        while octets := await connection.recv(1000):
            await connection.send(octets)


async def ask(machine: Machine, seconds: float = 1000.0) -> tuple[float, bytes]:
    """When the connection stood, and what came back."""
    with trio.fail_after(seconds):
        async with await trio.open_tcp_stream("mx", 25) as stream:
            connected = trio.current_time()
            await stream.send_all(b"hello")
            return connected, bytes(await stream.receive_some())


async def tick(machine: Machine, seen: list[float]) -> None:
    while True:
        seen.append(trio.current_time())
        await trio.sleep(1)


def test_a_paused_process_is_connected_to_and_answers_when_resumed() -> None:
    """SIGSTOP: the kernel takes the connection and the octets; the program does not."""

    async def main(world: World) -> None:
        life = await world.host("mx").boot(echo_server)
        await trio.sleep(1)
        life.pause()
        world.kernel.after(5, life.resume)
        connected, answer = await world.host("outside").call(ask)
        assert connected < 1.1
        assert answer == b"hello"
        assert 6 < trio.current_time() < 6.1

    run(main)


def test_a_frozen_machine_is_silent_and_goes_on_when_thawed() -> None:
    """Its kernel does not answer either: the SYN is sent again."""

    async def main(world: World) -> None:
        mx = world.host("mx")
        await mx.boot(echo_server)
        await trio.sleep(1)
        mx.freeze()
        world.kernel.after(5, mx.thaw)
        connected, answer = await world.host("outside").call(ask)
        assert connected == pytest.approx(8, abs=0.1)  # SYN at 1, 2, 4 and 8 s
        assert answer == b"hello"

    run(main)


def test_a_connection_outlives_a_freeze_of_its_server() -> None:
    async def client(machine: Machine) -> None:
        async with await trio.open_tcp_stream("mx", 25) as stream:
            world_of_test[0].host("mx").freeze()
            await stream.send_all(b"x" * 50_000)
            received = 0
            while received < 50_000:
                received += len(await stream.receive_some())

    async def main(world: World) -> None:
        world_of_test.append(world)
        mx = world.host("mx")
        await mx.boot(echo_server)
        world.kernel.after(20, mx.thaw)
        await world.host("outside").call(client)
        assert 20 < trio.current_time() < 50  # when the client's kernel tried again

    world_of_test: list[World] = []
    run(main)


def test_a_frozen_machines_kernel_does_not_lose_patience() -> None:
    """Octets that did not get through are tried again for 924 s of its own time, and it was frozen for 2,000 s."""

    async def client(machine: Machine) -> bytes:
        async with await trio.open_tcp_stream("mx", 25) as stream:
            await trio.sleep(1)
            await stream.send_all(b"hello")
            return bytes(await stream.receive_some())

    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        await mx.boot(echo_server)
        there, _ = world.link(outside, mx)
        world.kernel.after(0.5, setattr, there, "blocked", True)
        world.kernel.after(2, outside.freeze)
        world.kernel.after(2000, outside.thaw)
        world.kernel.after(2010, setattr, there, "blocked", False)
        assert await outside.call(client) == b"hello"
        assert 2010 < trio.current_time() < 2050

    run(main)


def test_timeouts_of_a_paused_process_expire_when_it_is_resumed() -> None:
    seen: list[float] = []

    async def patient(machine: Machine) -> None:
        with trio.move_on_after(2):
            await trio.sleep_forever()
        seen.append(trio.current_time())

    async def main(world: World) -> None:
        life = await world.host("mx").boot(patient)
        life.pause()
        await trio.sleep(10)
        assert seen == []
        life.resume()
        await life.wait()
        assert seen == [10.0]

    run(main)


@pytest.mark.parametrize("halt", ["pause", "freeze"])
@pytest.mark.parametrize("end", ["kill", "power_loss"])
def test_a_halted_life_can_be_ended(halt: str, end: str) -> None:
    """At once; but a signal reaches a frozen machine's processes when it thaws."""

    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.boot(echo_server)
        await trio.sleep(1)
        (life.pause if halt == "pause" else mx.freeze)()
        await trio.sleep(1)
        getattr(mx, end)()
        if halt == "freeze" and end == "kill":
            assert life.alive
            await trio.sleep(1)
            mx.thaw()
        await life.wait()
        assert not life.alive
        assert trio.current_time() == pytest.approx(3 if halt == "freeze" and end == "kill" else 2)
        assert not mx.frozen
        await mx.boot(echo_server)
        assert (await world.host("outside").call(ask))[1] == b"hello"

    run(main)


def test_the_call_of_a_halted_program_can_be_cancelled() -> None:
    async def main(world: World) -> None:
        mx = world.host("mx")
        for halt in (lambda: mx.lives[0].pause(), mx.freeze):
            world.kernel.after(1, halt)
            with trio.move_on_after(2) as scope:
                await mx.call(tick, [])
            assert scope.cancelled_caught
            assert mx.lives == []
            mx.heal()

    run(main)


def test_what_is_booted_on_a_frozen_machine_begins_when_it_thaws() -> None:
    seen: list[float] = []

    async def main(world: World) -> None:
        mx = world.host("mx")
        mx.freeze()
        await mx.boot(tick, seen)
        await trio.sleep(5)
        assert seen == []
        mx.thaw()
        await trio.sleep(0.5)
        assert seen == [5.0]

    run(main)


def test_signals_to_a_paused_process() -> None:
    got: dict[str, float] = {}

    async def receiver(machine: Machine) -> None:
        async with machine.process.signals("SIGHUP") as signals:
            async for name in signals:
                got[name] = trio.current_time()

    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.boot(receiver)
        await trio.sleep(1)
        life.signal("SIGSTOP")
        for _ in range(100):
            life.signal("SIGHUP")
        await trio.sleep(1)
        assert not got
        life.signal("SIGCONT")
        await trio.sleep(1)
        assert got == {"SIGHUP": 2.0}
        life.pause()
        life.signal("SIGTERM")  # nobody receives it: deadly, but not to one that does not run
        await trio.sleep(1)
        assert mx.lives == [life]
        life.resume()
        assert mx.lives == []
        other = await mx.boot(receiver)
        other.pause()
        other.signal("SIGKILL")
        assert mx.lives == []

    run(main)


def test_a_frozen_machines_clock_is_behind_when_it_thaws() -> None:
    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        await trio.sleep(10)
        mx.freeze()
        frozen_at = mx.wall()
        await trio.sleep(100)
        assert mx.wall() == frozen_at
        mx.thaw()
        await trio.sleep(1)
        assert outside.wall() - mx.wall() == pytest.approx(100)
        mx.step_clock(100)
        assert outside.wall() - mx.wall() == pytest.approx(0)
        mx.freeze()
        await trio.sleep(100)
        mx.thaw(clock_corrected=True)
        assert outside.wall() - mx.wall() == pytest.approx(0)
        mx.drift(1.5)
        assert outside.wall() - mx.wall() == pytest.approx(0)
        await trio.sleep(100)
        assert mx.wall() - outside.wall() == pytest.approx(50)

    run(main)


def test_the_disk_of_a_halted_life_waits_too() -> None:
    """SIGSTOP stops its worker threads as well."""

    async def write(machine: Machine) -> None:
        file = File("/var/f")
        await machine.disk.perform([Create(file)])
        while True:
            await machine.disk.perform([Append(file, [b"x"])])

    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.boot(write)
        await trio.sleep(1)
        life.pause()
        await trio.sleep(0.1)
        length = len(mx.store.octets("/var/f"))
        await trio.sleep(10)
        assert len(mx.store.octets("/var/f")) == length > 100
        life.resume()
        await trio.sleep(1)
        assert len(mx.store.octets("/var/f")) > length

    run(main)


def test_on_a_slow_processor_every_wake_is_late_within_the_bound() -> None:
    seen: list[float] = []

    async def main(world: World) -> None:
        mx = world.host("mx")
        mx.slow_cpu(0.2)
        life = await mx.boot(tick, seen)
        await trio.sleep(200)
        late = [after - before - 1 for before, after in pairwise(seen)]
        assert all(0 < one < 0.2 for one in late)
        assert 0.08 < sum(late) / len(late) < 0.12
        mx.slow_cpu(0)
        life.kill()
        seen.clear()
        await mx.boot(tick, seen)
        await trio.sleep(10)
        late = [after - before - 1 for before, after in pairwise(seen)]
        assert late == pytest.approx([0] * len(late), abs=1e-6)
        assert len(late) == 9

    run(main)


def test_faults_of_one_host_do_not_touch_another() -> None:
    seen: list[float] = []

    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        await outside.boot(tick, seen)
        mx.slow_cpu(1)
        await mx.boot(tick, [])
        await trio.sleep(5.5)
        mx.freeze()
        await trio.sleep(5)
        assert seen == pytest.approx(list(range(11)))

    run(main)


def test_verbs_said_twice_or_of_the_dead_do_nothing() -> None:
    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.boot(tick, [])
        verbs = (life.resume, mx.thaw, life.pause, life.pause, mx.freeze, mx.freeze, life.pause, mx.thaw, mx.thaw)
        for verb in verbs:
            verb()
        life.resume()
        life.resume()
        mx.power_loss()
        for verb in (life.pause, life.resume, life.kill, mx.freeze, mx.thaw, mx.kill, mx.heal):
            verb()

    world = run(main)
    kinds = [line.kind for line in world.trace]
    assert [kinds.count(kind) for kind in ("pause", "resume", "freeze", "thaw", "power-loss", "kill")] == [1] * 5 + [0]


def test_a_deadlock_says_who_is_paused() -> None:
    async def main(world: World) -> None:
        await world.host("outside").boot(echo_server)
        (await world.host("mx").boot(tick, [])).pause()
        await trio.sleep_forever()

    with pytest.raises(Deadlock, match=r"(?s)mx#1 \[mx#1, paused\] at") as caught:
        run(main)
    assert "outside#1 [outside#1] at" in str(caught.value)


def test_a_livelock_with_a_frozen_machine_says_so() -> None:
    async def spin(machine: Machine) -> None:
        while True:
            await trio.lowlevel.checkpoint()

    async def main(world: World) -> None:
        await world.host("mx").boot(tick, [])
        await trio.sleep(1)
        world.host("mx").freeze()
        await world.host("outside").call(spin)

    world = World(1, still_passes_max=500)
    world.host("mx", "10.0.0.1")
    world.host("outside", "10.0.0.2")
    with pytest.raises(Livelock, match=r"(?s)mx#1 \[mx#1, frozen\] at"):
        world.run(main, world)


def test_the_instrument_is_there_only_while_a_fault_is() -> None:
    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.boot(tick, [])
        with pytest.raises(KeyError):
            trio.lowlevel.remove_instrument(world.brake)
        life.pause()
        mx.slow_cpu(1)
        life.resume()
        await trio.sleep(1)
        mx.slow_cpu(0)
        with pytest.raises(KeyError):
            trio.lowlevel.remove_instrument(world.brake)
        life.pause()
        life.kill()
        with pytest.raises(KeyError):
            trio.lowlevel.remove_instrument(world.brake)

    run(main)


def test_a_storm_of_halts_is_the_same_twice_and_heals() -> None:
    """Drawn halts of both hosts under traffic; afterwards a request is answered and nothing is left over."""

    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        life = await mx.boot(echo_server)
        draws = random.Random(world.seed)

        async def traffic() -> None:
            while True:
                with trio.move_on_after(30):
                    with suppress(OSError, trio.BrokenResourceError, trio.TooSlowError):
                        await outside.call(ask, 20.0)
                await trio.sleep(0.3)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(traffic)
            for _ in range(60):
                host = draws.choice((mx, outside))
                verb = draws.choice((host.freeze, host.thaw, life.pause, life.resume, partial(host.slow_cpu, 0.01)))
                verb()
                await trio.sleep(draws.uniform(0, 5))
            mx.heal()
            outside.heal()
            nursery.cancel_scope.cancel()
        assert (await outside.call(ask))[1] == b"hello"
        await trio.sleep(IDLE_SECONDS)
        assert life.usage() == Usage(tasks=1, sockets=1, files=0)

    digests = [run(main, seed).digest() for seed in (1, 2, 1)]
    assert digests[0] == digests[2] != digests[1]
