"""Conclusions that nobody waits for: they ride in the next group, or are written alone after GATHERING_SECONDS."""

from __future__ import annotations

import errno

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from spool_world import GatedDisk, World, recovered, submit, terms

from momentum_trio.spool.committer import GATHERING_SECONDS
from momentum_trio.spool.spool import GATHERED_MAX, Conclusion, Spool, open_spool
from sim.disk import SimStore

DELIVERED = Conclusion.DELIVERED
MOMENT = GATHERING_SECONDS / 10


def writes(disk: GatedDisk) -> list[bool]:
    """Of each group that was written, whether it was synced."""
    return ["Datasync" in job for job in disk.jobs if job[0] == "Write"]


async def owed(store: SimStore) -> int:
    """Messages that a new life finds."""
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        return sum(len(batch.messages) for batch in await recovered(spool))


async def tickets_of(spool: Spool, count: int) -> list[int]:
    return list((await submit(spool, b"text", *(f"{number}@x.example" for number in range(count)))).tickets)


async def test_they_ride_with_what_somebody_waits_for(autojump_clock: trio.testing.MockClock) -> None:
    disk = GatedDisk(SimStore().mount())
    async with open_spool(World(disk).machine, terms(segment_octets=1 << 20)) as spool:
        one, two, three = await tickets_of(spool, 3)
        disk.jobs.clear()
        for ticket in (one, two):
            assert spool.conclude_soon([(ticket, DELIVERED)])
        await trio.sleep(MOMENT)
        assert not writes(disk)
        assert spool.message_id(one)  # in custody until a group has it
        await submit(spool, b"more")
        assert writes(disk) == [True]
        assert spool.tickets(spool.batch_id(three)) == [three]


async def test_alone_they_are_written_in_time_all_in_one_group(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms(segment_octets=1 << 20)) as spool:
        tickets = await tickets_of(spool, 20)
        disk.jobs.clear()
        for ticket in tickets[:19]:
            assert spool.conclude_soon([(ticket, DELIVERED)])
            await trio.sleep(MOMENT / 100)
        await trio.sleep(GATHERING_SECONDS)
        assert writes(disk) == [False]
        assert spool.tickets(spool.batch_id(tickets[19])) == [tickets[19]]


async def test_what_gathers_is_written_when_the_spool_is_closed() -> None:
    store = SimStore()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        tickets = await tickets_of(spool, 5)
        assert spool.conclude_soon([(ticket, DELIVERED) for ticket in tickets])
    assert not spool.conclude_soon([(tickets[0], DELIVERED)])
    store.power_loss()
    assert await owed(store) == 0


async def test_how_many_gather_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    disk = GatedDisk(SimStore().mount())
    async with open_spool(World(disk).machine, terms(segment_octets=1 << 20)) as spool:
        tickets = await tickets_of(spool, GATHERED_MAX + 1)
        disk.open = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(submit, spool, b"at the gate")
            await trio.sleep(1)
            for ticket in tickets[:-1]:
                assert spool.conclude_soon([(ticket, DELIVERED)])
            await trio.sleep(1)
            assert not spool.conclude_soon([(tickets[-1], DELIVERED)])
            disk.open = True
        await trio.sleep(1)
        assert spool.conclude_soon([(tickets[-1], DELIVERED)])


async def test_a_disk_that_fails_is_given_them_again(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms()) as spool:
        tickets = await tickets_of(spool, 2)
        disk.error = OSError(errno.EIO, "gate")
        assert spool.conclude_soon([(ticket, DELIVERED) for ticket in tickets])
        await trio.sleep(10)
    store.power_loss()
    assert await owed(store) == 0


def killed(store: SimStore) -> SimStore:
    """What ``kill -9`` leaves: all that was written."""
    left = SimStore()
    for path in store.files():
        left.put(path, store.octets(path))
    return left


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["conclude", "settle", "submit", "rest"]), max_size=12))
def test_none_is_lost_and_none_invented(steps: list[str]) -> None:
    """A new life owes what was not concluded; after a kill also what has gathered since a group was last written."""
    store = SimStore()

    async def life() -> int:
        async with open_spool(World(store.mount()).machine, terms()) as spool:
            tickets, gathered = await tickets_of(spool, 6), 0
            for step in steps:
                if step == "conclude" and tickets:
                    assert spool.conclude_soon([(tickets.pop(), DELIVERED)])
                    gathered += 1
                    continue
                if step == "settle" and tickets:
                    await spool.settle([(tickets.pop(), DELIVERED)], [])
                elif step == "submit":
                    tickets += await tickets_of(spool, 1)
                else:
                    await trio.sleep(2 * GATHERING_SECONDS)
                gathered = 0
            assert await owed(killed(store)) == len(tickets) + gathered
            return len(tickets)

    left = trio.run(life, clock=trio.testing.MockClock(autojump_threshold=0))
    assert trio.run(owed, store) == left
