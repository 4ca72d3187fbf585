"""The queue: turns, retries, expiry, suspension, drain; over methods that do what a test says."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import trio
import trio.testing
from delivery_world import EPOCH, MemorySpool, TreeGenerations, generations, machine_with
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.config.binding import Binding
from momentum_trio.delivery.blackhole import Blackhole
from momentum_trio.delivery.method import Attempt, Method
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.queue import STRIDE_MESSAGES, Queue
from momentum_trio.delivery.side import TURN_MESSAGES
from momentum_trio.limits.local import LocalState
from momentum_trio.mail import record
from momentum_trio.spool.message import Conclusion, Retry

Answer = Callable[[Sequence[Attempt]], Awaitable[Sequence[Outcome]]]


@dataclass(eq=False)
class Told:
    """A method that answers what it is told, and remembers what it was handed."""

    answer: Answer | None = None
    word: str = "MAILDIR"
    group_max: int = 64
    gathers: bool = True
    attempts_max: int = 3
    domain_attempts_max: int = 2
    groups: list[list[str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    busy: int = 0
    busy_most: int = 0

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        self.groups.append([attempt.message.forward_path for attempt in attempts])
        self.times.append(trio.current_time())
        assert 0 < len(attempts) <= self.group_max
        assert self.gathers or len({attempt.domain for attempt in attempts}) == 1
        self.busy += 1
        self.busy_most = max(self.busy, self.busy_most)
        assert self.busy <= self.attempts_max
        try:
            return [Delivered()] * len(attempts) if self.answer is None else await self.answer(attempts)
        finally:
            self.busy -= 1


@dataclass
class AheadClock:
    """A wall clock that is some time ahead of trio's."""

    seconds: float = 0.0

    def now(self) -> float:
        return EPOCH + trio.current_time() + self.seconds


@dataclass
class House:
    queue: Queue
    spool: MemorySpool
    records: list[record.Record]
    generations: TreeGenerations

    def lines(self) -> list[str]:
        """The mainlog in short: letter, forward-path, retries."""
        return [
            f"{letter(event)} {event.forward_path} {event.retries}"
            for event in self.records
            if isinstance(event, record.Delivered | record.Failed)
        ]

    def panics(self) -> list[str]:
        return [event.text for event in self.records if isinstance(event, record.Panic)]


def letter(event: record.Delivered | record.Failed) -> str:
    return "D" if isinstance(event, record.Delivered) else "P" if event.permanent else "T"


@asynccontextmanager
async def house(*methods: Method, spool: MemorySpool | None = None, **options: str) -> AsyncIterator[House]:
    """A queue at work."""
    machine, records = machine_with()
    spool = spool or MemorySpool()
    held = generations({"": {"Delivery_Method": "MAILDIR"} | options})
    queue = Queue(machine, spool, held, methods, LocalState("mx.example"))
    async with trio.open_nursery() as nursery:
        await nursery.start(queue.run)
        yield House(queue, spool, records, held)
        nursery.cancel_scope.cancel()


async def test_a_message_is_delivered_logged_and_concluded() -> None:
    async with house(Told()) as h:
        receipt = h.spool.receive("a@one.example", "b@two.example")
        h.queue.take(receipt)
        await trio.testing.wait_all_tasks_blocked()
        assert h.lines() == ["D a@one.example 0", "D b@two.example 0"]
        assert set(h.spool.concluded.values()) == {Conclusion.DELIVERED}
        assert (h.queue.active, h.queue.delayed, h.queue.delivered, h.queue.failed) == (0, 0, 2, 0)
        delivered = next(event for event in h.records if isinstance(event, record.Delivered))
        assert (delivered.routing_domain, delivered.octets, delivered.batch_id) == (
            "one.example",
            17,
            receipt.batch.batch_id,
        )


async def test_the_domain_of_an_address_literal_is_the_whole_of_it() -> None:
    """Reception decides about this domain, so this is the one that delivery routes."""
    async with house(Told()) as h:
        h.queue.take(h.spool.receive("a@[tag:b@x.example]"))
        await trio.testing.wait_all_tasks_blocked()
        (delivered,) = (event for event in h.records if isinstance(event, record.Delivered))
        assert delivered.routing_domain == "[tag:b@x.example]"


