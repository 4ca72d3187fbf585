"""Another spool is taken over: all of it, once, wherever power fails; what cannot be taken stays and is told."""

from __future__ import annotations

import dataclasses
import errno
import random
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from spool_world import CountingEntropy, World, batch_for, submit, terms

from momentum_trio.machine.disk import Write
from momentum_trio.mail.record import Imported, ImportResult
from momentum_trio.spool.importing import renamed, take_over
from momentum_trio.spool.spool import (
    Batch,
    Conclusion,
    Owed,
    Receipt,
    Retry,
    Spool,
    SpoolFull,
    SpoolLocked,
    SpoolSick,
    open_spool,
)
from sim.disk import Fault, PowerCut, SimStore

HERE, THERE = "/var/spool/here", "/var/spool/there"
RETRY = Retry(3, 1_700_000_900.0, 1, "450 4.2.2 full")


@dataclass(frozen=True)
class Found:
    """A message in custody, as far as an import must keep it."""

    forward_path: str
    content: bytes
    binding: str
    domain: str
    retry: Retry | None


async def custody(spool: Spool) -> dict[str, Found]:
    """By id, of what was found at opening."""
    found: dict[str, Found] = {}
    for owed in spool.owed():
        held = await spool.held(owed.ticket)
        content = await spool.content(held.batch.batch_id)
        assert held.message.message_id not in found
        found[held.message.message_id] = Found(
            held.message.forward_path, content, owed.binding, owed.domain, held.retry
        )
    return found


async def found_at(store: SimStore, base: str, entropy: CountingEntropy | None = None) -> dict[str, Found]:
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms(base)) as spool:
        return await custody(spool)


async def filled(store: SimStore, entropy: CountingEntropy) -> dict[str, Found]:
    """The spool over there: small and large content, retries, moves, half a batch."""
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms(THERE)) as spool:
        await submit(spool, b"small", "a@x.example")
        large = await submit(spool, b"large" * 500, "b@x.example", "c@y.example")
        half = await submit(spool, b"half", "d@x.example", "e@y.example", "f@z.example")
        await spool.settle([(half.tickets[1], Conclusion.DELIVERED)], [(half.tickets[0], RETRY)])
        await spool.move([half.tickets[2]], binding="slow", routing_domain="hub.example")
        await spool.move([large.tickets[1]], binding="slow")
    return await found_at(store, THERE, entropy)


class Import:
    """One life that imports. owed: what the queue was told."""

    def __init__(self, store: SimStore, entropy: CountingEntropy, **changes: Any) -> None:
        self.world = World(store.mount(), entropy=entropy)
        self.owed: list[Owed] = []
        self.changes = changes

    async def run(self) -> None:
        async with open_spool(self.world.machine, terms(HERE, **self.changes)) as spool:
            await self.into(spool)

    async def into(self, spool: Spool) -> None:
        await take_over(self.world.machine, spool, terms(THERE), self.owed.append)

    @property
    def records(self) -> list[Imported]:
        return [each for each in self.world.records if isinstance(each, Imported)]


@pytest.mark.parametrize("force_fsync", [True, False])
async def test_all_is_taken_over(force_fsync: bool) -> None:
    store, entropy = SimStore(), CountingEntropy()
    expected = await filled(store, entropy)
    one = Import(store, entropy, force_fsync=force_fsync)
    await one.run()
    assert {each.old_id: each.new_id for each in one.records} == {each: each for each in expected}
    assert {(each.result, each.directory) for each in one.records} == {(ImportResult.TAKEN, THERE)}
    assert sorted(each.domain for each in one.owed) == sorted(each.domain for each in expected.values())
    assert sorted(str(each.retry) for each in one.owed) == sorted(str(each.retry) for each in expected.values())
    store.power_loss()
    assert await found_at(store, HERE) == expected
    assert await found_at(store, THERE) == {}
    assert not store.files(f"{THERE}/content")
    again = Import(store, entropy)
    await again.run()
    assert (again.records, again.owed) == ([], [])


def survives(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(survives, error.exceptions))
    return isinstance(error, PowerCut)


