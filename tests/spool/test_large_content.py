"""Large content on its way in: what it may hold open, and what is left when the disk fails."""

from __future__ import annotations

import errno
import random

import pytest
import trio
import trio.lowlevel
import trio.testing
from spool_world import BASE, World, batch_for, submit, terms

from momentum_trio.machine.disk import Create, Datasync, Read, Sync, Unlink, Write
from momentum_trio.spool.content_files import KEPT_OPEN_MAX
from momentum_trio.spool.entry import PIECE_OCTETS
from momentum_trio.spool.spool import Conclusion, Entry, Spool, SpoolFault, open_spool
from sim.disk import Fault, SimStore

PIECE = bytes(range(256)) * (PIECE_OCTETS // 256)


async def begun(spool: Spool, count: int) -> list[Entry]:
    entries = [spool.begin() for _ in range(count)]
    for entry in entries:
        await entry.write(PIECE)
    return entries


async def test_many_slow_clients_take_few_descriptors() -> None:
    store = SimStore(capacity=512 * PIECE_OCTETS)
    disk = store.mount()
    world = World(disk)
    async with open_spool(world.machine, terms()) as spool:
        before = disk.open_files
        entries = await begun(spool, KEPT_OPEN_MAX + 40)
        assert disk.open_files == before + KEPT_OPEN_MAX
        for entry in entries:
            await entry.write(PIECE)
            await entry.write(b"the end")
        assert disk.open_files == before + KEPT_OPEN_MAX
        receipts = [await spool.commit(entry, batch_for(spool)) for entry in entries]
        assert disk.open_files == before
        for receipt in receipts:
            assert await spool.content(receipt.batch.batch_id) == PIECE + PIECE + b"the end"
        again = await begun(spool, KEPT_OPEN_MAX)
        assert disk.open_files == before + KEPT_OPEN_MAX, "who is done lets another stay open"
        for entry in again:
            await entry.discard()
        assert disk.open_files == before
    assert not disk.open_files
    assert not world.panics


async def test_what_is_closed_between_pieces_was_synced_first() -> None:
    """A write error that comes after the closing would be told to nobody."""
    store = SimStore(capacity=512 * PIECE_OCTETS)
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        kept = await begun(spool, KEPT_OPEN_MAX)
        entry = spool.begin()
        store.inject = lambda step: Fault(errno.EIO) if isinstance(step, Datasync) else None
        with pytest.raises(SpoolFault):
            await entry.write(PIECE)
        store.inject = None
        for each in (entry, *kept):
            await each.discard()
        assert not [path for path in store.files(BASE) if "/content/" in path]


@pytest.mark.parametrize("kind", [Write, Sync])
async def test_a_failed_entry_is_closed_and_cannot_be_committed(kind: type) -> None:
    """A second sync after a failed one succeeds, and says nothing of what the first one lost."""
    store = SimStore()
    disk = store.mount()
    world = World(disk)
    async with open_spool(world.machine, terms()) as spool:
        before = disk.open_files
        entry = spool.begin()
        await entry.write(PIECE)
        await entry.write(b"more")
        store.inject = lambda step: Fault(errno.EIO) if isinstance(step, kind) else None
        with pytest.raises(SpoolFault):
            await spool.commit(entry, batch_for(spool))
        store.inject = None
        assert disk.open_files == before
        with pytest.raises(AssertionError):
            await spool.commit(entry, batch_for(spool))
        await entry.discard()


@pytest.mark.parametrize("cut", range(12))
async def test_cancelled_anywhere_nothing_stays_open(cut: int) -> None:
    store = SimStore(capacity=512 * PIECE_OCTETS)
    disk = store.mount()

    async def slowly(_: object) -> None:
        await trio.lowlevel.checkpoint()

    async with open_spool(World(disk).machine, terms()) as spool:
        kept = await begun(spool, KEPT_OPEN_MAX - cut % 2)
        before = disk.open_files
        store.latency = slowly
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    for _ in range(random.Random(cut).randrange(8)):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()

                nursery.start_soon(cancel)
                async with spool.begin() as entry:
                    for _ in range(3):
                        await entry.write(PIECE)
                    await spool.commit(entry, batch_for(spool))
        assert disk.open_files == before
        for each in kept:
            await each.discard()


async def test_what_cannot_be_removed_is_removed_later_and_said_once() -> None:
    store = SimStore(capacity=512 * PIECE_OCTETS)
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        entries = await begun(spool, 2)
        store.inject = lambda step: Fault(errno.EIO) if isinstance(step, Unlink) else None
        for entry in entries:
            await entry.discard()
        for _ in range(3):
            await spool.sync()
        assert len(store.files(f"{BASE}/content")) == 2
        assert sum("cannot be removed yet" in text for text in world.errors()) == 1
        store.inject = None
        await spool.sync()
        await trio.testing.wait_all_tasks_blocked()
        assert store.files(f"{BASE}/content") == {}


@pytest.mark.parametrize("octets", [0, 1, 1000, 64 * 1024 - 50, 64 * 1024, PIECE_OCTETS, 3 * PIECE_OCTETS + 17])
@pytest.mark.parametrize("kept_open", [True, False])
async def test_what_is_put_in_front_is_there_first(octets: int, kept_open: bool) -> None:
    content = (PIECE * 4)[:octets]
    store = SimStore(capacity=512 * PIECE_OCTETS)
    disk = store.mount()
    world = World(disk)
    async with open_spool(world.machine, terms()) as spool:
        others = [] if kept_open else await begun(spool, KEPT_OPEN_MAX)
        before, files = disk.open_files, len(store.files(f"{BASE}/content"))
        entry = spool.begin()
        for at in range(0, octets, 100_000):
            await entry.write(content[at : at + 100_000])
        await entry.put_in_front(b"A: b\r\n" * 20)
        receipt = await spool.commit(entry, batch_for(spool))
        batch_id = receipt.batch.batch_id
        assert await spool.content(batch_id) == b"A: b\r\n" * 20 + content
        assert receipt.batch.octets == octets + 120
        assert disk.open_files == before
        assert len(store.files(f"{BASE}/content")) <= files + 1, "the file that was copied is gone"
        for each in others:
            await each.discard()
    async with open_spool(World(disk).machine, terms()) as spool:
        assert await spool.content(batch_id) == b"A: b\r\n" * 20 + content


@pytest.mark.parametrize("kind", [Read, Write, Create])
async def test_what_cannot_be_put_in_front_leaves_nothing(kind: type) -> None:
    store = SimStore(capacity=512 * PIECE_OCTETS)
    disk = store.mount()
    async with open_spool(World(disk).machine, terms()) as spool:
        before = disk.open_files
        entry = spool.begin()
        await entry.write(PIECE * 2)
        store.inject = lambda step: Fault(errno.EIO) if isinstance(step, kind) else None
        with pytest.raises(SpoolFault):
            await entry.put_in_front(b"x")
        store.inject = None
        with pytest.raises(AssertionError):
            await spool.commit(entry, batch_for(spool))
        await entry.discard()
        assert (disk.open_files, store.files(f"{BASE}/content")) == (before, {})


async def test_what_the_disk_gives_back_changed_is_not_copied() -> None:
    store = SimStore(capacity=512 * PIECE_OCTETS)
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        entry = spool.begin()
        await entry.write(PIECE * 2)
        entry.check ^= 1
        with pytest.raises(SpoolFault, match="cannot be read back"):
            await entry.put_in_front(b"x")
        await entry.discard()


@pytest.mark.parametrize("cut", range(10))
async def test_cancelled_while_it_is_copied_nothing_is_left(cut: int) -> None:
    store = SimStore(capacity=512 * PIECE_OCTETS)
    disk = store.mount()

    async def slowly(_: object) -> None:
        await trio.lowlevel.checkpoint()

    async with open_spool(World(disk).machine, terms()) as spool:
        before = disk.open_files
        store.latency = slowly
        async with spool.begin() as entry:
            await entry.write(PIECE * 2)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(entry.put_in_front, b"x")
                for _ in range(cut):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
        assert (disk.open_files, store.files(f"{BASE}/content")) == (before, {})
        assert len(await begun(spool, KEPT_OPEN_MAX)) == KEPT_OPEN_MAX
        assert disk.open_files == before + KEPT_OPEN_MAX, "no place is lost"


@pytest.mark.parametrize("sizes", [[], [5, 7], [PIECE_OCTETS, 9], [PIECE_OCTETS, PIECE_OCTETS, 100, 1]])
async def test_what_was_written_can_be_read_before_it_is_kept(sizes: list[int]) -> None:
    """From memory, from the file, and across the place where one ends and the other begins."""
    store = SimStore(capacity=64 * PIECE_OCTETS)
    disk = store.mount()
    world = World(disk)
    async with open_spool(world.machine, terms()) as spool:
        entry, written = spool.begin(), b""
        for size in sizes:
            piece = (PIECE * 2)[size % 7 : size % 7 + size]
            await entry.write(piece)
            written += piece
        before = disk.open_files
        for offset in {0, 3, 5, PIECE_OCTETS - 1, PIECE_OCTETS, PIECE_OCTETS + 5, len(written)}:
            found, at = b"", offset
            while octets := await entry.read(at, 100_000):
                assert len(octets) <= 100_000
                found, at = found + octets, at + len(octets)
            assert found == written[offset:]
        assert disk.open_files == before
        await entry.write(b"the end")
        receipt = await spool.commit(entry, batch_for(spool))
        assert await spool.content(receipt.batch.batch_id) == written + b"the end"


async def test_files_of_concluded_mail_go_although_nothing_follows(autojump_clock: trio.testing.MockClock) -> None:
    """Outcomes are made durable by whatever is synced next: also by the copies of a compaction."""
    store = SimStore(capacity=512 * PIECE_OCTETS)
    world = World(store.mount())
    async with open_spool(world.machine, terms(segment_octets=4096)) as spool:
        await submit(spool, b"waits" * 100)
        for _ in range(12):
            receipts = [await submit(spool, octets) for octets in (b"small" * 100, PIECE[:2000], b"other" * 100)]
            await spool.settle([(receipt.tickets[0], Conclusion.DELIVERED) for receipt in receipts], [])
            await trio.sleep(5)
            assert not store.files(f"{BASE}/content")
    assert not world.panics
