"""A disk that fails: full, sick, rotten. What was acknowledged stays; what was refused is told; nothing hangs."""

from __future__ import annotations

import errno
import zlib
from typing import Any

import pytest
import trio
import trio.testing
from spool_world import BASE, World, batch_for, deliver, recovered, submit, terms

from momentum_trio.machine.disk import Create, Datasync, File, Open, Read, Step, Sync, Truncate, Write
from momentum_trio.spool.frame import SEGMENT_HEADER_OCTETS, SegmentHeader
from momentum_trio.spool.quarantine import Quarantine
from momentum_trio.spool.spool import Receipt, Spool, SpoolFull, SpoolSick, open_spool
from sim.disk import Fault, SimStore


class Failing:
    """Fails the first *count* steps of *kind* (in ``path``s that contain *where*) from now on."""

    def __init__(self, store: SimStore, kind: type[Step[Any]], fault: Fault, count: int = 1, where: str = "") -> None:
        self.kind, self.fault, self.left, self.where = kind, fault, count, where
        self.store = store
        store.inject = self

    def __call__(self, step: Step[Any]) -> Fault | None:
        if not self.left or type(step) is not self.kind or self.where not in step.file.path:  # type: ignore[attr-defined]
            return None
        self.left -= 1
        return self.fault


async def found(store: SimStore, **changes: Any) -> dict[str, bytes]:
    """What a new life finds after loss of power."""
    store.inject = None
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms(**changes)) as spool:
        return {batch.batch_id: await spool.content(batch.batch_id) for batch in await recovered(spool)}


def ids(*receipts: Receipt) -> list[str]:
    return [receipt.batch.batch_id for receipt in receipts]


@pytest.mark.parametrize(
    ("kind", "fault", "refusal"),
    [
        (Write, Fault(errno.EIO), SpoolSick),
        (Write, Fault(errno.ENOSPC), SpoolFull),
        (Write, Fault(errno.ENOSPC, after_octets=100), SpoolFull),
        (Write, Fault(errno.EDQUOT, after_octets=1), SpoolFull),
        (Datasync, Fault(errno.EIO), SpoolSick),
        (Datasync, Fault(errno.EIO, drop_dirty=True), SpoolSick),
        (Datasync, Fault(errno.ENOSPC, drop_dirty=True), SpoolFull),
    ],
)
async def test_a_failing_group_is_refused_and_the_next_is_kept(
    kind: type[Step[Any]], fault: Fault, refusal: type[Exception]
) -> None:
    store = SimStore()
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        before = await submit(spool, b"before")
        concluded = await submit(spool, b"concluded")
        await deliver(spool, concluded.batch)  # lazy: written, not synced, and so lost with the group that fails
        Failing(store, kind, fault)
        with pytest.raises(refusal):
            await submit(spool, b"refused")
        after = await submit(spool, b"after")
        assert await spool.content(before.batch.batch_id) == b"before"
        store.inject = None
        assert any("cannot write" in text for text in world.panics)
        assert any("writes again" in text for text in world.panics)
        doubtful = [text for text in world.panics if "may appear twice" in text]
        assert bool(doubtful) is (refusal is SpoolSick)
    assert list(await found(store)) == ids(before, after)


@pytest.mark.parametrize("cut", ["at once", "after the next"])
async def test_a_sealed_segment_is_not_believed_beyond_its_seal(cut: str) -> None:
    """The sync failed, and so did cutting the group off: it is on the disk, whole, and may only appear as announced."""
    store = SimStore()
    world = World(store.mount())
    receipts = []
    async with open_spool(world.machine, terms()) as spool:
        receipts.append(await submit(spool, b"before"))
        batch = batch_for(spool)

        def inject(step: Step[Any]) -> Fault | None:
            return Fault(errno.EIO) if isinstance(step, (Datasync, Truncate)) else None

        store.inject = inject
        async with spool.begin() as entry:
            await entry.write(b"refused")
            with pytest.raises(SpoolSick):
                await spool.commit(entry, batch)
        assert any(batch.batch_id in text for text in world.panics)
        store.inject = None
        if cut == "after the next":
            receipts.append(await submit(spool, b"after"))
        for path in store.files(f"{BASE}/log"):
            store.find(path).sync()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        reappeared = {batch.batch_id for batch in await recovered(spool)} - set(ids(*receipts))
    assert reappeared <= {batch.batch_id}
    if cut == "after the next":
        assert not reappeared


