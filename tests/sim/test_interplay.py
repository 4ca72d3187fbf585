"""Faults and features that were made apart, together: a freeze, a power loss, a moved address and all the rest."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest
import trio
import trio.testing

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ProcessLink
from sim import World
from sim.host import current_life

T = TypeVar("T")
PORT = 2500
USER_TIMEOUT = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


class Net:
    """A server on ``far``, a client on ``near``, and ``third``, which has a server too; the tests hold the sockets."""

    def __init__(self, backlog: int = 5) -> None:
        self.world = World(1)
        self.near, self.far, self.third = (
            self.world.host(name, f"10.0.0.{number}") for number, name in enumerate(("near", "far", "third"), 1)
        )
        self.backlog = backlog
        self.accepted: list[trio.socket.SocketType] = []
        self.client: trio.socket.SocketType

    def run(self, story: Callable[[], Awaitable[T]], *, connected: bool = True) -> T:
        async def drive() -> T:
            for host in (self.far, self.third):
                await host.start(self.listen)
            if connected:
                await self.near.start(self.dial)
            return await story()

        return self.world.run(drive)

    async def listen(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        listener = trio.socket.socket()
        await listener.bind(("0.0.0.0", PORT))
        listener.listen(self.backlog)
        task_status.started()
        while True:
            connection, _ = await listener.accept()
            self.accepted.append(connection)

    async def dial(self, machine: Machine, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.client = trio.socket.socket()
        await self.client.connect(("10.0.0.2", PORT))
        await trio.sleep(1)
        task_status.started()
        await trio.sleep_forever()

    async def connects(self, machine: Machine, seconds: float = 0.5) -> str:
        """What becomes of an attempt: the name of an error, ``late``, or ``yes``."""
        with trio.socket.socket() as client, trio.move_on_after(seconds):
            try:
                await client.connect(("10.0.0.2", PORT))
                await trio.sleep(0.1)
                await client.send(b"x")
                await trio.sleep(0.1)
                await client.send(b"x")
            except OSError as error:
                return errno.errorcode[error.errno or 0]
            return "yes"
        return "late"


async def said(receiving: Awaitable[bytes], within_seconds: float = 5.0) -> object:
    """What came, or the name of the error, or None."""
    with trio.move_on_after(within_seconds):
        try:
            return await receiving
        except OSError as error:
            return errno.errorcode[error.errno or 0]
    return None


# -- a frozen machine's timers


def test_keepalive_stands_still_in_a_freeze() -> None:
    """Idle for 40 s, frozen for 1,000, idle for 20 more: then it probes, once a minute of its own."""
    net = Net()

    async def story() -> float:
        for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3)):
            net.client.setsockopt(socket.IPPROTO_TCP, option, value)
        net.client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await trio.sleep(40)
        net.near.freeze()
        await trio.sleep(1000)
        net.near.thaw()
        thawed = trio.current_time()
        await trio.sleep(30)
        return thawed

    thawed = net.run(story)
    probes = [line.time for line in net.world.trace if line.kind == "keepalive"]
    assert len(probes) == 1
    assert 18 < probes[0] - thawed < 20


def test_the_user_timeout_stands_still_in_a_freeze() -> None:
    net = Net()

    async def story() -> float:
        net.client.setsockopt(*USER_TIMEOUT, 30_000)
        net.world.partition(net.near, net.far)
        await net.client.send(b"x")
        await trio.sleep(10)
        net.near.freeze()
        await trio.sleep(25)  # it would be over 5 s after the thaw
        net.near.thaw()
        thawed = trio.current_time()
        assert await said(net.client.recv(1), 100) == "ETIMEDOUT"
        return trio.current_time() - thawed

    assert net.run(story) == pytest.approx(20, abs=0.1)


def test_a_handshake_that_a_freeze_made_too_long() -> None:
    """The server has forgotten the first SYN when the client's machine thaws; the next one begins anew."""
    net = Net()

    async def story() -> str:
        net.world.partition(net.far, net.near, one_way=True)
        net.world.kernel.after(2, net.near.freeze)
        net.world.kernel.after(140, net.world.heal_all)
        net.world.kernel.after(141, net.near.thaw)
        return await net.near.call(net.connects, 200.0)

    assert net.run(story, connected=False) == "yes"
    assert len(net.accepted) == 1


