"""Datagrams between simulated hosts: what paths do to them, and what becomes of their sockets' lives."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio

from momentum_trio.machine import Machine
from sim import Host, World
from sim.sockets.link import Path

T = TypeVar("T")
PORT = 5000
NEAR, FAR = "10.0.0.1", "10.0.0.2"
COUNT = 400


def udp(family: int = trio.socket.AF_INET) -> trio.socket.SocketType:
    return trio.socket.socket(family, trio.socket.SOCK_DGRAM)


class Sink:
    """A program that takes whatever comes to its port."""

    def __init__(self) -> None:
        self.octets: list[bytes] = []
        self.times: list[float] = []
        self.sources: list[str] = []

    async def run(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        with udp(trio.socket.AF_INET6) as bound:
            await bound.bind(("::", PORT))
            task_status.started()
            while True:
                octets, address = await bound.recvfrom(2000)
                self.octets.append(octets)
                self.times.append(trio.current_time())
                self.sources.append(address[0])


async def numbers(machine: Machine, count: int = COUNT, pause: float = 0.01, target: str = FAR) -> None:
    with udp(trio.socket.AF_INET6 if ":" in target else trio.socket.AF_INET) as client:
        for number in range(count):
            await client.sendto(b"%d" % number, (target, PORT))
            await trio.sleep(pause)
        await trio.sleep(1)


def two(
    arrange: Callable[[World, Path], object] = lambda world, there: None,
    program: Callable[..., Awaitable[object]] = numbers,
    seed: int = 1,
) -> tuple[Sink, World]:
    """*program* on one host, a sink on the other; *arrange* gets the path from the first to the second."""
    world = World(seed)
    near, far = world.host("near", NEAR, "fd00::1"), world.host("far", FAR, "fd00::2")
    sink = Sink()

    async def drive() -> None:
        await far.start(sink.run)
        arrange(world, world.link(near, far)[0])
        await near.call(program)

    world.run(drive)
    return sink, world


def test_a_plain_path_keeps_all_of_it_in_order() -> None:
    sink, _ = two()
    assert sink.octets == [b"%d" % number for number in range(COUNT)]
    assert set(sink.sources) == {f"::ffff:{NEAR}"}


def test_many_at_one_instant_keep_their_order_up_to_what_the_queue_holds() -> None:
    async def burst(machine: Machine) -> None:
        await numbers(machine, pause=0.0)

    sink, _ = two(program=burst)
    kept = [int(octets) for octets in sink.octets]
    assert kept == sorted(kept)
    assert len(kept) <= COUNT


def test_jitter_alone_does_not_reorder() -> None:
    def arrange(world: World, there: Path) -> None:
        there.jitter_seconds = 0.5

    sink, _ = two(arrange)
    assert sink.octets == [b"%d" % number for number in range(COUNT)]


def test_loss_share() -> None:
    def arrange(world: World, there: Path) -> None:
        there.loss_share = 0.25

    sink, _ = two(arrange)
    assert COUNT * 0.65 < len(sink.octets) < COUNT * 0.85


def test_duplicate_share() -> None:
    def arrange(world: World, there: Path) -> None:
        there.duplicate_share = 0.25

    sink, _ = two(arrange)
    copies = Counter(sink.octets)
    assert len(copies) == COUNT
    assert set(copies.values()) == {1, 2}
    assert COUNT * 1.15 < len(sink.octets) < COUNT * 1.35


def test_reorder() -> None:
    def arrange(world: World, there: Path) -> None:
        there.reorder_seconds = 0.05

    sink, _ = two(arrange)
    assert sorted(sink.octets, key=int) == [b"%d" % number for number in range(COUNT)] != sink.octets


def test_bandwidth_spreads_datagrams() -> None:
    def arrange(world: World, there: Path) -> None:
        there.octets_per_second = 100

    async def two_large(machine: Machine) -> None:
        with udp() as client:
            for _ in range(2):
                await client.sendto(bytes(1000), (FAR, PORT))
        await trio.sleep(30)

    sink, _ = two(arrange, two_large)
    assert [round(time, 2) for time in sink.times] == [10.0, 20.0]


def test_a_partition_drops_and_a_hold_keeps() -> None:
    def arrange(world: World, there: Path) -> None:
        near, far = world.host("near"), world.host("far")
        world.kernel.at(1.0, world.partition, near, far)
        world.kernel.at(2.0, world.heal, near, far)
        world.kernel.at(3.0, world.hold, near, far)
        world.kernel.at(3.995, world.heal_all)

    sink, _ = two(arrange)
    got = [int(octets) for octets in sink.octets]
    missing = sorted(set(range(COUNT)) - set(got))
    assert got == sorted(got)
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert 95 <= len(missing) <= 105
    held = [time for time in sink.times if 3.99 < time < 3.996]
    assert len(held) > 90


def test_a_datagram_under_way_when_the_partition_begins_is_lost() -> None:
    def arrange(world: World, there: Path) -> None:
        there.latency_seconds = 10
        world.kernel.at(1, world.partition, world.host("near"), world.host("far"))
        world.kernel.at(9.5, world.heal_all)

    async def one(machine: Machine) -> None:
        await numbers(machine, count=1, pause=20)

    assert two(arrange, one)[0].octets == [b"0"]  # the path was open when it left and when it arrived

    def longer(world: World, there: Path) -> None:
        there.latency_seconds = 10
        world.kernel.at(1, world.partition, world.host("near"), world.host("far"))
        world.kernel.at(15, world.heal_all)

    assert two(longer, one)[0].octets == []


@pytest.mark.parametrize("target", ["fd00::2", "far"])
def test_ipv6_and_names(target: str) -> None:
    async def one(machine: Machine) -> None:
        await numbers(machine, count=1, target=target)

    sink, _ = two(program=one)
    assert sink.octets == [b"0"]
    assert sink.sources == ["fd00::1" if ":" in target else f"::ffff:{NEAR}"]


def test_nobody_has_the_address() -> None:
    async def one(machine: Machine) -> None:
        await numbers(machine, count=1, target="10.9.9.9")

    assert two(program=one)[0].octets == []


def test_no_address_of_that_version() -> None:
    world = World(1)
    four = world.host("four", "10.0.0.4")

    async def send(machine: Machine) -> int:
        with udp(trio.socket.AF_INET6) as client, pytest.raises(OSError) as caught:  # noqa: PT011
            await client.sendto(b"x", ("fd00::2", PORT))
        return caught.value.errno or 0

    assert world.run(four.call, send) == errno.ENETUNREACH


# -- lives


async def conversation(near: Host, far: Host, end: Callable[[], object]) -> list[object]:
    """Send to the sink, end it somehow, send again twice, half a second apart; what the sender is told of it."""
    sink = Sink()
    await far.start(sink.run)

    async def send(machine: Machine) -> list[object]:
        seen: list[object] = []
        with udp() as client:
            await client.connect((FAR, PORT))
            for number in range(3):
                try:
                    seen.append(await client.send(b"x"))
                except OSError as error:
                    seen.append(errno.errorcode[error.errno or 0])
                await trio.sleep(0.5)
                if number == 0:
                    end()
        return seen

    return await near.call(send)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("kill", [1, 1, "ECONNREFUSED"]),
        ("power_loss", [1, 1, 1]),
    ],
)
def test_the_end_of_a_receivers_life(end: str, expected: list[object]) -> None:
    world = World(1)
    near, far = world.host("near", NEAR), world.host("far", FAR)
    assert world.run(conversation, near, far, lambda: getattr(far, end)()) == expected


def test_a_dead_life_sends_nothing_more_and_its_port_is_free() -> None:
    world = World(1)
    near, far = world.host("near", NEAR), world.host("far", FAR)
    sink, first, second = Sink(), Sink(), Sink()

    async def stubborn(machine: Machine) -> None:
        client = udp()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await client.sendto(b"from the dead", (FAR, PORT))

    async def drive() -> None:
        await far.start(sink.run)
        life = await near.boot(stubborn)
        await near.start(first.run)
        await trio.sleep(1)
        near.kill()
        await life.wait()
        await near.start(second.run)  # the same port
        await far.call(numbers, 1, 0.1, NEAR)

    world.run(drive)
    assert (sink.octets, first.octets, second.octets) == ([], [], [b"0"])


def test_the_trace_is_the_seeds() -> None:
    def arrange(world: World, there: Path) -> None:
        there.loss_share = there.duplicate_share = 0.2
        there.reorder_seconds = 0.1

    digests = [two(arrange, seed=seed)[1].digest() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
