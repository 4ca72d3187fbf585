"""The simulated disk forgets what it should, keeps what it must, and the host's repeats short writes."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from typing import Any

import pytest
import trio

from momentum_trio.machine import disk as d
from momentum_trio.machine.disk import File, FileKind, Step
from momentum_trio.machine.os_disk import OsDisk
from sim.disk import SECTOR_OCTETS, Fault, PowerCut, SimStore


async def made(store: SimStore, *steps: Step[Any]) -> list[Any]:
    return await store.mount().perform(steps)


async def test_what_is_not_synced_is_lost_and_what_is_stays() -> None:
    store = SimStore()
    a, b, c = File("/a"), File("/b"), File("/c")
    await made(
        store,
        *(d.Create(a), d.Write(a, 0, [b"kept"]), d.Sync(a), d.Write(a, 4, [b"lost"])),
        *(d.Create(b), d.Write(b, 0, [b"x"])),
        d.SyncDirectory("/"),
        *(d.Create(c), d.Write(c, 0, [b"y"]), d.Sync(c)),  # its name is not durable
    )
    assert store.octets("/a") == b"keptlost"
    store.power_loss()
    assert store.files() == {"/a": 4, "/b": 0}
    assert store.octets("/a") == b"kept"


async def test_each_directory_is_synced_by_itself() -> None:
    store = SimStore()
    file = File("/one/two/file")
    steps = [d.MakeDirectory("/one/two"), d.Create(file), d.Sync(file), d.SyncDirectory("/one/two")]
    await made(store, *steps, d.SyncDirectory("/"))
    store.power_loss()
    assert list(store.root.names) == ["one"]
    assert store.files() == {}
    await made(
        store, *steps[:1], d.Create(File("/one/two/other")), d.SyncDirectory("/one/two"), d.SyncDirectory("/one")
    )
    store.power_loss()
    assert list(store.files()) == ["/one/two/other"]


async def test_a_rename_between_directories_is_kept_in_both_or_in_neither() -> None:
    for seed in range(40):
        store = SimStore()
        store.put("/tmp/a", b"a")
        store.put("/new/b", b"b")
        await made(
            store,
            d.Rename("/tmp/a", "/new/a"),
            d.Create(File("/tmp/c")),
            d.Rename("/new/b", "/tmp/b"),
            d.Unlink("/new/a"),
        )
        store.power_loss(random.Random(seed))
        names = set(store.files())
        assert len(names & {"/tmp/b", "/new/b"}) == 1, seed
        assert len(names & {"/tmp/a", "/new/a"}) <= 1, seed


async def test_a_renamed_name_is_durable_after_either_directory_is_synced() -> None:
    store = SimStore()
    store.put("/tmp/a", b"a")
    store.put("/new/b", b"b")
    await made(store, d.Rename("/tmp/a", "/new/a"), d.SyncDirectory("/new"))
    store.power_loss()
    assert set(store.files()) == {"/new/a", "/new/b"}


async def test_unsynced_writes_are_dropped_torn_or_kept() -> None:
    fates = set()
    octets = b"n" * (3 * SECTOR_OCTETS)
    for seed in range(60):
        store = SimStore()
        store.put("/a", b"o" * (3 * SECTOR_OCTETS))
        file = File("/a")
        await made(store, d.Open(file, writable=True), d.Write(file, 0, [octets]))
        store.power_loss(random.Random(seed))
        after = store.octets("/a")
        sectors = [after[n : n + SECTOR_OCTETS] for n in range(0, len(after), SECTOR_OCTETS)]
        assert all(len(set(sector)) == 1 for sector in sectors)
        fates.add(bytes(sector[0] for sector in sectors))
    assert {b"ooo", b"nnn", b"non", b"onn"} <= fates


async def test_directory_changes_are_kept_as_a_prefix() -> None:
    seen = set()
    for seed in range(40):
        store = SimStore()
        await made(store, *(d.Create(File(f"/{n}")) for n in range(4)))
        store.power_loss(random.Random(seed))
        names = sorted(store.files())
        assert names == [f"/{n}" for n in range(len(names))]
        seen.add(len(names))
    assert seen == {0, 1, 2, 3, 4}


async def test_a_full_disk_writes_short_then_says_so() -> None:
    store = SimStore(capacity=10)
    file = File("/a")
    disk = store.mount()
    with pytest.raises(OSError, match="No space"):
        await disk.perform([d.Create(file), d.Write(file, 0, [b"12345678", b"90ab"])])
    assert store.octets("/a") == b"1234567890"
    assert (await disk.perform([d.Unlink("/a"), d.FreeSpace("/")]))[1] == 10


async def test_a_failed_sync_forgets_and_the_next_succeeds() -> None:
    store = SimStore()
    file = File("/a")
    disk = store.mount()
    await disk.perform([d.Create(file), d.SyncDirectory("/"), d.Write(file, 0, [b"x"])])
    store.inject = lambda step: Fault(errno.EIO, drop_dirty=True) if isinstance(step, d.Sync) else None
    with pytest.raises(OSError, match="Input/output"):
        await disk.perform([d.Sync(file)])
    store.inject = None
    await disk.perform([d.Sync(file)])
    store.power_loss()
    assert store.octets("/a") == b""


async def test_power_is_cut_between_two_steps_and_the_life_is_over() -> None:
    store = SimStore()
    disk = store.mount()
    lock = File("/lock")
    await disk.perform([d.Create(lock), d.Lock(lock), d.SyncDirectory("/")])
    store.cut_after = 1
    with pytest.raises(PowerCut):
        await disk.perform([d.Create(File("/a")), d.Create(File("/b"))])
    for _ in range(2):
        with pytest.raises(PowerCut):
            await disk.perform([d.Close(lock)])
    assert set(store.files()) == {"/lock", "/a"}
    store.power_loss()
    again = File("/lock")
    await made(store, d.Open(again, writable=True), d.Lock(again))
    assert set(store.files()) == {"/lock"}


async def test_sockets_are_names_like_others() -> None:
    store, token = SimStore(), object()
    store.make_socket("/private", token, 0o600)
    with pytest.raises(OSError, match="in use"):
        store.make_socket("/private", token)
    facts, *_, after = await made(
        store, d.Stat("/private"), d.ChangeMode("/private", 0o660), d.Rename("/private", "/public"), d.Stat("/public")
    )
    assert (facts.kind, facts.mode) == (FileKind.SOCKET, 0o600)
    assert after.mode == 0o660
    assert store.socket_at("/public") is token
    await made(store, d.Unlink("/public"))
    with pytest.raises(FileNotFoundError):
        store.socket_at("/public")
    store.put("/file", b"")
    with pytest.raises(ConnectionRefusedError):
        store.socket_at("/file")


async def test_latency_is_waited_for_and_power_may_fail_in_it() -> None:
    store = SimStore()
    disk = store.mount()

    async def latency(steps: Sequence[Step[Any]]) -> None:
        await trio.lowlevel.checkpoint()
        store.end_lives()

    store.latency = latency
    with pytest.raises(PowerCut):
        await disk.perform([d.Create(File("/a"))])
    assert store.files() == {}


async def test_the_hosts_disk_repeats_short_writes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwritev

    def short(descriptor: int, chunks: Sequence[bytes], offset: int, flags: int = 0) -> int:
        return whole(descriptor, [b"".join(chunks)[:3]], offset, flags)

    monkeypatch.setattr(os, "pwritev", short)
    disk, file = OsDisk(), File(str(tmp_path / "a"))
    results = await disk.perform(
        [
            d.Create(file),
            d.Write(file, 1, [b"ab", b"", b"cdefg", memoryview(b"hijklmn")]),
            d.Append(file, [b"opq", b"rst"]),
            d.Read(file, 0, 99),
        ]
    )
    assert results[3] == b"\0abcdefghijklmnopqrst"
    await disk.aclose()
