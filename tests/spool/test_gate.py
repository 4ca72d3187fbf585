"""Cancellation around the committer (the test that tells wrong patterns from right ones).

A disk behind a gate; A is handed over, B is queued behind it; one of them is cancelled; C comes; the gate opens, with
and without an I/O error. Law: who was cancelled while queued is not in the log; who has a receipt is in it once; B,
cancelled, returns before the gate opens.
"""

from __future__ import annotations

import errno

import pytest
import trio
import trio.lowlevel
import trio.testing
from spool_world import GatedDisk, World, batch_for, deliver, recovered, submit, terms

from momentum_trio.spool.spool import Receipt, Spool, SpoolFault, SpoolSick, open_spool
from sim.disk import SimStore


class Session:
    """One committer of content; how it ended."""

    def __init__(self, spool: Spool, name: str) -> None:
        self.spool, self.name = spool, name
        self.scope = trio.CancelScope()
        self.receipt: Receipt | None = None
        self.fault: SpoolFault | None = None
        self.ended = False

    async def run(self) -> None:
        with self.scope:
            async with self.spool.begin() as entry:
                await entry.write(self.name.encode())
                try:
                    self.receipt = await self.spool.commit(entry, batch_for(self.spool))
                except SpoolFault as fault:
                    self.fault = fault
        self.ended = True


async def contents(store: SimStore) -> list[str]:
    """What a new life finds."""
    store.power_loss()
    async with open_spool(World(store.mount()).machine, terms()) as spool:
        return sorted([(await spool.content(batch.batch_id)).decode() for batch in await recovered(spool)])


@pytest.mark.parametrize("failing", [False, True], ids=["works", "EIO"])
@pytest.mark.parametrize("cancelled", ["A", "B"])
async def test_the_gate(autojump_clock: trio.testing.MockClock, cancelled: str, failing: bool) -> None:
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms()) as spool:
        sessions = {name: Session(spool, name) for name in "ABC"}
        async with trio.open_nursery() as nursery:
            disk.open = False
            nursery.start_soon(sessions["A"].run)
            await trio.sleep(1)
            nursery.start_soon(sessions["B"].run)
            await trio.sleep(1)
            assert disk.waiting == 1
            sessions[cancelled].scope.cancel()
            await trio.sleep(1)
            assert sessions[cancelled].ended is (cancelled == "B")
            nursery.start_soon(sessions["C"].run)
            await trio.sleep(1)
            if failing:
                disk.error = OSError(errno.EIO, "gate")
            disk.open = True
    assert all(session.ended for session in sessions.values())
    kept = {"A", "B", "C"} - ({"A"} if failing else set()) - ({"B"} if cancelled == "B" else set())
    assert isinstance(sessions["A"].fault, SpoolSick) is failing
    assert {name for name, session in sessions.items() if session.receipt is not None} == kept
    assert await contents(store) == sorted(kept)


async def open_gate(disk: GatedDisk, failing: bool) -> None:
    """After a while, with or without an error for who is held by it."""
    await trio.sleep(1)
    if failing:
        disk.error = OSError(errno.EIO, "gate")
    disk.open = True


@pytest.mark.parametrize("failing", [False, True], ids=["works", "EIO"])
async def test_the_owner_is_cancelled_with_a_group_in_hand(
    autojump_clock: trio.testing.MockClock, failing: bool
) -> None:
    """Sessions that shield themselves get an answer all the same, and what was handed over is kept."""
    store = SimStore()
    disk = GatedDisk(store.mount())
    sessions: dict[str, Session] = {}

    async def node(task_status: trio.TaskStatus[Spool]) -> None:
        async with open_spool(World(disk).machine, terms()) as spool:
            task_status.started(spool)
            await trio.sleep_forever()

    with trio.fail_after(60):
        async with trio.open_nursery() as outside, trio.open_nursery() as owners:
            spool: Spool = await owners.start(node)
            sessions = {name: Session(spool, name) for name in "AB"}
            disk.open = False
            for session in sessions.values():
                session.scope.shield = True
                outside.start_soon(session.run)
                await trio.sleep(1)
            owners.cancel_scope.cancel()
            outside.start_soon(open_gate, disk, failing)
    assert [session.receipt is not None for session in sessions.values()] == [not failing, True]
    assert await contents(store) == (["B"] if failing else ["A", "B"])


async def test_a_bare_committer_cancelled_with_a_group_in_hand_answers(autojump_clock: trio.testing.MockClock) -> None:
    """Without the shield that ``Spool.run`` adds: the committer's own shield around the disk is enough."""
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms()) as spool:
        pass
    committer = spool._committer
    committer._ended = committer._closing = False
    session, late = Session(spool, "A"), Session(spool, "late")
    with trio.fail_after(60):
        async with trio.open_nursery() as outside:
            async with trio.open_nursery() as inside:
                inside.start_soon(committer.run)
                await trio.sleep(1)
                disk.open = False
                outside.start_soon(session.run)
                await trio.sleep(1)
                inside.cancel_scope.cancel()
                outside.start_soon(late.run)
                outside.start_soon(open_gate, disk, False)
    assert session.receipt is not None
    assert late.receipt is not None or late.fault is not None


async def test_conclusions_are_recorded_whoever_is_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    store = SimStore()
    disk = GatedDisk(store.mount())
    async with open_spool(World(disk).machine, terms()) as spool:
        one, two = await submit(spool, b"one"), await submit(spool, b"two")
        disk.open = False
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:

            async def cancelled() -> None:
                with scope:
                    await deliver(spool, two.batch)

            nursery.start_soon(deliver, spool, one.batch)
            await trio.sleep(1)
            nursery.start_soon(cancelled)
            await trio.sleep(1)
            scope.cancel()
            await trio.sleep(1)
            disk.open = True
        with pytest.raises(KeyError):
            await spool.content(two.batch.batch_id)
    assert await contents(store) == []