async def test_large_content_on_a_full_disk_leaves_nothing() -> None:
    store = SimStore(capacity=200_000)
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        with pytest.raises(SpoolFull):
            await submit(spool, b"x" * 400_000)
        assert not store.files(f"{BASE}/content")
        kept = await submit(spool, b"y" * 50_000)
    assert await found(store) == {kept.batch.batch_id: b"y" * 50_000}


@pytest.mark.parametrize("kind", [Create, Write, Sync])
async def test_large_content_on_a_sick_disk(kind: type[Step[Any]]) -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        Failing(store, kind, Fault(errno.EIO), where="/content/")
        with pytest.raises(SpoolSick):
            await submit(spool, b"x" * 5000)
        kept = await submit(spool, b"y" * 5000)
    assert await found(store) == {kept.batch.batch_id: b"y" * 5000}


async def fill(spool: Spool, receipts: list[Receipt]) -> None:
    """Until it is full."""
    while True:
        receipts.append(await submit(spool, b"m" * 800))


async def test_a_full_disk_fills_refuses_drains_and_takes_again(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore(capacity=60_000)
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        for _ in range(3):
            receipts: list[Receipt] = []
            with pytest.raises(SpoolFull):
                await fill(spool, receipts)
            assert len(receipts) > 10
            for receipt in receipts:
                await deliver(spool, receipt.batch)
            await trio.sleep(100)
            assert spool.batches_in_custody == 0
    assert await found(store) == {}


async def test_large_files_fill_the_disk_and_drain(autojump_clock: trio.testing.MockClock) -> None:
    """Outcomes cannot be written; the emptied file speaks for them, also after loss of power."""
    store = SimStore(capacity=60_000)
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        one, two = await submit(spool, b"1" * 20_000), await submit(spool, b"2" * 20_000)
        filler = store.free
        store.put("/filler", bytes(filler))
        await deliver(spool, one.batch)
        await trio.sleep(2)
        assert store.free >= 19_000
        store.end_lives()
        try:
            assert await found(store) == {two.batch.batch_id: b"2" * 20_000}
        finally:
            spool._committer._lazy_due = float("inf")
            revive(spool, store)


def revive(spool: Spool, store: SimStore) -> None:
    """Let a life whose disk is dead end quietly."""
    spool._log._file = None
    spool._log.unsynced_octets = 0
    spool._log.carried = []
    spool._files._retired = []
    spool._disk.dead = False  # type: ignore[attr-defined]


async def test_after_a_sick_disk_the_late_sync_is_as_soon_as_ever(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms(force_fsync=False)) as spool:
        receipt = await submit(spool, b"text")
        Failing(store, Write, Fault(errno.EIO), count=9)
        await deliver(spool, receipt.batch)
        await trio.sleep(40)  # by now the spool tries again each 32 s
        store.inject = None
        other = await submit(spool, b"other")
        await trio.sleep(2)
        store.power_loss()
        try:
            assert list(await found(store)) == ids(other)
        finally:
            revive(spool, store)


async def test_outcomes_are_written_when_the_disk_recovers(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        receipt = await submit(spool, b"text")
        other = await submit(spool, b"other")
        Failing(store, Write, Fault(errno.EIO), count=9)
        await deliver(spool, receipt.batch)  # raises nothing
        await trio.sleep(3)
        assert len([text for text in world.panics if "cannot write" in text]) == 1
        store.inject = None
        await trio.sleep(130)
        assert any("writes again" in text for text in world.panics)
        store.power_loss()
        try:
            assert list(await found(store)) == ids(other)
        finally:
            revive(spool, store)


async def test_reading_from_a_sick_disk() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"x" * 5000)
        Failing(store, Read, Fault(errno.EIO))
        with pytest.raises(SpoolSick):
            await spool.content(receipt.batch.batch_id)
        assert await spool.content(receipt.batch.batch_id) == b"x" * 5000


# -- rot ---------------------------------------------------------------------------------------------------------------


async def filled(store: SimStore, count: int, **changes: Any) -> list[Receipt]:
    async with open_spool(World(store.mount()).machine, terms(segment_octets=1 << 16, **changes)) as spool:
        return [await submit(spool, b"content %03d " % n + b"x" * 100) for n in range(count)]


def log_of(store: SimStore) -> str:
    [path] = [path for path, size in store.files(f"{BASE}/log").items() if size > 400]
    return path


async def test_a_flipped_bit_costs_one_record_and_is_kept_aside() -> None:
    store = SimStore()
    receipts = await filled(store, 5)
    path = log_of(store)
    store.flip(path, store.octets(path).index(b"content 002") + 20)
    for life in range(3):
        world = World(store.mount())
        async with open_spool(world.machine, terms()) as spool:
            assert [batch.batch_id for batch in await recovered(spool)] == ids(*receipts[:2], *receipts[3:])
            for n in (0, 1, 3, 4):
                assert (await spool.content(receipts[n].batch.batch_id)).startswith(b"content %03d" % n)
        assert len(world.errors()) == (life == 0)  # said once
        [kept] = store.files(f"{BASE}/quarantine")
        assert b"xxxxx" in store.octets(kept)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
async def test_any_rotten_octet_costs_at_most_its_own_record(mask: int) -> None:
    """Each octet of a log whose segment was followed by another. No silence, nothing wrong, nothing else lost."""
    model = SimStore()
    receipts = await filled(model, 4)
    async with open_spool(World(model.mount()).machine, terms()):
        pass
    path = log_of(model)
    files = {name: model.octets(name) for name in model.files(f"{BASE}/log")}
    for offset in range(mask % 5, len(files[path]), 5):
        store = SimStore()
        for name, octets in files.items():
            store.put(name, octets)
        store.flip(path, offset, mask)
        world = World(store.mount())
        async with open_spool(world.machine, terms()) as spool:
            batches = [batch.batch_id for batch in await recovered(spool)]
            assert len(batches) >= 3, offset
            assert set(batches) <= set(ids(*receipts))
            for n, receipt in enumerate(receipts):
                if receipt.batch.batch_id in batches:
                    assert (await spool.content(receipt.batch.batch_id)).startswith(b"content %03d" % n)
        assert world.errors(), offset


async def test_a_torn_last_group_is_cut_without_alarm() -> None:
    model = SimStore()
    receipts = await filled(model, 3)
    path = log_of(model)
    octets = model.octets(path)
    last = octets.index(b"content 002")
    for length in range(last - 100, len(octets), 7):
        store = SimStore()
        store.put(path, octets[:length])
        world = World(store.mount())
        async with open_spool(world.machine, terms()) as spool:
            assert [batch.batch_id for batch in await recovered(spool)] == ids(*receipts[:2])
        assert not world.panics


async def test_large_content_missing_or_short_is_an_alarm() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        one, two, three = [await submit(spool, b"%d" % n * 3000) for n in (1, 2, 3)]
    first, second, _ = sorted(store.files(f"{BASE}/content"))
    store.put(first, b"1" * 2999)
    store.put("/elsewhere", b"")
    store.root.names["var"].names["spool"].names["mt"].names["content"].names.pop(second.rpartition("/")[2])
    for life in range(2):
        world = World(store.mount())
        async with open_spool(world.machine, terms()) as spool:
            assert [batch.batch_id for batch in await recovered(spool)] == ids(three)
        assert len(world.errors()) == 2 * (life == 0)
    assert one
    assert two


async def test_a_missing_segment_is_an_alarm() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        for n in range(20):
            await submit(spool, b"%d" % n * 600)
    middle = sorted(store.files(f"{BASE}/log"))[1].rpartition("/")[2]
    store.root.names["var"].names["spool"].names["mt"].names["log"].names.pop(middle)
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        assert 10 < len(await recovered(spool)) < 20
    assert any("is missing" in text for text in world.errors())


async def test_another_version_is_left_alone() -> None:
    store = SimStore()
    header = bytearray(SegmentHeader(1, 7, 3, 5).octets())
    header[9] = 9
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "big")
    path = f"{BASE}/log/{1:016x}-{7:08x}.log"
    store.put(path, bytes(header))
    with pytest.raises(SpoolSick, match="format 9"):
        async with open_spool(World(store.mount()).machine, terms()):
            pass
    assert len(store.octets(path)) == SEGMENT_HEADER_OCTETS