# -- handshakes cut short


@pytest.mark.parametrize("end", ["reset", "partition and power"])
def test_a_half_open_connection_gives_its_place_back(end: str) -> None:
    """With a backlog of 0 there is one place."""
    net = Net(backlog=0)

    async def story() -> str:
        await net.near.boot(net.dial)
        await trio.sleep(0.0025)  # the last ACK is on its way
        assert net.far.ends
        if end == "reset":
            net.world.reset(net.near, net.far)
        else:
            net.world.partition(net.near, net.far)
            net.near.power_loss()
            await trio.sleep(130)
        assert net.accepted == []
        return await net.third.call(net.connects)

    assert net.run(story, connected=False) == "yes"


def test_a_server_that_was_switched_on_again_knows_no_half_open_connection() -> None:
    """The SYN that is sent again meets the new listener, and is no part of the old handshake."""
    net = Net()

    async def story() -> str:
        net.world.partition(net.far, net.near, one_way=True)

        async def again() -> None:
            await trio.sleep(0.5)
            net.far.power_loss()
            net.world.heal_all()
            await net.far.start(net.listen)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(again)
            return await net.near.call(net.connects, 5.0)

    assert net.run(story, connected=False) == "yes"


def test_a_connection_nobody_has_a_descriptor_for_stays_in_the_queue() -> None:
    """Two tasks accept at the same moment and there is one descriptor: one connection is accepted, none is lost."""
    world = World(1)
    far, near = world.host("far", "10.0.0.2"), world.host("near", "10.0.0.1")
    outcomes: list[str] = []

    async def serve(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = [trio.socket.socket() for _ in range(2)]
        for number, listener in enumerate(listeners):
            await listener.bind(("0.0.0.0", PORT + number))
            listener.listen(5)
        task_status.started()
        await trio.sleep(1)
        life = current_life()
        life.descriptors_max = 3 + len(life.descriptors()) + 1
        accepted: list[trio.socket.SocketType] = []

        async def accept(listener: trio.socket.SocketType) -> None:
            try:
                accepted.append((await listener.accept())[0])
                outcomes.append("accepted")
            except OSError as error:
                outcomes.append(errno.errorcode[error.errno or 0])

        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(accept, listener)
        accepted[0].close()
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                for listener in listeners:
                    nursery.start_soon(accept, listener)

    async def dial(machine: Machine) -> None:
        for number in range(2):
            await trio.socket.socket().connect(("10.0.0.2", PORT + number))
        await trio.sleep_forever()

    async def drive() -> None:
        life = await far.start(serve)
        await near.boot(dial)
        await life.wait()

    world.run(drive)
    assert sorted(outcomes) == ["EMFILE", "accepted", "accepted"]


# -- the power fails


@pytest.mark.parametrize("closed_seconds", [0.0, 100.0])
def test_nothing_is_sent_again_by_a_machine_without_power(closed_seconds: float) -> None:
    """Octets that a partition kept back, of a connection that was closed too, and long ago."""
    net = Net()

    async def story() -> object:
        net.world.partition(net.near, net.far)
        await net.client.send(b"last words")
        if closed_seconds:
            net.client.close()
        await trio.sleep(1 + closed_seconds)
        net.near.power_loss()
        net.world.heal_all()
        return await said(net.accepted[0].recv(100), 1000)

    assert net.run(story) is None


def test_a_socket_under_way_between_lives_ends_with_the_power() -> None:
    world = World(1)
    host = world.host("mx", "10.0.0.1")
    name = "\0name"

    async def child(machine: Machine, link: ProcessLink) -> None:
        await trio.sleep_forever()

    async def parent(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        listener = trio.socket.socket(socket.AF_UNIX)
        await listener.bind(name)
        listener.listen(1)
        assert machine.spawn is not None
        await machine.spawn("child", [listener])
        listener.close()
        task_status.started()
        await trio.sleep_forever()

    async def drive() -> None:
        host.roles = {"child": child}
        await host.start(parent)
        host.power_loss()
        await host.start(parent)

    world.run(drive)


# -- addresses that move


def test_a_connection_to_an_address_that_moved_is_reset_by_who_has_it() -> None:
    net = Net()

    async def take(machine: Machine) -> None:
        assert machine.addresses is not None
        await machine.addresses.add("10.0.0.2", "eth0")

    async def leave(machine: Machine) -> None:
        assert machine.addresses is not None
        await machine.addresses.remove("10.0.0.2", "eth0")

    async def story() -> list[object]:
        await net.third.call(take)
        await net.client.send(b"who are you?")
        seen = [await said(net.client.recv(1)), await said(net.accepted[0].recv(1))]
        seen.append(await net.near.call(net.connects))
        seen.append(await net.far.call(net.connects))  # to itself it has the address still
        hosts = [connection._life.host.name for connection in net.accepted]  # type: ignore[attr-defined]
        await net.third.call(leave)
        seen.append(await net.near.call(net.connects))
        hosts.append(net.accepted[-1]._life.host.name)  # type: ignore[attr-defined]
        return [*seen, hosts]

    result = net.run(story)
    assert result == ["ECONNRESET", None, "yes", "yes", "yes", ["far", "third", "far", "far"]]


def test_a_connection_over_an_address_that_is_gone_stalls_until_it_is_back() -> None:
    net = Net()

    async def story() -> list[object]:
        net.far.remove_address("10.0.0.2")
        await net.client.send(b"there")
        await net.accepted[0].send(b"back")
        seen = [await said(net.accepted[0].recv(10)), await said(net.client.recv(10))]
        net.far.add_address("10.0.0.2")
        return [*seen, await said(net.accepted[0].recv(10), 60), await said(net.client.recv(10), 60)]

    assert net.run(story) == [None, None, b"there", b"back"]


def test_an_address_that_a_program_brought_up_is_gone_with_the_power() -> None:
    net = Net()

    async def take(machine: Machine) -> None:
        assert machine.addresses is not None
        await machine.addresses.add("10.0.0.9", "eth0")
        await trio.sleep_forever()

    async def story() -> list[bool]:
        await net.third.boot(take)
        await trio.sleep(1)
        addresses = [[str(ip) for ip in net.third.addresses]]
        net.third.power_loss()
        addresses.append([str(ip) for ip in net.third.addresses])
        return ["10.0.0.9" in some for some in addresses]

    assert net.run(story, connected=False) == [True, False]


# -- holds


@pytest.mark.parametrize("kind", ["datagram", "stream"])
def test_what_is_released_into_a_partition_does_not_come_out(kind: str) -> None:
    net = Net()
    got: list[bytes] = []

    async def listen(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        bound = trio.socket.socket(type=socket.SOCK_DGRAM)
        await bound.bind(("0.0.0.0", PORT))
        task_status.started()
        while True:
            got.append(await bound.recv(10))

    async def send(machine: Machine) -> None:
        with trio.socket.socket(type=socket.SOCK_DGRAM) as bound:
            await bound.sendto(b"datagram", ("10.0.0.2", PORT))

    async def story() -> object:
        await net.far.start(listen)
        net.world.hold(net.near, net.far)
        if kind == "datagram":
            await net.near.call(send)
        else:
            await net.client.send(b"stream")
        await trio.sleep(1)
        net.world.partition(net.near, net.far)
        for path in net.world.link(net.near, net.far):
            path.release()
        seen = await said(net.accepted[0].recv(10))
        net.world.heal_all()
        return seen, await said(net.accepted[0].recv(10), 60)

    assert net.run(story) == ((None, None) if kind == "datagram" else (None, b"stream"))
    assert got == []


# -- waiting for idleness


@pytest.mark.parametrize("fault", ["pause", "freeze", "slow"])
def test_waiting_for_idleness_counts_those_who_are_kept_from_running_as_idle(fault: str) -> None:
    """Nobody hangs, and time stands still meanwhile."""
    net = Net()

    async def tick(machine: Machine) -> None:
        while True:  # noqa: ASYNC110 (it waits for nothing)
            await trio.sleep(0.5)

    async def quiet(machine: Machine) -> float:
        began = trio.current_time()
        await trio.testing.wait_all_tasks_blocked()
        return trio.current_time() - began

    async def story() -> float:
        life = await net.third.boot(tick)
        match fault:
            case "pause":
                life.pause()
            case "freeze":
                net.third.freeze()
            case "slow":
                net.third.slow_cpu(5.0)
        await trio.sleep(1.25)
        return await net.near.call(quiet)

    assert net.run(story) == 0.0


def test_what_is_cancelled_on_a_slow_processor_hears_of_it_late() -> None:
    """Within the bound, and no later than its neighbours who are woken otherwise."""
    net = Net()
    seen: list[float] = []

    async def wait(machine: Machine) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(hear)
            await trio.sleep(2)
            nursery.cancel_scope.cancel()
            cancelled.append(trio.current_time())

    async def hear() -> None:
        try:
            await trio.sleep_forever()
        finally:
            seen.append(trio.current_time())

    async def story() -> None:
        life = await net.third.boot(wait)
        await trio.sleep(1)
        net.third.slow_cpu(0.5)
        await life.wait()

    cancelled: list[float] = []
    net.run(story)
    late = [when - cancelled[0] for when in seen]
    assert len(set(late)) == 20
    assert 0 < min(late) < max(late) <= 0.5


def test_the_ends_of_processes_close_what_they_share_with_the_paused_last() -> None:
    """A connection that a paused child has too stays open until that dies as well."""
    world = World(1)
    near, far = world.host("near", "10.0.0.1"), world.host("far", "10.0.0.2")
    held: list[Sequence[trio.socket.SocketType]] = []

    async def child(machine: Machine, link: ProcessLink) -> None:
        held.append((await link.receive())[1])
        await trio.sleep_forever()

    async def serve(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.socket.socket() as listener:
            await listener.bind(("0.0.0.0", PORT))
            listener.listen(1)
            task_status.started()
            connection, _ = await listener.accept()
        assert machine.spawn is not None
        await machine.spawn("child", [connection])
        await trio.sleep_forever()

    async def drive() -> list[object]:
        far.roles = {"child": child}
        parent = await far.start(serve)

        async def dial(machine: Machine) -> list[object]:
            with trio.socket.socket() as client:
                await client.connect(("10.0.0.2", PORT))
                await world.until(lambda: bool(held), 1)
                spawned = next(life for life in far.lives if life.parent is parent)
                spawned.pause()
                parent.kill()
                seen = [await said(client.recv(1))]
                await client.send(b"kept")
                await trio.sleep(1)
                spawned.kill()
                return [*seen, await said(client.recv(1))]

        return await near.call(dial)

    assert world.run(drive) == [None, "ECONNRESET"]


def test_the_start_of_a_program_on_a_frozen_machine_can_be_cancelled() -> None:
    net = Net()

    async def story() -> tuple[bool, list[object]]:
        net.near.freeze()
        with trio.move_on_after(5) as scope:
            await net.near.start(net.listen)
        return scope.cancelled_caught, list(net.near.lives)

    assert net.run(story, connected=False) == (True, [])
