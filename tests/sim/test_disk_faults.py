"""What goes wrong with a disk when it is told to, and that healing ends it."""

from __future__ import annotations

import errno
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine import disk as d
from momentum_trio.machine.disk import File, Step
from sim import World
from sim.disk import Fault, Operation, SimDisk, SimStore

A, B = File("/var/a"), File("/etc/b")


@pytest.fixture
def store() -> SimStore:
    store = SimStore()
    store.put("/var/a", b"0123456789" * 100)
    store.put("/etc/b", b"b")
    return store


async def opened(store: SimStore) -> SimDisk:
    disk = store.mount()
    await disk.perform([d.Open(A, writable=True), d.Open(B, writable=True)])
    return disk


async def outcome(disk: SimDisk, step: Step[Any]) -> str:
    """The name of the error, or "" where it went well."""
    try:
        await disk.perform([step])
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


CHANGES: tuple[Step[Any], ...] = (
    d.Create(File("/var/new")),
    d.Open(File("/var/a"), writable=True),
    d.Open(File("/var/new"), create=0o600),
    d.Write(A, 0, [b"x"]),
    d.Append(A, [b"x"]),
    d.Truncate(A, 0),
    d.Rename("/var/a", "/var/b"),
    d.Link("/var/a", "/var/b"),
    d.Unlink("/var/a"),
    d.Unlink("/var/none", missing_ok=True),
    d.MakeDirectory("/var/new"),
    d.ChangeMode("/var/a", 0o600),
    d.TakeAfter("/var/a", "/var/a"),
)
NO_CHANGES: tuple[Step[Any], ...] = (
    d.Open(File("/var/a")),
    d.Open(File("/var/a"), create=0o600),
    d.Read(A, 0, 10),
    d.Size(A),
    d.Lock(A),
    d.Write(A, 0, [b""]),
    d.ListDirectory("/var"),
    d.Stat("/var/a"),
    d.FreeSpace("/var"),
    d.MakeDirectory("/var"),
    d.Sync(A),
    d.SyncDirectory("/var"),
    d.Close(A),
)


@pytest.mark.parametrize("step", CHANGES, ids=repr)
async def test_read_only_refuses_what_changes(store: SimStore, step: Step[Any]) -> None:
    disk = await opened(store)
    before = store.files()
    store.remount_read_only()
    assert await outcome(disk, step) == "EROFS"
    assert store.files() == before
    store.heal()
    assert await outcome(disk, step) == ""


@pytest.mark.parametrize("step", NO_CHANGES, ids=repr)
async def test_read_only_lets_the_rest_through(store: SimStore, step: Step[Any]) -> None:
    disk = await opened(store)
    store.remount_read_only()
    assert await outcome(disk, step) == ""


async def test_what_was_not_synced_before_a_read_only_remount_stays_so(store: SimStore) -> None:
    disk = await opened(store)
    await disk.perform([d.Write(A, 0, [b"new"]), d.Create(File("/var/new"))])
    store.remount_read_only()
    assert await outcome(disk, d.Sync(A)) == await outcome(disk, d.SyncDirectory("/var")) == "EROFS"
    assert store.octets("/var/a")[:3] == b"new"
    store.power_loss()
    assert store.octets("/var/a")[:3] == b"012"


async def test_steps_fail_by_kind_and_place(store: SimStore) -> None:
    disk = await opened(store)
    store.fail(Operation.READ, "/var")
    store.fail(Operation.SYNC, "/etc/b", errno.ENOSPC)
    outcomes = [
        await outcome(disk, step)
        for step in (d.Read(A, 0, 1), d.ListDirectory("/var"), d.Read(B, 0, 1), d.Write(A, 0, [b"x"]), d.Sync(A))
    ]
    assert outcomes == ["EIO", "EIO", "", "", ""]
    assert await outcome(disk, d.Datasync(B)) == "ENOSPC"
    etc = store.fail(Operation.SYNC, "/etc/b")
    store.spare(etc)
    store.spare(etc)
    assert await outcome(disk, d.Sync(B)) == "ENOSPC"  # the other rule stays
    store.fail(Operation.NAMES, "/va")  # a place is a path, not a prefix
    assert await outcome(disk, d.Rename("/etc/b", "/var/b")) == ""
    store.fail(Operation.NAMES, "/var")
    assert await outcome(disk, d.Rename("/var/b", "/etc/b")) == "EIO"
    store.heal()
    assert await outcome(disk, d.Rename("/var/b", "/etc/b")) == await outcome(disk, d.Read(A, 0, 1)) == ""


async def test_a_number_of_times_and_a_share(store: SimStore) -> None:
    disk = await opened(store)
    store.fail(Operation.WRITE, times=2)
    assert [await outcome(disk, d.Write(A, 0, [b"x"])) for _ in range(4)] == ["EIO", "EIO", "", ""]
    store.fail(Operation.READ, share=0.25)
    failed = sum([bool(await outcome(disk, d.Read(A, 0, 1))) for _ in range(1000)])
    assert 200 < failed < 300