async def test_rot_met_by_compaction_goes_to_quarantine() -> None:
    store = SimStore()
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        rotten, sound = await submit(spool, b"rotten" * 50), await submit(spool, b"sound" * 50)
        [path] = store.files(f"{BASE}/log")
        store.flip(path, store.octets(path).index(b"rottenrotten"))
        tickets = set[int]()
        for _ in range(60):
            receipt = await submit(spool, b"m" * 500)
            tickets |= {*receipt.tickets}
            await deliver(spool, receipt.batch)
        await trio.testing.wait_all_tasks_blocked()
        assert path not in store.files(f"{BASE}/log")
        assert any(rotten.batch.batch_id in text for text in world.errors())
        assert spool.batches_in_custody == 1
        assert not tickets & {
            *rotten.tickets,
            *sound.tickets,
        }  # whoever holds the ticket of what is lost has no other's
        with pytest.raises(KeyError):
            spool.message_id(rotten.tickets[0])
    assert await found(store) == {sound.batch.batch_id: b"sound" * 50}


async def test_a_spool_that_cannot_be_opened_says_so() -> None:
    store = SimStore()
    Failing(store, Sync, Fault(errno.EIO))
    with pytest.raises(SpoolSick):
        async with open_spool(World(store.mount()).machine, terms()):
            pass
    store.inject = None
    disk = store.mount()
    async with open_spool(World(disk).machine, terms()):
        pass
    assert disk.open_files == 0


