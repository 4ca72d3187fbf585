"""Hosts, lives and the three ways to die."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
from two_hosts import listen, run

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Append, ChangeMode, Close, Create, File, Lock, Open, Rename, Stat, Sync, Write
from momentum_trio.mail.record import Level, Panic
from sim import Deadlock, Host, NoHost, ProcessDied, World
from sim.sockets.credentials import Credentials


async def echo_server(machine: Machine) -> None:
    listener = await listen()
    async with trio.open_nursery() as nursery:
        while True:
            connection, _ = await listener.accept()
            nursery.start_soon(echo, connection)


async def echo(connection: trio.socket.SocketType) -> None:
    with connection:
        while octets := await connection.recv(1000):
            await connection.send(octets)


async def ask(machine: Machine, name: str = "mx") -> bytes:
    async with await trio.open_tcp_stream(name, 25) as stream:
        await stream.send_all(b"hello")
        return bytes(await stream.receive_some())


def test_boot_and_call() -> None:
    async def main(world: World) -> None:
        await world.host("mx").boot(echo_server)
        assert await world.host("outside").call(ask) == b"hello"
        assert trio.current_time() > 0

    run(main)


def test_start_waits_for_the_program_and_keeps_its_value() -> None:
    async def server(machine: Machine, port: int, *, task_status: trio.TaskStatus[int]) -> None:
        await trio.sleep(3)
        listener = await listen(port)
        task_status.started(listener.getsockname()[1])
        await trio.sleep_forever()

    async def main(world: World) -> None:
        life = await world.host("mx").start(server, 2525)
        assert life.started == 2525
        assert trio.current_time() == pytest.approx(3, abs=0.01)

    run(main)


def test_what_a_starting_program_raises_comes_to_the_caller() -> None:
    async def server(machine: Machine, *, task_status: trio.TaskStatus[int]) -> None:
        raise LookupError("no configuration")

    async def main(world: World) -> None:
        with pytest.raises(LookupError):
            await world.host("mx").start(server)

    run(main)


def test_a_process_that_dies_is_a_finding() -> None:
    async def crash(machine: Machine) -> None:
        await trio.sleep(1)
        raise ZeroDivisionError

    async def main(world: World) -> None:
        await world.host("mx").boot(crash)
        await trio.sleep(10)

    with pytest.raises(ProcessDied, match="mx#1 died of ZeroDivisionError") as caught:
        run(main)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_a_called_program_raises_comes_to_the_caller() -> None:
    async def fail(machine: Machine) -> None:
        raise LookupError("x")

    async def main(world: World) -> None:
        with pytest.raises(LookupError):
            await world.host("mx").call(fail)

    run(main)


def test_the_drivers_own_error_comes_out_bare() -> None:
    async def main(world: World) -> None:
        await world.host("mx").boot(echo_server)
        raise LookupError("the driver's")

    with pytest.raises(LookupError, match="the driver's"):
        run(main)


def test_no_host_no_network() -> None:
    async def main(world: World) -> None:
        with pytest.raises(NoHost):
            trio.socket.socket()

    run(main)


def test_kill_closes_at_once_and_the_dead_are_inert() -> None:
    """A shielded farewell in a finally block reaches nobody, writes nothing, publishes nothing."""
    said: list[str] = []

    async def server(machine: Machine) -> None:
        connection, _ = await (await listen()).accept()
        file = File("/var/log")
        await machine.disk.perform([Create(file), Lock(file)])
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                machine.events.publish(Panic(0.0, Level.ERROR, "farewell"))
                with pytest.raises(OSError, match=r"Bad file"):
                    await connection.send(b"farewell")
                with pytest.raises(OSError, match=r"Bad file"):
                    trio.socket.socket()
                said.append("tried")
                await machine.disk.perform([Append(file, [b"farewell"])])

    async def wait_for_the_end(machine: Machine) -> bytes:
        async with await trio.open_tcp_stream("mx", 25) as stream:
            return bytes(await stream.receive_some())

    async def main(world: World) -> None:
        life = await world.host("mx").boot(server)
        async with trio.open_nursery() as nursery:

            async def client() -> None:
                assert await world.host("outside").call(wait_for_the_end) == b""
                said.append("end")

            nursery.start_soon(client)
            await trio.sleep(1)
            life.kill()
            await world.host("mx").boot(reopen)
        await life.wait()
        assert world.host("mx").store.octets("/var/log") == b""
        assert not world.records

    async def reopen(machine: Machine) -> None:
        file = File("/var/log")
        await machine.disk.perform([Open(file, writable=True), Lock(file), Close(file)])  # the dead hold no lock
        (await listen()).close()

    run(main)
    assert sorted(said) == ["end", "tried"]


def test_power_loss_is_silent_and_forgets_what_was_not_synced() -> None:
    outcome: list[object] = []

    async def server(machine: Machine) -> None:
        synced, loose = File("/var/synced"), File("/var/loose")
        await machine.disk.perform([Create(synced), Write(synced, 0, [b"kept"]), Sync(synced)])
        await machine.disk.perform([Create(loose), Write(loose, 0, [b"lost"])])
        await echo_server(machine)

    async def client(machine: Machine) -> None:
        async with await trio.open_tcp_stream("mx", 25) as stream:
            await stream.send_all(b"one")
            await stream.receive_some()
            with trio.move_on_after(30) as scope:
                await stream.receive_some()
            outcome.append(scope.cancelled_caught)  # silence: no FIN, no RST
            await stream.send_all(b"two")
            began = trio.current_time()
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()  # answered with RST once the host is up again
            outcome.append(trio.current_time() - began > 50)

    async def main(world: World) -> None:
        mx = world.host("mx")
        await mx.boot(server)
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.host("outside").call, client)
            await trio.sleep(10)
            mx.power_loss()
            await trio.sleep(90)
            await mx.boot(echo_server)

    run(main)
    assert outcome == [True, True]


def test_sending_to_a_host_that_stays_down_times_out() -> None:
    async def client(machine: Machine) -> float:
        stream = await trio.open_tcp_stream("mx", 25)
        await trio.sleep(1)
        await stream.send_all(b"anybody?")
        began = trio.current_time()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.receive_some()
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.ETIMEDOUT
        return trio.current_time() - began

    async def connect(machine: Machine) -> float:
        began = trio.current_time()
        with trio.socket.socket() as one, pytest.raises(TimeoutError):
            await one.connect(("10.0.0.1", 25))
        return trio.current_time() - began

    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        await mx.boot(echo_server)
        world.kernel.after(0.5, mx.power_loss)
        assert 900 < await outside.call(client) < 1200
        assert await outside.call(connect) == pytest.approx(127, abs=1)

    run(main)


def test_a_partition_stalls_and_heals() -> None:
    async def client(machine: Machine) -> float:
        async with await trio.open_tcp_stream("mx", 25) as stream:
            await trio.sleep(1)
            began = trio.current_time()
            await stream.send_all(b"x" * 10_000)
            received = 0
            while received < 10_000:
                received += len(await stream.receive_some())
            return trio.current_time() - began

    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        await mx.boot(echo_server)
        there, _ = world.link(outside, mx)
        there.blocked = False
        world.kernel.after(0.5, setattr, there, "blocked", True)
        world.kernel.after(6, setattr, there, "blocked", False)
        assert 5 < await outside.call(client) < 15

    run(main)


def test_signals_and_stop() -> None:
    async def polite(machine: Machine) -> None:
        async with machine.process.signals("SIGTERM", "SIGHUP") as signals:
            async for name in signals:
                if name == "SIGTERM":
                    await trio.sleep(2)
                    return

    async def deaf(machine: Machine) -> None:
        async with machine.process.signals("SIGTERM"):
            await trio.sleep_forever()

    async def plain(machine: Machine) -> None:
        await trio.sleep_forever()

    async def main(world: World) -> None:
        lives = [await world.host("mx").boot(program) for program in (polite, plain, deaf)]
        await trio.sleep(1)
        lives[0].signal("SIGHUP")
        await lives[0].stop(within_seconds=3)
        await lives[1].stop(within_seconds=0.1)
        assert [life.alive for life in lives] == [False, False, True]
        with pytest.raises(ProcessDied, match="SIGTERM"):
            await lives[2].stop(within_seconds=3)

    run(main)


def test_descriptors_run_out() -> None:
    async def hoard(machine: Machine) -> None:
        assert machine.process.raise_descriptors_max(0) == machine.process.descriptors_max()
        kept = []
        for _ in range(machine.process.descriptors_max() - 3):
            kept.append(trio.socket.socket())  # noqa: PERF401  the last one is the last that works
        with pytest.raises(OSError, match="Too many open files") as caught:
            trio.socket.socket()
        assert caught.value.errno == errno.EMFILE
        numbers = [kept[place].fileno() for place in (5, 9, 700)]
        for place in (700, 5, 9):
            kept[place].close()
            kept[place].close()  # gives nothing back a second time
        again = [trio.socket.socket() for _ in numbers]
        assert [socket.fileno() for socket in again] == numbers  # the lowest first
        with pytest.raises(OSError, match="Too many open files"):
            trio.socket.socket()

    async def main(world: World) -> None:
        await world.host("mx").call(hoard)

    run(main)


def test_accept_without_descriptors_leaves_the_connection_queued() -> None:
    async def server(machine: Machine) -> None:
        listener = await listen()
        kept = [trio.socket.socket() for _ in range(machine.process.descriptors_max() - 4)]
        with pytest.raises(OSError, match="Too many open files"):
            await listener.accept()
        kept.pop().close()
        (await listener.accept())[0].close()

    async def main(world: World) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.host("mx").call, server)
            await trio.sleep(0.1)
            with pytest.raises(trio.BrokenResourceError):
                await world.host("outside").call(ask)  # closed with unread octets

    run(main)


def test_wall_clocks_differ_between_hosts() -> None:
    async def now(machine: Machine) -> tuple[float, float]:
        import time

        return machine.clock.now(), time.time()  # the standard library agrees, for libraries that ask it

    async def main(world: World) -> None:
        mx, outside = world.host("mx"), world.host("outside")
        mx.skew_seconds, mx.clock_rate = -40.0, 1.5
        await trio.sleep(10)
        assert await mx.call(now) == pytest.approx((world.epoch - 25, world.epoch - 25))
        assert await outside.call(now) == pytest.approx((world.epoch + 10, world.epoch + 10))

    run(main)


def test_entropy_differs_between_lives_and_repeats_with_the_seed() -> None:
    drawn: list[tuple[bytes, float]] = []

    async def draw(machine: Machine) -> None:
        drawn.append((machine.entropy.octets(8), machine.entropy.fraction()))

    async def main(world: World) -> None:
        await world.host("mx").call(draw)
        await world.host("mx").call(draw)
        await world.host("outside").call(draw)

    run(main)
    run(main)
    assert drawn[:3] == drawn[3:]
    assert len(set(drawn)) == 3


async def unix_listener(path: str) -> trio.socket.SocketType:
    bound = trio.socket.socket(socket.AF_UNIX)
    await bound.bind(path)
    bound.listen(5)
    return bound


def test_a_unix_name_is_a_file() -> None:
    """The umask and chmod decide who may connect, rename moves the name, an ended process leaves it behind."""

    async def server(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        with machine.process.umask(0o077):
            await unix_listener("/run/control.new")
        facts = await machine.disk.perform([Stat("/run/control.new"), Rename("/run/control.new", "/run/control")])
        assert facts[0].mode == 0o700
        task_status.started()
        await trio.sleep(5)
        await machine.disk.perform([ChangeMode("/run/control", 0o666)])
        await trio.sleep_forever()

    async def connect(machine: Machine, uid: int, path: str = "/run/control") -> str:
        life = machine.process._life  # type: ignore[attr-defined]
        life.credentials = Credentials(machine.process.pid, uid, uid)
        with trio.socket.socket(socket.AF_UNIX) as client:
            try:
                await client.connect(path)
            except OSError as error:
                return errno.errorcode[error.errno or 0]
            return "connected"

    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.start(server)
        assert await mx.call(connect, 1000) == "EACCES"
        assert await mx.call(connect, 0) == "connected"
        assert await mx.call(connect, 0, "/run/control.new") == "ENOENT"
        await trio.sleep(6)
        assert await mx.call(connect, 1000) == "connected"
        life.kill()
        assert await mx.call(connect, 0) == "ECONNREFUSED"

    run(main)


def test_peer_credentials_are_the_other_lifes() -> None:
    async def server(machine: Machine, *, task_status: trio.TaskStatus[int]) -> None:
        listener = await unix_listener("/run/s")
        task_status.started(machine.process.pid)
        connection, _ = await listener.accept()
        await connection.send(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        await trio.sleep_forever()

    async def client(machine: Machine) -> tuple[int, bytes, bytes]:
        async with await trio.open_unix_socket("/run/s") as stream:
            peer = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return machine.process.pid, peer, bytes(await stream.receive_some())

    async def main(world: World) -> None:
        mx = world.host("mx")
        life = await mx.start(server)
        pid, server_seen, client_seen = await mx.call(client)
        assert server_seen == Credentials(life.started, 0, 0).packed()
        assert client_seen == Credentials(pid, 0, 0).packed()
        assert life.started != pid

    run(main)


def test_the_power_may_fail_inside_a_list_of_steps() -> None:
    async def writer(machine: Machine) -> None:
        file = File("/var/f")
        await machine.disk.perform([Create(file), Write(file, 0, [b"x"]), Sync(file)])
        raise AssertionError("the power failed before this")

    async def main(world: World) -> None:
        mx = world.host("mx")
        mx.store.cut_after = 2
        life = await mx.boot(writer)
        await world.until(lambda: not life.alive, within_seconds=5)
        assert not mx.up

    run(main)


def test_deadlock_names_the_lives() -> None:
    async def main(world: World) -> None:
        await world.host("mx").boot(echo_server)
        await trio.sleep_forever()

    with pytest.raises(Deadlock, match=r"mx#1 \[mx#1\] at"):
        run(main)


def test_names_resolve_to_hosts() -> None:
    async def look(machine: Machine) -> list[object]:
        results: list[object] = [
            [entry[4] for entry in await trio.socket.getaddrinfo(*question)]
            for question in (("MX", 25), ("localhost", "smtp"), ("v6.example.", 25, socket.AF_INET6))
        ]
        with pytest.raises(socket.gaierror):
            await trio.socket.getaddrinfo("nobody.example", 25)
        results.append(await trio.socket.getnameinfo(("10.0.0.2", 25), 0))
        return results

    async def main(world: World) -> None:
        host: Host = world.host("v6.example", "fd00::6", "10.0.0.6")
        assert await host.call(look) == [
            [("10.0.0.1", 25)],
            [("127.0.0.1", 25), ("::1", 25, 0, 0)],
            [("fd00::6", 25, 0, 0)],
            ("outside", "25"),
        ]

    run(main)


def test_unknown_addresses_fail_as_on_a_real_link() -> None:
    async def connect(machine: Machine, family: int, address: str) -> tuple[str, float]:
        began = trio.current_time()
        with trio.socket.socket(family) as one:
            try:
                await one.connect((address, 25))
            except OSError as error:
                return errno.errorcode[error.errno or 0], trio.current_time() - began
        return "connected", 0

    async def main(world: World) -> None:
        mx = world.host("mx")
        answers = [
            await mx.call(connect, family, address)
            for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "fd00::99"))
        ]
        assert [word for word, _ in answers] == ["EHOSTUNREACH", "ENETUNREACH"]
        assert [seconds for _, seconds in answers] == pytest.approx([3, 0])

    run(main)


def test_a_drop_all_filter_lets_a_listener_drain() -> None:
    """DESIGN.md walk 3: a SYN met by the filter is tried again after a second, and meets the new socket."""

    async def server(machine: Machine) -> None:
        old = await listen()
        assert machine.gate is not None
        assert machine.gate.shut(old)
        await trio.sleep(0.5)
        assert not old.is_readable()
        old.close()
        await echo_server(machine)

    async def main(world: World) -> None:
        await world.host("mx").boot(server)
        await trio.sleep(0.1)
        assert await world.host("outside").call(ask) == b"hello"
        assert 1.1 < trio.current_time() < 1.2

    run(main)