def cut(store: SimStore, point: int, life: Any) -> bool:
    """Whether *life* came to its end although power fails after *point* operations."""
    store.cut_after = point
    try:
        trio.run(life)
    except BaseException as error:
        if not survives(error):
            raise
        return False
    finally:
        store.cut_after = None
    return True


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("collides", [False, True])
def test_power_fails_at_every_operation(seed: int | None, collides: bool) -> None:
    """Then it is done again, and again cut, and at last to its end: each message is here once, and nothing there."""
    point, done = 0, False
    while not done:
        store, entropy = SimStore(), CountingEntropy()
        expected = trio.run(filled, store, entropy)
        others = trio.run(colliding, store, entropy, [*expected]) if collides else {}
        done = cut(store, point, Import(store, entropy).run)
        store.power_loss(None if seed is None else random.Random(seed + point))
        here, there = trio.run(found_at, store, HERE, entropy), trio.run(found_at, store, THERE, entropy)
        assert values(expected) <= values(here) | values(there) | {*others.values()}
        cut(store, point // 2, Import(store, entropy).run)
        store.power_loss(None if seed is None else random.Random(seed + point))
        trio.run(Import(store, entropy).run)
        here = trio.run(found_at, store, HERE, entropy)
        assert len(here) == len(expected) + len(others)
        assert values(here) == values(expected) | values(others)
        assert collides or here.keys() == expected.keys()
        assert trio.run(found_at, store, THERE, entropy) == {}
        point += 1 if seed is None and not collides else 4


def values(found: dict[str, Found]) -> set[Found]:
    """Retries left out: one may be lost with power, which costs an early attempt."""
    return {dataclasses.replace(each, retry=None) for each in found.values()}


async def colliding(store: SimStore, entropy: CountingEntropy, ids: list[str]) -> dict[str, Found]:
    """Other mail in custody here that has some of these identifiers."""
    async with open_spool(World(store.mount(), entropy=entropy).machine, terms(HERE)) as spool:
        for message_id in ids[::2]:
            batch = batch_for(spool, "other@x.example")
            await commit(spool, replace(batch, messages=(replace(batch.messages[0], message_id=message_id),)))
    return await found_at(store, HERE, entropy)


async def commit(spool: Spool, batch: Batch) -> Receipt:
    async with spool.begin() as entry:
        await entry.write(b"other " + batch.batch_id.encode())
        return await spool.commit(entry, batch)


async def test_identifiers_that_are_taken_give_way_to_the_same_others_each_time() -> None:
    store, entropy = SimStore(), CountingEntropy()
    expected = await filled(store, entropy)
    await colliding(store, entropy, [*expected])
    one = Import(store, entropy)
    await one.run()
    new_ids = {each.old_id: each.new_id for each in one.records}
    assert new_ids.keys() == expected.keys()
    assert all(new_ids[message_id] == renamed(message_id, 1) for message_id in [*expected][::2])


def test_renaming() -> None:
    assert renamed("43/21-00007-46000000", 0) == "43/21-00007-46000000"
    assert renamed("43/21-00007-46D32C51", 3) == "43/21-00010-46D32C51"
    assert renamed("43/21-99999-46D32C56", 1) == "43/21-00000-46D32C56"
    assert renamed("odd", 2) == "odd-2"


async def test_what_cannot_be_read_stays_and_is_told() -> None:
    store, entropy = SimStore(), CountingEntropy()
    expected = await filled(store, entropy)
    [large] = store.files(f"{THERE}/content")
    store.flip(large, 100)
    one = Import(store, entropy)
    await one.run()
    results = {each.old_id: each.result for each in one.records}
    damaged = {message_id for message_id, each in expected.items() if each.content.startswith(b"large")}
    assert {each for each, result in results.items() if result is ImportResult.CONTENT_UNREADABLE} == damaged
    assert (await found_at(store, HERE)).keys() == expected.keys() - damaged
    assert (await found_at_there(store)) == damaged


async def found_at_there(store: SimStore) -> set[str]:
    async with open_spool(World(store.mount()).machine, terms(THERE)) as spool:
        return {spool.message_id(owed.ticket) for owed in spool.owed()}


async def test_a_full_disk_here_leaves_the_rest_there() -> None:
    store, entropy = SimStore(), CountingEntropy()
    expected = await filled(store, entropy)
    one = Import(store, entropy)

    def full(step: object) -> Fault | None:
        return Fault(errno.ENOSPC) if isinstance(step, Write) and f"{HERE}/content" in step.file.path else None

    async with open_spool(one.world.machine, terms(HERE)) as spool:
        store.inject = full
        with pytest.raises(SpoolFull):
            await one.into(spool)
        store.inject = None
        results = {each.result for each in one.records}
        assert results == {ImportResult.TAKEN, ImportResult.NOT_WRITTEN}
        await one.into(spool)
        assert len(one.owed) == len(expected)
    assert await found_at(store, HERE) == expected
    assert await found_at_there(store) == set()


async def test_a_spool_that_a_host_has_or_that_is_none() -> None:
    store, entropy = SimStore(), CountingEntropy()
    await filled(store, entropy)
    one = Import(store, entropy)
    async with open_spool(one.world.machine, terms(HERE)) as spool:
        async with open_spool(one.world.machine, terms(THERE)):
            with pytest.raises(SpoolLocked):
                await one.into(spool)
        with pytest.raises(SpoolLocked):
            await take_over(one.world.machine, spool, terms(HERE), one.owed.append)
        with pytest.raises(SpoolSick, match="is no spool"):
            await take_over(one.world.machine, spool, terms("/nowhere"), one.owed.append)
    with pytest.raises(FileNotFoundError):
        store.files("/nowhere")


async def test_cancelled_in_the_middle_it_goes_on_later(autojump_clock: object) -> None:
    store, entropy = SimStore(), CountingEntropy()
    expected = await filled(store, entropy)
    one = Import(store, entropy)
    async with open_spool(one.world.machine, terms(HERE)) as spool:
        for ticks in range(12):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(one.into, spool)
                    for _ in range(ticks * 3):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()
        await one.into(spool)
        assert len(one.owed) == len(expected)
        assert len({each.ticket for each in one.owed}) == len(expected)
    assert await found_at(store, HERE) == expected
