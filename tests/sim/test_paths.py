"""What lies between hosts: partitions, holds, resets, and how connections outlive or notice them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio

from momentum_trio.machine import Machine
from sim import Host, World

T = TypeVar("T")
PORT = 2500
LATENCY = 0.001
KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
USER_TIMEOUT = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


class Two:
    """Two hosts, and a connection between them whose ends the test holds: the client's and the server's."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed, latency_seconds=LATENCY)
        self.near = self.world.host("near", "10.0.0.1", "fd00::1")
        self.far = self.world.host("far", "10.0.0.2", "fd00::2")
        self.client: trio.socket.SocketType
        self.server: trio.socket.SocketType

    def run(self, story: Callable[[], Awaitable[T]]) -> T:
        async def drive() -> T:
            await self.far.start(self._listen)
            await self.near.start(self._connect)
            return await story()

        return self.world.run(drive)

    async def _listen(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        listener = trio.socket.socket()
        await listener.bind(("10.0.0.2", PORT))
        listener.listen(5)
        task_status.started()
        self.server, _ = await listener.accept()
        await trio.sleep_forever()

    async def _connect(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        self.client = trio.socket.socket()
        await self.client.connect(("10.0.0.2", PORT))
        await trio.sleep(1)
        task_status.started()
        await trio.sleep_forever()

    def kinds(self) -> list[str]:
        return [line.kind for line in self.world.trace]


async def outcome(operation: Awaitable[object]) -> object:
    try:
        return await operation
    except OSError as error:
        return errno.errorcode[error.errno or 0]


async def timed(operation: Awaitable[object]) -> tuple[object, float]:
    began = trio.current_time()
    return await outcome(operation), round(trio.current_time() - began, 3)


# -- hold and release


def test_what_is_held_comes_out_in_order_and_at_once() -> None:
    two = Two()

    async def story() -> tuple[list[tuple[object, float]], bool]:
        two.world.hold(two.near, two.far)
        for number in range(5):
            await two.client.send(b"%d" % number)
            await trio.sleep(20)
        waited = not two.server.is_readable()
        two.world.heal(two.near, two.far)
        first = await timed(two.server.recv(100))
        await two.client.send(b"after")
        return [first, await timed(two.server.recv(100))], waited

    arrived, waited = two.run(story)
    assert waited
    assert arrived == [(b"01234", 0.0), (b"after", LATENCY)]  # a retransmission would come later


def test_a_partition_is_left_by_retransmission() -> None:
    two = Two()

    async def story() -> tuple[object, float]:
        two.world.partition(two.near, two.far)
        await two.client.send(b"x")
        await trio.sleep(100)
        two.world.heal_all()
        return await timed(two.server.recv(1))

    octets, seconds = two.run(story)
    assert octets == b"x"
    assert 1 < seconds < 120


@pytest.mark.parametrize("verb", ["partition", "hold"])
def test_one_way(verb: str) -> None:
    two = Two()

    async def story() -> tuple[bool, bool]:
        getattr(two.world, verb)(two.far, two.near, one_way=True)
        await two.client.send(b"there")
        await two.server.send(b"back")
        await trio.sleep(1)
        seen = two.server.is_readable(), two.client.is_readable()
        two.world.heal(two.far, two.near, one_way=True)
        assert await two.client.recv(9) == b"back"
        return seen

    assert two.run(story) == (True, False)


def test_a_reset_is_held_too() -> None:
    two = Two()

    async def story() -> list[object]:
        two.world.hold(two.near, two.far)
        await two.client.send(b"x")
        await two.server.send(b"unread")
        await trio.sleep(1)
        two.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        two.client.close()
        await trio.sleep(1)
        before = two.server.is_readable()
        two.world.heal(two.near, two.far)
        return [before, await outcome(two.server.recv(1))]

    assert two.run(story) == [False, "ECONNRESET"]


def test_a_hold_shorter_than_the_handshakes_patience_delays_a_connect() -> None:
    two = Two()

    async def story() -> tuple[float, int]:
        async def dial(machine: Machine) -> float:
            began = trio.current_time()
            with trio.socket.socket() as client:
                await client.connect(("10.0.0.2", PORT))
                return trio.current_time() - began

        two.world.hold(two.near, two.far)
        two.world.kernel.after(50.0, two.world.heal_all)
        seconds = await two.near.call(dial)
        await trio.sleep(1)
        return seconds, sum(kind == "accept" for kind in two.kinds())

    seconds, accepted = two.run(story)
    assert 50 < seconds < 50.01  # the first SYN came out, not a later one
    assert accepted == 1  # the others were the same connection's


def test_a_hold_may_become_a_partition() -> None:
    two = Two()

    async def story() -> list[object]:
        two.world.hold(two.near, two.far)
        await two.client.send(b"x")
        await trio.sleep(1)
        for path in two.world.link(two.near, two.far):
            path.blocked = True
            path.release()
        await trio.sleep(1)
        seen = [two.server.is_readable()]
        two.world.heal_all()
        return [*seen, await two.server.recv(1)]

    assert two.run(story) == [False, b"x"]


def test_what_is_on_a_held_wire_outlives_its_sender() -> None:
    two = Two()

    async def story() -> list[object]:
        two.client.setsockopt(*USER_TIMEOUT, 30_000)
        two.world.hold(two.near, two.far)
        await two.client.send(b"last")
        await trio.sleep(1)
        two.near.power_loss()
        await trio.sleep(100)
        seen: list[object] = [two.server.is_readable()]
        two.world.heal_all()
        return [*seen, await two.server.recv(9)]

    assert two.run(story) == [False, b"last"]
    assert "timeout" not in two.kinds()  # a machine without power has no timers


# -- groups and resets


def test_groups_are_parted_whole() -> None:
    world = World(3)
    hosts = [world.host(f"h{number}", f"10.0.0.{number}") for number in range(1, 6)]

    async def reach() -> list[str]:
        async def listen(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
            listener = trio.socket.socket()
            await listener.bind(("0.0.0.0", PORT))
            listener.listen(50)
            task_status.started()
            await trio.sleep_forever()

        async def dial(machine: Machine, target: Host) -> bool:
            with trio.socket.socket() as client, trio.move_on_after(0.5):
                await client.connect((str(target.addresses[0]), PORT))
                return True
            return False

        for host in hosts:
            await host.start(listen)
        world.partition(hosts[:2], hosts[2:])
        seen = []
        for one in hosts:
            row = [await one.call(dial, other) for other in hosts]
            seen.append("".join(".x"[reached] for reached in row))
        world.heal_all()
        seen.append(".x"[await hosts[0].call(dial, hosts[4])])
        return seen

    assert world.run(reach) == ["xx...", "xx...", "..xxx", "..xxx", "..xxx", "x"]
    lines = [str(line).split(" ", 2)[2] for line in world.trace if line.kind in ("partition", "heal-all")]
    assert lines == ["partition one=h1,h2 other=h3,h4,h5 one_way=False", "heal-all"]


def test_reset_between_two_hosts() -> None:
    two = Two()
    third = two.world.host("third", "10.0.0.3")

    async def story() -> tuple[object, object, object]:
        async def dial(machine: Machine) -> object:
            with trio.socket.socket() as client:
                await client.connect(("10.0.0.2", PORT))
                two.world.reset(two.near, two.far)
                with trio.move_on_after(1):
                    return await outcome(client.recv(1))
                return "untouched"

        return await third.call(dial), await outcome(two.client.recv(1)), await outcome(two.server.recv(1))

    assert two.run(story) == ("untouched", "ECONNRESET", "ECONNRESET")
    assert "connections=1" in next(str(line) for line in two.world.trace if line.kind == "reset-all")


# -- keep-alive and the user time-out


def probed(two: Two) -> list[float]:
    return [line.time for line in two.world.trace if line.kind == "keepalive"]


def set_all(one: trio.socket.SocketType, options: tuple[tuple[int, int, int], ...]) -> None:
    for option in options:
        one.setsockopt(*option)


@pytest.mark.parametrize("how", ["partition", "hold", "one way back", "power"])
def test_keepalive_ends_a_connection_to_nobody(how: str) -> None:
    two = Two()

    async def story() -> tuple[object, float]:
        set_all(two.client, KEEPALIVE)
        await trio.sleep(300)  # answered so far
        assert 4 <= len(probed(two)) <= 5
        match how:
            case "partition":
                two.world.partition(two.near, two.far)
            case "hold":
                two.world.hold(two.near, two.far)
            case "one way back":
                two.world.partition(two.far, two.near, one_way=True)
            case "power":
                two.far.power_loss()
        return await timed(two.client.recv(1))

    result, seconds = two.run(story)
    assert result == "ETIMEDOUT"
    assert 30 <= seconds <= 60 + 30 + 1


def test_keepalive_finds_a_machine_that_was_switched_on_again() -> None:
    two = Two()

    async def idle(machine: Machine) -> None:
        await trio.sleep_forever()

    async def story() -> tuple[object, float]:
        set_all(two.client, KEEPALIVE)
        two.far.power_loss()
        await two.far.boot(idle)
        return await timed(two.client.recv(1))

    result, seconds = two.run(story)
    assert result == "ECONNRESET"
    assert 59 <= seconds <= 61


def test_a_frozen_machine_does_not_probe() -> None:
    two = Two()

    async def story() -> tuple[int, bool]:
        set_all(two.client, KEEPALIVE)
        two.client.setsockopt(*USER_TIMEOUT, 30_000)
        two.near.freeze()
        await trio.sleep(1000)
        seen = len(probed(two))
        two.near.thaw()
        await trio.sleep(200)
        return seen, two.client.is_readable()

    assert two.run(story) == (0, False)
    assert probed(two)


def test_keepalive_is_quiet_while_octets_come() -> None:
    two = Two()

    async def story() -> None:
        set_all(two.client, KEEPALIVE)
        for _ in range(10):
            await trio.sleep(50)
            await two.server.send(b"x")
        two.client.close()  # the timers end with it
        await trio.sleep(1000)

    two.run(story)
    assert probed(two) == []


def test_without_options_there_are_no_events() -> None:
    two = Two()

    async def story() -> int:
        before = two.world.kernel.events_done
        await trio.sleep(80_000)
        return two.world.kernel.events_done - before

    assert two.run(story) <= 2  # what handshakes left behind


@pytest.mark.parametrize("how", ["partition", "hold", "one way back", "power"])
def test_user_timeout_ends_a_send_nobody_acknowledges(how: str) -> None:
    two = Two()

    async def story() -> tuple[object, float]:
        two.client.setsockopt(*USER_TIMEOUT, 30_000)
        await two.client.send(b"acknowledged")
        await trio.sleep(100)
        match how:
            case "partition":
                two.world.partition(two.near, two.far)
            case "hold":
                two.world.hold(two.near, two.far)
            case "one way back":
                two.world.partition(two.far, two.near, one_way=True)
            case "power":
                two.far.power_loss()
        await two.client.send(b"not")
        return await timed(two.client.recv(1))

    assert two.run(story) == ("ETIMEDOUT", 30.0 + LATENCY)


def test_a_partition_shorter_than_the_user_timeout() -> None:
    two = Two()

    async def story() -> bytes:
        two.client.setsockopt(*USER_TIMEOUT, 30_000)
        two.world.partition(two.near, two.far)
        await two.client.send(b"x")
        two.world.kernel.after(10.0, two.world.heal_all)
        await trio.sleep(200)
        await two.server.send(b"still there")
        return await two.client.recv(100)

    assert two.run(story) == b"still there"


def test_an_accepted_connection_has_its_listeners_keepalive() -> None:
    world = World(1)
    near, far = world.host("near", "10.0.0.1"), world.host("far", "10.0.0.2")

    async def serve(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        listener = trio.socket.socket()
        set_all(listener, KEEPALIVE)
        await listener.bind(("0.0.0.0", PORT))
        listener.listen(1)
        task_status.started()
        server, _ = await listener.accept()
        assert await outcome(server.recv(1)) == "ETIMEDOUT"
        ended.append(trio.current_time())

    async def dial(machine: Machine) -> None:
        client = trio.socket.socket()
        await client.connect(("10.0.0.2", PORT))
        await trio.sleep_forever()

    ended: list[float] = []

    async def drive() -> None:
        await far.start(serve)
        await near.boot(dial)
        await trio.sleep(1)
        near.power_loss()
        await world.until(lambda: bool(ended), 1000)

    world.run(drive)
    assert 89 <= ended[0] <= 91