async def test_reading_from_a_disk_that_fails_at_everything() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"x" * 5000)
        store.inject = lambda step: Fault(errno.EIO)
        with pytest.raises(SpoolSick):
            await spool.content(receipt.batch.batch_id)
        entry = spool.begin()
        with pytest.raises(SpoolSick):
            await entry.write(b"x" * 5000)
        store.inject = None
        await entry.discard()


async def test_a_quarantine_that_fails_leaves_nothing_open() -> None:
    store = SimStore()
    store.put("/log", b"damaged")
    store.put("/kept/log-0", b"", 0o640)
    disk, source = store.mount(), File("/log")
    await disk.perform([Open(source)])
    store.inject = lambda step: Fault(errno.EIO) if isinstance(step, Truncate) else None
    with pytest.raises(OSError, match="Input/output"):
        await Quarantine(disk, "/kept", 0o640).keep("log-0", source, 0, 7)
    assert disk.open_files == 1
    store.inject = None
    assert await Quarantine(disk, "/kept", 0o640).keep("log-0", source, 0, 7)
    assert store.octets("/kept/log-0") == b"damaged"


async def test_a_nearly_full_disk_is_not_littered_with_empty_segments() -> None:
    """Each refused group seals a segment; those that hold nothing are removed."""
    store = SimStore()
    world = World(store.mount())
    async with open_spool(world.machine, terms()) as spool:
        kept = await submit(spool, b"kept")
        store.inject = lambda step: (
            Fault(errno.ENOSPC, 100) if isinstance(step, Write) and step.offset and "/log/" in step.file.path else None
        )
        for _ in range(50):
            with pytest.raises(SpoolFull):
                await submit(spool, b"refused")
        assert len(store.files(f"{BASE}/log")) <= 3
        store.inject = None
        late = await submit(spool, b"late")
        assert len(store.files(f"{BASE}/log")) == 2
    assert await found(store) == {kept.batch.batch_id: b"kept", late.batch.batch_id: b"late"}
    assert not [text for text in world.errors() if "missing" in text]
