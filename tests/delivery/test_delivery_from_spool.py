"""Queue, Maildir and spool together: over a power cut at any operation nothing in custody is lost."""

from __future__ import annotations

import pathlib
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import trio
import trio.testing
from delivery_world import EPOCH, generations, machine_with

from momentum_trio.delivery.blackhole import Blackhole
from momentum_trio.delivery.maildir import Maildir
from momentum_trio.delivery.queue import Queue
from momentum_trio.limits.local import LocalState
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.message import Batch, Message
from momentum_trio.spool.spool import Spool, SpoolTerms, open_spool
from sim.disk import PowerCut, SimStore

OPTIONS = {"Delivery_Method": "MAILDIR", "Retry_Interval": "10"}


@dataclass
class Life:
    """One life of a node that has only the back half."""

    spool: Spool
    queue: Queue

    async def accept(self, *forward_paths: str, content: bytes, not_before: float = 0.0) -> Batch:
        async with self.spool.begin() as entry:
            await entry.write(content)
            messages = tuple(Message(self.spool.next_id(), path) for path in forward_paths)
            ids = self.spool.next_id(), self.spool.next_id()
            batch = Batch(*ids, EPOCH, "ann@example.net", messages, 0, "", "esmtp", not_before=not_before)
            receipt = await self.spool.commit(entry, batch)
        self.queue.take(receipt)
        return receipt.batch


@asynccontextmanager
async def life(
    disk: Disk, base: str, *, late: Mapping[str, str] | None = None, segment_octets: int = 1 << 20, **options: str
) -> AsyncIterator[Life]:
    """*late*: options of late.example."""
    machine, _ = machine_with(disk)
    tree = generations({"": OPTIONS | {"Maildir_Path": f"{base}/mail/%d/%l"} | options, "late.example": late or {}})
    async with open_spool(machine, SpoolTerms(f"{base}/spool", segment_octets)) as spool:
        queue = Queue(machine, spool, tree, [Maildir(machine, spool, spool.terms.base), Blackhole()], LocalState("mx"))
        async with trio.open_nursery() as nursery:
            await nursery.start(queue.run)
            yield Life(spool, queue)
            with trio.move_on_after(5):
                await queue.drain()
            nursery.cancel_scope.cancel()


def arrived_in(base: pathlib.Path) -> list[pathlib.Path]:
    return list(base.glob("mail/example.com/*/new/*"))


async def settled(queue: Queue, spool: Spool) -> None:
    with trio.fail_after(30):
        while queue.active or spool.batches_in_custody:  # noqa: ASYNC110  what is waited for is that nothing is left to do
            await trio.sleep(0.01)


async def test_from_the_spool_into_a_maildir(tmp_path: pathlib.Path) -> None:
    disk = OsDisk()
    async with life(disk, str(tmp_path)) as one:
        for n in range(200):
            await one.accept(f"user{n % 3}@example.com", content=b"%d\r\n" % n)
        await one.accept("user0@example.com", "user1@example.com", content=b"large\r\n" * 300_000)
        await settled(one.queue, one.spool)
        assert one.queue.delivered == 202
        assert one.spool.batches_in_custody == 0
    assert len(arrived_in(tmp_path)) == 202
    async with life(disk, str(tmp_path)) as two:
        await settled(two.queue, two.spool)
        assert two.queue.delivered == 0
    await disk.aclose()


async def test_what_is_not_delivered_outlives_a_restart(autojump_clock: object) -> None:
    store = SimStore()
    async with life(store.mount(), "", Delivery_Method="ESMTP") as one:
        await one.accept("bob@example.com", content=b"a\r\n")
        await trio.sleep(5)
        assert one.queue.delayed == 1
    async with life(store.mount(), "") as two:
        assert (two.queue.active, two.queue.delayed) == (0, 1)
        await trio.sleep(20)
        assert two.queue.delivered == 1
    assert len(store.files("/mail")) == 1