async def test_a_short_write_comes_first(store: SimStore) -> None:
    disk = await opened(store)
    store.fail(Operation.WRITE, number=errno.ENOSPC, after_octets=2, times=1)
    assert await outcome(disk, d.Write(A, 0, [b"xyz"])) == "ENOSPC"
    assert store.octets("/var/a")[:4] == b"xy23"


async def test_a_full_disk_takes_what_fits(store: SimStore) -> None:
    disk = await opened(store)
    store.fill(5)
    assert await outcome(disk, d.Append(A, [b"12345678"])) == "ENOSPC"
    assert store.octets("/var/a")[1000:] == b"12345"
    assert await disk.perform([d.FreeSpace("/")]) == [0]
    assert await outcome(disk, d.Write(A, 0, [b"in place"])) == ""
    store.heal()
    assert await outcome(disk, d.Append(A, [b"678"])) == ""


async def test_a_failed_sync_drops_the_pages_and_the_next_succeeds(store: SimStore) -> None:
    disk = await opened(store)
    room = store.free
    store.fail(Operation.SYNC, times=1, drop_dirty=True)
    await disk.perform([d.Append(A, [b"lost"])])
    assert await outcome(disk, d.Sync(A)) == "EIO"
    assert await outcome(disk, d.Sync(A)) == ""
    assert len(store.octets("/var/a")) == 1000
    assert store.free == room


async def test_a_misdirected_read_does_not_say_so(store: SimStore) -> None:
    disk = await opened(store)
    store.fail(Operation.READ, shift_octets=3, times=1)
    assert await disk.perform([d.Read(A, 10, 4), d.Read(A, 10, 4)]) == [b"3456", b"0123"]


async def test_rot_flips_one_bit_for_good(store: SimStore) -> None:
    before = store.octets("/var/a")
    store.draws = random.Random(5)
    offset = store.rot("/var/a")
    assert offset is not None
    store.heal()
    store.power_loss()
    after = store.octets("/var/a")
    assert [place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one != other] == [offset]
    assert (before[offset] ^ after[offset]).bit_count() == 1
    assert store.rot("/etc/b", range(1, 1)) is None
    assert store.rot("/etc/b", range(1)) == 0
    assert store.octets("/etc/b") != b"b"


def test_the_rot_is_another_for_another_seed() -> None:
    def rotten(seed: int) -> int | None:
        host = World(seed).host("mx", "10.0.0.1")
        host.store.put("/var/a", bytes(1000))
        return host.store.rot("/var/a")

    assert rotten(1) == rotten(1)
    assert len({rotten(seed) for seed in range(20)}) > 10


def test_a_slow_disk_takes_its_time_and_all_is_traced() -> None:
    async def jobs(machine: Machine) -> list[float]:
        taken = []
        for verb in (host.store.heal, partial(host.store.slow, 100), partial(host.store.slow, 1, 2.0), host.store.heal):
            verb()
            began = trio.current_time()
            await machine.disk.perform([d.ListDirectory("/var")])
            taken.append(trio.current_time() - began)
        host.store.fail(Operation.READ)
        with pytest.raises(OSError, match="Input/output"):
            await machine.disk.perform([d.ListDirectory("/var")])
        return taken

    world = World(1)
    host = world.host("mx", "10.0.0.1")
    assert world.run(host.call, jobs) == pytest.approx([0.0001, 0.01, 2.0001, 0.0001])
    said = [str(line).split(" ", 2)[2] for line in world.trace if line.kind.startswith("disk-")]
    assert said == [
        "disk-heals",
        "disk-slow factor=100 seconds=0.0",
        "disk-slow factor=1 seconds=2.0",
        "disk-heals",
        "disk-fails operation=read place=/ errno=EIO share=1.0",
        "disk-error step=ListDirectory path=/var errno=5",
    ]


async def test_an_injector_is_asked_first_and_healing_leaves_it(store: SimStore) -> None:
    asked: list[Step[Any]] = []

    def inject(step: Step[Any]) -> Fault | None:
        asked.append(step)
        return Fault(errno.EDQUOT) if isinstance(step, d.Truncate) else None

    disk = await opened(store)
    store.inject = inject
    store.fail(Operation.ANY)
    steps: Sequence[Step[Any]] = (d.Truncate(A, 0), d.Stat("/var"))
    assert [await outcome(disk, step) for step in steps] == ["EDQUOT", "EIO"]
    store.heal()
    assert [await outcome(disk, step) for step in steps] == ["EDQUOT", ""]
    assert asked == [*steps, *steps]


async def test_files_left_open_are_counted_for_each_life(store: SimStore) -> None:
    one, other = await opened(store), store.mount()
    assert (one.open_files, other.open_files) == (2, 0)
    await one.perform([d.Close(A)])
    assert one.open_files == 1
    one.die()
    assert one.open_files == 0
