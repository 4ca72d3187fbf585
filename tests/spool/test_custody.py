"""Custody on a disk that works: commit, read, conclude, restart; ids; the lock; the bound on the log."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from spool_world import BASE, CountingEntropy, SteppedClock, World, batch_for, deliver, recovered, submit, terms

from momentum_trio.mail.identifier import (
    Identifiers,
    identifier,
    second_of,
)
from momentum_trio.spool.frame import FRAME_MAGIC
from momentum_trio.spool.spool import (
    Conclusion,
    ContentDamaged,
    Durability,
    Message,
    Retry,
    Spool,
    SpoolLocked,
    SpoolSick,
    open_spool,
)
from sim.disk import SimStore

SIZES = [0, 1, 700, 899, 900, 901, 5000]


@pytest.mark.parametrize("size", SIZES)
async def test_content_is_the_same_before_and_after_a_restart(size: int) -> None:
    store = SimStore()
    content = bytes(n % 251 for n in range(size))
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, content, "x@y.example", "z@y.example")
        assert receipt.durability is Durability.SYNCED
        assert receipt.batch.octets == size
        assert await spool.content(receipt.batch.batch_id) == content
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        [batch] = await recovered(spool)
        assert batch == receipt.batch
        assert await recovered(spool) == []
        assert await spool.content(batch.batch_id) == content
        assert await spool.read(batch.batch_id, 1, 5) == content[1:6]
        assert await spool.read(batch.batch_id, size, 5) == b""
        await deliver(spool, batch)
        with pytest.raises(KeyError):
            await spool.content(batch.batch_id)
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        assert await recovered(spool) == []
    assert not store.files(f"{BASE}/content")


def found(spool: Spool, message: Message) -> int:
    """Its ticket."""
    ticket = spool.find(message.message_id)
    assert ticket is not None
    return ticket


async def test_outcomes_and_retries_of_single_messages() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"text", "a@x.example", "b@x.example", "c@x.example")
        one, two, three = receipt.batch.messages
        await spool.settle([(found(spool, two), Conclusion.FAILED)], [])
        await spool.settle([], [(found(spool, three), Retry(4, 1_700_000_900.5))])
        await spool.settle([(99, Conclusion.DELIVERED)], [])  # not in custody: passed over
    for _ in range(2):  # the second time from a copy, if compaction made one
        async with open_spool(World(store.mount()).machine, terms()) as spool:
            [batch] = await recovered(spool)
            assert batch.messages == (one, three)
            assert spool.retry(found(spool, three)) == Retry(4, 1_700_000_900.5)
            assert spool.retry(found(spool, one)) is None
            for _ in range(40):
                await deliver(spool, (await submit(spool, b"x" * 500)).batch)


async def test_written_receipts_without_force_fsync() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms(force_fsync=False)) as spool:
        receipt = await submit(spool, b"text")
        assert receipt.durability is Durability.WRITTEN
    store.power_loss()  # the end of the block synced it
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        assert [batch.batch_id for batch in await recovered(spool)] == [receipt.batch.batch_id]


async def test_written_mail_is_synced_after_about_a_second(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms(force_fsync=False)) as spool:
        await submit(spool, b"text")
        [log] = store.files(f"{BASE}/log")
        assert store.find(log).unsynced
        await trio.sleep(1.5)
        assert not store.find(log).unsynced


async def test_content_that_imitates_the_format_is_content() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        first = await submit(spool, b"first")
    [(log, _)] = [(path, size) for path, size in store.files(f"{BASE}/log").items() if size > 200]
    copied = store.octets(log)[60:]
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        second = await submit(spool, copied + FRAME_MAGIC * 20)
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        assert [batch.batch_id for batch in await recovered(spool)] == [first.batch.batch_id, second.batch.batch_id]
        assert await spool.content(second.batch.batch_id) == copied + FRAME_MAGIC * 20


async def test_a_second_owner_is_refused() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()):
        with pytest.raises(SpoolLocked, match="another process"):
            async with open_spool(World(store.mount()).machine, terms()):
                pass
    async with open_spool(World(store.mount()).machine, terms()):
        pass


async def test_after_the_end_nothing_is_accepted() -> None:
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        pass
    with pytest.raises(SpoolSick, match="closed"):
        await submit(spool, b"late")


async def test_no_file_stays_open_and_discarded_content_goes() -> None:
    store = SimStore()
    disk = store.mount()
    async with open_spool(World(disk).machine, terms()) as spool:
        async with spool.begin() as entry:
            await entry.write(b"x" * 500_000)
            assert len(store.files(f"{BASE}/content")) == 1
        assert not store.files(f"{BASE}/content")
        await submit(spool, b"x" * 2000)
    assert disk.open_files == 0


async def test_identifiers_never_repeat_though_the_clock_steps_back() -> None:
    store, seen, entropy = SimStore(), set[str](), CountingEntropy()
    highest = 0
    for life in range(12):
        clock = SteppedClock(1_700_000_000.0 - 3600 * life + (7200 if life == 5 else 0))
        async with open_spool(World(store.mount(), clock, entropy).machine, terms()) as spool:
            ids = [spool.next_id() for _ in range(20)]
            assert not seen & set(ids)
            seen |= set(ids)
            assert min(map(second_of, ids)) >= highest
            await deliver(spool, (await submit(spool, b"x")).batch)
            clock.time += 5
            ids = [spool.next_id(), (await submit(spool, b"y")).batch.batch_id]
            highest = max(map(second_of, ids))
        store.power_loss()


async def test_lives_without_mail_leave_no_segments() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        receipt = await submit(spool, b"kept")
    for _ in range(9):
        async with open_spool(World(store.mount()).machine, terms()) as spool:
            assert [batch.batch_id for batch in await recovered(spool)] == [receipt.batch.batch_id]
    assert len(store.files(f"{BASE}/log")) == 2


def test_identifiers_borrow_the_next_second() -> None:
    source = Identifiers(7, 100)
    ids = [source.next(100.5) for _ in range(0x10000 + 2)]
    assert len(set(ids)) == len(ids)
    assert second_of(ids[-1]) == 101
    assert second_of(source.next(99.0)) == 101
    assert ids[0x1234] == identifier(100, 7, 0x1234) == "43/21-00007-46000000"


@pytest.mark.parametrize(
    "text", ["", "00/00-00000-0000000", "00/00-0000x-00000000", "0000000000000-000000", "x-y", "/0000-00000-000000 0"]
)
def test_what_is_no_identifier(text: str) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        second_of(text)


async def test_damaged_content_is_told() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        small, large = await submit(spool, b"s" * 400), await submit(spool, b"l" * 4000)
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        [log] = [path for path, size in store.files(f"{BASE}/log").items() if size > 400]
        store.flip(log, store.octets(log).index(b"s" * 400) + 9)
        [file] = store.files(f"{BASE}/content")
        store.flip(file, 100)
        for receipt in (small, large):
            with pytest.raises(ContentDamaged):
                await spool.content(receipt.batch.batch_id)


async def test_many_sessions_share_groups() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms(segment_octets=1 << 20)) as spool:
        before = store.operations
        async with trio.open_nursery() as nursery:
            for n in range(50):
                nursery.start_soon(submit, spool, b"%d" % n)
        assert store.operations - before < 12
        assert spool.batches_in_custody == 50


async def test_an_entry_is_committed_once() -> None:
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        entry = spool.begin()
        await spool.commit(entry, batch_for(spool))
        with pytest.raises(AssertionError):
            await spool.commit(entry, batch_for(spool))
        await entry.discard()  # after a commit: nothing