async def test_what_is_ready_in_one_tick_goes_in_one_group() -> None:
    method = Told()
    async with house(method) as h:
        for n in range(50):
            h.queue.take(h.spool.receive(f"{n}@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert [len(group) for group in method.groups] == [50]


async def test_a_method_that_does_not_gather_gets_one_batch_at_a_time() -> None:
    method = Told(gathers=False, group_max=3)
    async with house(method) as h:
        h.queue.take(h.spool.receive(*(f"{n}@one.example" for n in range(4)), "a@two.example"))
        h.queue.take(h.spool.receive("4@one.example", "b@two.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(tuple(path[0] for path in group) for group in method.groups) == [
            *[("0", "1", "2"), ("3",), ("4",)],
            *[("a",), ("b",)],
        ]


async def test_a_domain_does_not_wait_for_the_backlog_of_another() -> None:
    gate = trio.Event()

    async def wait(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        await gate.wait()
        return [Delivered()] * len(attempts)

    method = Told(wait, attempts_max=1, domain_attempts_max=1)
    async with house(method) as h:
        for n in range(500):
            h.queue.take(h.spool.receive(f"{n}@big.example"))
        await trio.testing.wait_all_tasks_blocked()
        h.queue.take(h.spool.receive("a@small.example"))
        h.queue.take(h.spool.receive("b@small.example"))
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert method.groups[1].index("a@small.example") <= TURN_MESSAGES
        assert sum(map(len, method.groups)) == 502


async def test_a_stuck_domain_leaves_a_runner_for_the_others() -> None:
    async def stick(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        if any(attempt.domain == "stuck.example" for attempt in attempts):
            await trio.sleep_forever()
        return [Delivered()] * len(attempts)

    method = Told(stick, gathers=False, group_max=4)
    async with house(method) as h:
        for n in range(100):
            h.queue.take(h.spool.receive(f"{n}@stuck.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert method.busy == method.domain_attempts_max
        for n in range(100):
            h.queue.take(h.spool.receive(f"{n}@{n}.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert h.queue.delivered == 100


async def test_retries_double_up_to_the_longest_and_end_with_the_expiration(autojump_clock: object) -> None:
    async def defer(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        return [Deferred("451 4.3.0 [internal] not now")] * len(attempts)

    method = Told(defer)
    async with house(method, Retry_Interval="100", Max_Retry_Interval="300", Message_Expiration="1000") as h:
        began = trio.current_time()
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.sleep(2000)
        assert [time - began for time in method.times] == pytest.approx([0, 100, 300, 600, 900, 1000])
        assert h.lines() == [*(f"T a@one.example {n}" for n in range(6)), "P a@one.example 6"]
        failed = h.records[-1]
        assert isinstance(failed, record.Failed)
        assert failed.reason == "554 5.4.7 [internal] exceeded max time without delivery"
        assert failed.age_seconds == pytest.approx(1000)
        assert list(h.spool.concluded.values()) == [Conclusion.FAILED]
        assert (h.queue.active, h.queue.delayed, h.queue.failed) == (0, 0, 1)


async def test_a_bounce_is_final() -> None:
    async def bounce(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        return [Bounced("550 5.1.1 who?", 5, "192.0.2.9")] * len(attempts)

    async with house(Told(bounce)) as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert h.lines() == ["P a@one.example 0"]
        assert list(h.spool.concluded.values()) == [Conclusion.FAILED]


@pytest.mark.parametrize("word", ["ESMTP", "SMTP", "LMTP", "ECSTREAM"])
async def test_methods_that_are_not_there_keep_the_mail(word: str, autojump_clock: object) -> None:
    async with house(Told(), Delivery_Method=word) as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.sleep(1300)
        assert h.lines() == ["T a@one.example 0", "T a@one.example 1"]  # once for each attempt, at Retry_Interval
        failed = h.records[0]
        assert isinstance(failed, record.Failed)
        assert failed.reason == f"451 4.3.5 [internal] delivery by {word} is not built here"
        assert h.spool.concluded == {}
        assert h.queue.delayed == 1


async def test_the_blackhole_method_takes_everything() -> None:
    async with house(Blackhole(), Delivery_Method="BLACKHOLE") as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert h.lines() == ["D a@one.example 0"]


@pytest.mark.parametrize("word", ["internal", "inline", "true"])
async def test_the_blackhole_option_fails_everything(word: str) -> None:
    async with house(Told(), Blackhole=word) as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert h.lines() == ["P a@one.example 0"]
        assert isinstance(h.records[-1], record.Failed)
        assert h.records[-1].reason == "554 5.7.0 [internal] Blackholed"


async def test_suspended_mail_stays_until_a_generation_lets_it_go() -> None:
    method = Told()
    async with house(method, Suspend_Delivery="true") as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert (method.groups, h.queue.active) == ([], 1)
        h.generations.replace({"": {"Delivery_Method": "MAILDIR"}})
        h.queue.reconfigured()
        await trio.testing.wait_all_tasks_blocked()
        assert method.groups == [["a@one.example"]]


async def test_mail_of_a_binding_that_is_away_stays_until_it_is_here() -> None:
    """The generation that says so has another number and the same options."""
    method = Told()
    here: dict[str | tuple[str, str, str], dict[str, str]] = {"": {"Delivery_Method": "MAILDIR"}}
    async with house(method) as h:
        h.queue.away = frozenset({Binding("default", "default")})
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert (method.groups, h.queue.active) == ([], 1)
        h.queue.away = frozenset({Binding("default", "another")})
        h.generations.replace(here)
        h.queue.reconfigured()
        await trio.testing.wait_all_tasks_blocked()
        assert method.groups == [["a@one.example"]]
        h.queue.away = frozenset({Binding("default", "default")})
        h.generations.replace(here)
        h.queue.reconfigured()
        h.queue.take(h.spool.receive("b@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert (method.groups, h.queue.active) == ([["a@one.example"]], 1)


async def test_waiting_mail_learns_of_a_new_route_at_its_turn() -> None:
    gate = trio.Event()

    async def wait(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        await gate.wait()
        return [Delivered()] * len(attempts)

    old, new = Told(wait, attempts_max=1), Told(word="LMTP")
    async with house(old, new) as h:
        h.queue.take(h.spool.receive("first@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        for n in range(100):
            h.queue.take(h.spool.receive(f"{n}@two.example"))
        h.generations.replace({"": {"Delivery_Method": "MAILDIR"}, "two.example": {"Delivery_Method": "LMTP"}})
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert old.groups == [["first@one.example"]]
        assert sum(map(len, new.groups)) == 100


@pytest.mark.parametrize("fault", ["raises", "invents"])
async def test_a_faulty_method_defers_and_says_so(fault: str) -> None:
    async def fail(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        if fault == "raises":
            raise ZeroDivisionError("division by zero")
        return [Delivered()] * (len(attempts) + 1)

    async with house(Told(fail)) as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert h.lines() == ["T a@one.example 0"]
        assert len(h.panics()) == 1


async def test_drain_waits_for_what_is_under_way_and_begins_nothing() -> None:
    gate = trio.Event()

    async def wait(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        await gate.wait()
        return [Delivered()] * len(attempts)

    method = Told(wait, group_max=1, attempts_max=1, domain_attempts_max=1)
    async with house(method) as h:
        for n in range(3):
            h.queue.take(h.spool.receive(f"{n}@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(h.queue.drain)
            await trio.testing.wait_all_tasks_blocked()
            assert nursery.child_tasks
            gate.set()
        assert len(h.spool.concluded) == 1
        assert method.groups == [["0@one.example"]]
        h.queue.take(h.spool.receive("late@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert len(method.groups) == 1


async def test_drain_of_an_idle_queue_returns_at_once() -> None:
    async with house(Told()) as h:
        with trio.fail_after(1):
            await h.queue.drain()


async def test_mail_that_comes_while_the_last_attempts_end_stays_in_the_spool() -> None:
    """A commit that was handed over outlives the cancellation of its session, and is told of later."""
    gate = trio.Event()

    async def shielded(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        with trio.CancelScope(shield=True):
            await gate.wait()
        return [Delivered()] * len(attempts)

    method = Told(shielded)
    machine, _ = machine_with()
    spool = MemorySpool()
    queue = Queue(machine, spool, generations({"": {"Delivery_Method": "MAILDIR"}}), [method], LocalState("mx.example"))
    async with trio.open_nursery() as nursery:
        await nursery.start(queue.run)
        queue.take(spool.receive("a@one.example"))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
        queue.take(spool.receive("late@one.example"))
        gate.set()
    assert method.groups == [["a@one.example"]]


async def test_recovered_mail_goes_on_where_it_was(autojump_clock: object) -> None:
    spool = MemorySpool()
    spool.receive("fresh@one.example")
    waiting = spool.receive("waiting@one.example").batch
    spool.retries[waiting.messages[0].message_id] = Retry(3, EPOCH + trio.current_time() + 500)
    method = Told()
    async with house(method, spool=spool) as h:
        began = trio.current_time()
        await trio.sleep(1000)
        assert h.lines() == ["D fresh@one.example 0", "D waiting@one.example 3"]
        assert [time - began for time in method.times] == pytest.approx([0, 500])


async def test_a_clock_that_stepped_back_does_not_make_recovered_mail_wait_for_ever(autojump_clock: object) -> None:
    spool = MemorySpool()
    batch = spool.receive("a@one.example").batch
    spool.retries[batch.messages[0].message_id] = Retry(1, EPOCH + 1e9)
    method = Told()
    async with house(method, spool=spool) as h:
        await trio.sleep(1201)
        assert h.lines() == ["D a@one.example 1"]


async def test_empty_lanes_are_forgotten() -> None:
    async with house(Told()) as h:
        for n in range(300):
            h.queue.take(h.spool.receive(f"a@{n}.example"))
        await trio.testing.wait_all_tasks_blocked()
        assert h.queue.delivered == 300
        assert not len(h.queue.holdings.lanes)


async def test_lanes_of_recovered_mail_hold_nothing_but_numbers_and_are_forgotten(autojump_clock: object) -> None:
    spool = MemorySpool()
    for n in range(300):
        batch = spool.receive(f"a@{n}.example").batch
        spool.retries[batch.messages[0].message_id] = Retry(1, EPOCH + trio.current_time() + 900)
    async with house(Told(), spool=spool, Message_Expiration="500", Never_Attempt_Expired_Messages="true") as h:
        lanes = h.queue.holdings.lanes
        assert all(lane.route is None for lane in lanes.all())
        assert (len(lanes), h.queue.holdings.resident, spool.reads) == (300, 0, 0)
        await trio.sleep(1000)
        assert h.queue.failed == 300
        assert not len(lanes)


async def test_a_clock_that_steps_ahead_makes_no_mail_older(autojump_clock: object) -> None:
    """The wall clock of a host is set right, years ahead: what waits is not given up for that, nor said to be old."""
    spool = MemorySpool()

    async def defer_once(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        ahead.seconds = 1e9
        return [Deferred("451 later") if attempt.retries == 0 else Delivered() for attempt in attempts]

    machine, records = machine_with()
    ahead = AheadClock()
    held = generations({"": {"Delivery_Method": "MAILDIR"}})
    queue = Queue(dataclasses.replace(machine, clock=ahead), spool, held, [Told(defer_once)], LocalState("mx.example"))
    async with trio.open_nursery() as nursery:
        await nursery.start(queue.run)
        queue.take(spool.receive("a@one.example"))
        await trio.sleep(5000)
        nursery.cancel_scope.cancel()
    assert list(spool.concluded.values()) == [Conclusion.DELIVERED]
    ended = [each for each in records if isinstance(each, record.Delivered | record.Failed)]
    assert [(letter(each), round(each.age_seconds)) for each in ended] == [("T", 0), ("D", 1200)]


async def test_mail_whose_time_went_by_while_the_node_was_down_gets_an_attempt(autojump_clock: object) -> None:
    spool = MemorySpool()
    for batch in (spool.accept("good@one.example"), spool.accept("bad@one.example")):
        spool.retries[batch.messages[0].message_id] = Retry(2, EPOCH + trio.current_time() + 100)
    await trio.sleep(86_000)

    async def some(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        good = [attempt.message.forward_path.startswith("good") for attempt in attempts]
        return [Delivered() if each else Deferred("451 later") for each in good]

    async with house(Told(some), spool=spool, Message_Expiration="80000") as h:
        await trio.sleep(10)
        assert sorted(h.lines()) == ["D good@one.example 2", "P bad@one.example 3", "T bad@one.example 2"]


async def test_suspended_mail_is_not_given_up_before_it_was_tried_again(autojump_clock: object) -> None:
    async def defer_once(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        return [Deferred("451 later") if attempt.retries == 0 else Delivered() for attempt in attempts]

    async with house(Told(defer_once), Retry_Interval="6000", Message_Expiration="5000") as h:
        h.queue.take(h.spool.receive("a@one.example"))
        await trio.sleep(100)
        h.generations.replace(
            {"": {"Delivery_Method": "MAILDIR", "Suspend_Delivery": "true", "Message_Expiration": "5000"}}
        )
        h.queue.reconfigured()
        await trio.sleep(86_000)
        assert h.lines() == ["T a@one.example 0"]
        h.generations.replace({"": {"Delivery_Method": "MAILDIR"}})
        h.queue.reconfigured()
        await trio.sleep(10)
        assert h.lines() == ["T a@one.example 0", "D a@one.example 1"]


@pytest.mark.parametrize("recovered", [False, True])
async def test_a_batch_of_ten_thousand_does_not_hold_up_the_others(recovered: bool) -> None:
    machine, _ = machine_with()
    spool = MemorySpool()
    held = generations({"": {"Delivery_Method": "MAILDIR", "Suspend_Delivery": "true"}})
    queue = Queue(machine, spool, held, [Told()], LocalState("mx.example"))
    paths = [f"a@{n}.example" for n in range(10_000)]
    if recovered:
        spool.receive(*paths)
    steps: list[int] = []

    async def watch() -> None:
        while queue.active < 10_000:
            steps.append(queue.active)
            await trio.lowlevel.checkpoint()
        steps.append(queue.active)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await trio.lowlevel.checkpoint()
        await nursery.start(queue.run)
        if not recovered:
            queue.take(spool.receive(*paths))
        with trio.fail_after(20):
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert steps[-1] == 10_000
    assert max(after - before for before, after in pairwise(steps)) <= 2 * STRIDE_MESSAGES


methods = st.builds(
    Told,
    group_max=st.integers(1, 8),
    gathers=st.booleans(),
    attempts_max=st.integers(1, 4),
    domain_attempts_max=st.integers(1, 3),
)
outcomes = st.sampled_from([Delivered(), Deferred("451 a"), Bounced("550 b")])


@settings(max_examples=60, deadline=None)
@given(
    methods,
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), max_size=12),
    st.lists(outcomes, max_size=30),
    st.lists(st.floats(0, 3), max_size=10),
)
def test_every_message_ends_once_and_bounds_hold(
    method: Told, batches: list[list[int]], answers: list[Outcome], pauses: list[float]
) -> None:
    """The law: whatever a method answers, each message is concluded exactly once, and each attempt is logged."""
    tries: Counter[str] = Counter()
    busy: Counter[str] = Counter()

    async def answer(attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        domains = {attempt.domain for attempt in attempts}
        busy.update(domains)
        assert all(busy[domain] <= method.domain_attempts_max for domain in domains)
        tries.update(attempt.message.message_id for attempt in attempts)
        await trio.sleep(pauses.pop() if pauses else 0.5)
        busy.subtract(domains)
        return [answers.pop() if answers else Delivered() for _ in attempts]

    method.answer = answer

    async def main() -> None:
        async with house(method, Retry_Interval="10") as h:
            expected: set[str] = set()
            for domains in batches:
                receipt = h.spool.receive(*(f"x@{n}.example" for n in domains))
                expected |= {message.message_id for message in receipt.batch.messages}
                h.queue.take(receipt)
                await trio.sleep(0.3)
            await trio.sleep(80_000)
            assert set(h.spool.concluded) == expected == set(tries)
            assert (h.queue.active, h.queue.delayed) == (0, 0)
            logged = Counter(e.message_id for e in h.records if isinstance(e, record.Delivered | record.Failed))
            assert logged == tries
            assert not len(h.queue.holdings.lanes)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
