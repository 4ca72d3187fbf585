"""Many entries committed together: each for itself, in as few groups as they fit, and all of them or none withdrawn."""

from __future__ import annotations

import errno

import pytest
import trio
from spool_world import GatedDisk, World, batch_for, recovered, submit, terms

from momentum_trio.spool import arrivals
from momentum_trio.spool.spool import Batch, Claim, Entry, Receipt, Spool, SpoolFault, SpoolFull, SpoolSick, open_spool
from sim.disk import SimStore

MANY = 20
LARGE = b"x" * 2000  # above terms().large_message_octets


async def entries(spool: Spool, *contents: bytes) -> list[tuple[Entry, Batch, Claim | None]]:
    made = list[tuple[Entry, Batch, Claim | None]]()
    for content in contents:
        entry = spool.begin()
        await entry.write(content)
        made.append((entry, batch_for(spool), None))
    return made


async def contents(store: SimStore) -> list[bytes]:
    """What a new life finds once power was lost."""
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        return sorted([await spool.content(batch.batch_id) for batch in await recovered(spool)])


async def test_all_of_them_are_one_group_and_durable() -> None:
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms(segment_octets=1 << 20)) as spool:
        disk.jobs.clear()
        outcomes = await spool.commit_all(await entries(spool, *(b"%d" % n for n in range(MANY))))
        assert disk.jobs == [["Write", "Datasync"]]
        assert all(isinstance(outcome, Receipt) and len(outcome.tickets) == 1 for outcome in outcomes)
        assert spool.batches_in_custody == MANY
    assert await contents(store) == sorted(b"%d" % n for n in range(MANY))


async def test_small_content_needs_no_entry() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        with_entry = await entries(spool, b"a", b"b")
        made = [(content, batch_for(spool).with_octets(len(content)), None) for content in (b"c", b"dd")]
        outcomes = await spool.commit_all([with_entry[0], *made, with_entry[1]])
        assert all(isinstance(outcome, Receipt) for outcome in outcomes)
        assert [outcome.batch for outcome in outcomes if isinstance(outcome, Receipt)][1:3] == [
            batch for _, batch, _ in made
        ]
        assert [await spool.content(batch.batch_id) for _, batch, _ in made] == [b"c", b"dd"]
    assert await contents(store) == [b"a", b"b", b"c", b"dd"]


async def test_more_than_a_group_of_the_log_holds() -> None:
    """Each in its place, whatever group it came into."""
    store = SimStore()
    wanted = [b"%03d" % n + b"x" * 300 for n in range(MANY)]
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        made = [(content, batch_for(spool).with_octets(len(content)), None) for content in wanted]
        outcomes = await spool.commit_all(made)
        assert len({outcome.tickets[0] for outcome in outcomes if isinstance(outcome, Receipt)}) == MANY
        assert [await spool.content(batch.batch_id) for _, batch, _ in made] == wanted
    assert await contents(store) == wanted


async def test_large_content_among_them() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        outcomes = await spool.commit_all(await entries(spool, b"a", LARGE, b"b"))
        assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert await contents(store) == sorted([b"a", LARGE, b"b"])


async def test_what_cannot_be_kept_costs_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "ENVELOPE_OCTETS_MAX", 400)
    async with open_spool(World(SimStore().mount()).machine, terms()) as spool:
        made = await entries(spool, b"a", b"b", b"c")
        paths = [f"{n}@d.example" for n in range(50)]
        made[1] = (made[1][0], batch_for(spool, *paths), None)
        outcomes = await spool.commit_all(made)
        assert [type(outcome) for outcome in outcomes] == [Receipt, SpoolFull, Receipt]
        await made[1][0].discard()
        assert spool.batches_in_custody == 2


async def test_a_disk_that_fails_is_told_of_each_in_the_group() -> None:
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms()) as spool:
        made = await entries(spool, b"a", b"b")
        disk.error = OSError(errno.EIO, "gate")
        outcomes = await spool.commit_all(made)
        assert [type(outcome) for outcome in outcomes] == [SpoolSick] * 2
        for entry, *_ in made:
            await entry.discard()
        assert isinstance((await spool.commit_all(await entries(spool, b"c")))[0], Receipt)
    assert await contents(store) == [b"c"]


@pytest.mark.parametrize("handed", [False, True], ids=["queued", "handed over"])
async def test_cancelled_they_are_withdrawn_together_or_kept_together(
    autojump_clock: trio.testing.MockClock, handed: bool
) -> None:
    """Groups of this spool hold less than all of them: what is queued behind the first group is kept with it."""
    store = SimStore()
    disk = GatedDisk(store.mount())
    wanted = [b"%03d" % n + b"x" * 300 for n in range(MANY)]
    async with open_spool(World(disk).machine, terms()) as spool:
        scope, outcomes = trio.CancelScope(), list[Receipt | SpoolFault]()

        async def commit() -> None:
            with scope:
                outcomes.extend(await spool.commit_all(await entries(spool, *wanted)))

        async with trio.open_nursery() as nursery:
            disk.open = False
            if not handed:
                nursery.start_soon(submit, spool, b"before")
                await trio.sleep(1)
            nursery.start_soon(commit)
            await trio.sleep(1)
            scope.cancel()
            await trio.sleep(1)
            disk.open = True
        assert len(outcomes) == (MANY if handed else 0)
    assert await contents(store) == (sorted(wanted) if handed else [b"before"])
