"""What senders are told, and that a report and the end of what it reports are one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from delivery_world import MemorySpool, generations, machine_with
from test_queue import House, Told
from test_queue_laws import Postmaster

from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.queue import Queue
from momentum_trio.limits.local import LocalState
from momentum_trio.mail.dsn import Notify


async def some(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
    """Fate by the first word of the forward-path."""
    fates: dict[str, Outcome] = {
        "good": Delivered("192.0.2.9"),
        "bad": Bounced("550 5.1.1 who?"),
        "late": Deferred("451 later"),
    }
    words = (re.split("[-@]", attempt.message.forward_path)[0] for attempt in attempts)
    return [fates.get(word, Delivered()) for word in words]


@asynccontextmanager
async def house(**options: str) -> AsyncIterator[tuple[House, Postmaster]]:
    machine, records = machine_with()
    spool = MemorySpool()
    postmaster = Postmaster(spool)
    held = generations({"": {"Delivery_Method": "MAILDIR"} | options})
    queue = Queue(machine, spool, held, [Told(some)], LocalState("mx"), reporter=postmaster)
    async with trio.open_nursery() as nursery:
        await nursery.start(queue.run)
        yield House(queue, spool, records, held), postmaster
        nursery.cancel_scope.cancel()


async def test_failures_of_a_batch_are_one_report_that_is_new_mail() -> None:
    async with house() as (h, postmaster):
        receipt = h.spool.receive("bad-1@x.example", "good@x.example", "bad-2@y.example")
        h.queue.take(receipt)
        await trio.testing.wait_all_tasks_blocked()
        ids = [message.message_id for message in receipt.batch.messages]
        assert sorted(postmaster.told) == sorted([ids[0], ids[2]])
        assert len(h.spool.committed) == 1
        assert h.lines()[-1] == "D ann@example.net 0"
        assert not h.spool.holding


async def test_the_null_reverse_path_is_never_reported_to() -> None:
    async with house(Generate_Delay_DSN="true", Delay_DSN_Retry_Interval="1") as (h, postmaster):
        h.queue.take(h.spool.receive("bad@x.example", "late@x.example", reverse_path=""))
        await trio.testing.wait_all_tasks_blocked()
        assert postmaster.told == []
        assert len(h.spool.concluded) == 1


async def test_a_failure_that_cannot_be_reported_is_not_a_failure_yet(autojump_clock: object) -> None:
    async with house() as (h, _):
        h.spool.full = True
        h.queue.take(h.spool.receive("bad@x.example"))
        await trio.sleep(10)
        assert (h.lines(), h.queue.delayed, h.spool.concluded) == ([], 1, {})
        [retry] = h.spool.retries.values()
        assert (retry.attempts, retry.reason) == (1, "550 5.1.1 who?")
        assert "cannot be reported yet" in h.panics()[0]
        h.spool.full = False
        await trio.sleep(3000)
        assert h.lines() == ["P bad@x.example 1", "D ann@example.net 0"]
        assert not h.spool.holding


@pytest.mark.parametrize(
    ("notify", "told"), [(Notify.UNSET, 0), (Notify.SUCCESS, 1), (Notify.FAILURE, 0), (Notify.NEVER, 0)]
)
async def test_a_delivery_is_reported_if_it_was_asked_for(notify: Notify, told: int) -> None:
    async with house() as (h, postmaster):
        h.queue.take(h.spool.receive("good@x.example", notify=notify))
        await trio.testing.wait_all_tasks_blocked()
        assert len(postmaster.told) == told
        assert not h.spool.holding


async def test_a_delivery_whose_report_cannot_be_kept_is_one_all_the_same() -> None:
    async with house() as (h, _):
        h.spool.full = True
        h.queue.take(h.spool.receive("good@x.example", notify=Notify.SUCCESS))
        await trio.testing.wait_all_tasks_blocked()
        assert h.lines() == ["D good@x.example 0"]
        assert not h.spool.holding
        assert len(h.panics()) == 1


async def test_delays_are_told_after_an_interval_then_twice_that(autojump_clock: object) -> None:
    options = {"Generate_Delay_DSN": "true", "Delay_DSN_Retry_Interval": "1000", "Retry_Interval": "100"}
    async with house(**options, Max_Retry_Interval="100", Max_Retries="none") as (h, postmaster):
        h.queue.take(h.spool.receive("late@x.example"))
        counts = []
        for until in (950, 1050, 2950, 3050, 6950, 7050):
            await trio.sleep_until(until)
            counts.append(len(postmaster.told))
        assert counts == [0, 1, 1, 2, 2, 3]
        assert next(iter(h.spool.retries.values())).notices == 3


async def test_a_delay_that_could_not_be_told_is_told_later(autojump_clock: object) -> None:
    options = {"Generate_Delay_DSN": "true", "Delay_DSN_Retry_Interval": "50", "Retry_Interval": "100"}
    async with house(**options, Max_Retry_Interval="100", Max_Retries="none") as (h, _):
        h.spool.full = True
        h.queue.take(h.spool.receive("late@x.example"))
        await trio.sleep(150)
        assert [retry.notices for retry in h.spool.retries.values()] == [0]
        h.spool.full = False
        await trio.sleep(100)
        assert [retry.notices for retry in h.spool.retries.values()] == [1]
        assert h.lines()[-1] == "D ann@example.net 0"