@pytest.mark.parametrize("restarts_at", [(), (100,), (86_300, 86_405), (86_405, 86_406)])
async def test_what_is_to_be_sent_later_waits_for_its_time(
    restarts_at: tuple[int, ...], autojump_clock: object
) -> None:
    """Over restarts too, and over copying forward; its age, by which it expires, counts from then."""
    store, begun = SimStore(), trio.current_time()
    deferring = partial(life, segment_octets=4096, Message_Expiration="60", Delivery_Method="ESMTP")  # there is none
    async with deferring(store.mount(), "") as one:
        await one.accept("bob@example.com", content=b"a\r\n", not_before=EPOCH + begun + 86_400)
        for _ in range(20):
            await one.accept("ann@example.org", content=b"x" * 500)
        await trio.sleep_until(begun + (restarts_at or [86_405])[0])
        assert (one.queue.delayed, one.queue.failed) == (1, 20)
    for until in restarts_at[1:]:
        async with deferring(store.mount(), "") as other:
            await trio.sleep_until(begun + until)
            assert (other.queue.delayed, other.queue.failed) == (1, 0)
    async with life(store.mount(), "", segment_octets=4096) as last:
        await trio.sleep_until(begun + 86_399)
        assert last.queue.delivered == 0
        await trio.sleep_until(begun + 86_430)
        assert (last.queue.delivered, last.queue.failed, last.queue.delayed) == (1, 0, 0)


async def test_what_the_spool_has_lost_is_forgotten_and_its_ticket_is_nobody_elses(autojump_clock: object) -> None:
    store = SimStore()
    async with life(store.mount(), "", late={"Delivery_Method": "ESMTP"}, segment_octets=4096) as one:
        await one.accept("bob@late.example", content=b"rotten" * 50)
        await trio.sleep(1)
        assert one.queue.delayed == 1
        [log] = store.files("/spool/log")
        store.flip(log, store.octets(log).index(b"rottenrotten"))
        for _ in range(60):
            await one.accept("ann@example.com", content=b"m" * 500)
            await trio.sleep(0.1)
        assert log not in store.files("/spool/log")
        assert (one.queue.delivered, one.queue.delayed) == (60, 1)
        await trio.sleep(10)
        assert (one.queue.active, one.queue.delayed, one.spool.batches_in_custody) == (0, 0, 0)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_power_may_fail_at_any_operation(seed: int | None) -> None:
    """What commit answered is in a Maildir after the next life, whole; duplicates are allowed, losses are not."""

    async def script(store: SimStore, acknowledged: list[bytes]) -> None:
        async with life(store.mount(), "") as one:
            for n in range(3):
                content = b"message %d\r\n" % n
                await one.accept(f"user{n}@example.com", content=content)
                acknowledged.append(content)
            await settled(one.queue, one.spool)

    clock = trio.testing.MockClock(autojump_threshold=0)
    store, acknowledged = SimStore(), list[bytes]()
    trio.run(script, store, acknowledged, clock=clock)
    whole = store.operations
    assert len(acknowledged) == 3
    rng = random.Random(seed)
    for operation in range(0, whole, 1 if seed is None else 3):
        store, acknowledged = SimStore(), []
        store.cut_after = operation
        try:
            trio.run(script, store, acknowledged, clock=trio.testing.MockClock(autojump_threshold=0))
        except* PowerCut:
            pass
        except* SpoolSick:
            pass  # a commit under way
        store.power_loss(None if seed is None else rng)

        async def next_life(store: SimStore = store) -> None:
            async with life(store.mount(), "") as two:
                await settled(two.queue, two.spool)
                assert two.queue.delayed == 0

        trio.run(next_life, clock=trio.testing.MockClock(autojump_threshold=0))
        arrived = [store.octets(path) for path in store.files("/mail")] if acknowledged else []
        for content in acknowledged:
            assert b"Return-Path: <ann@example.net>\n" + content.replace(b"\r\n", b"\n") in arrived
