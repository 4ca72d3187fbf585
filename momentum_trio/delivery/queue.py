"""Mail on its way out: what is ready, what waits for a retry, and who delivers it.

A lane holds the ready messages of one routing domain in one binding. Lanes take turns: a method's runner takes a few
messages from each until its group is full, so that no domain waits for another's backlog. Deferred messages lie in a
heap by the time of their next attempt. Nothing here is durable: the spool is, and after a crash ``recovered`` says what
is still owed.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Protocol

import trio

from momentum_trio.delivery.custody import Custody
from momentum_trio.delivery.method import Attempt, Method
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.retry import EXPIRED, lives_on, wait_seconds
from momentum_trio.delivery.route import OutboundTree, Route, Routes
from momentum_trio.machine import Machine
from momentum_trio.mail import record
from momentum_trio.mail.path import split
from momentum_trio.mail.stage import Stage
from momentum_trio.spool.fault import SpoolSick
from momentum_trio.spool.message import Batch, Conclusion, Message, Retry

TURN_MESSAGES = 16
"""How many messages a lane gives at its turn, while other lanes wait."""

STRIDE_MESSAGES = 1000
"""Messages taken, recovered or made ready again between two checkpoints: some milliseconds."""

FAULT = "451 4.3.0 [internal] fault in delivery"

LaneKey = tuple[str, str, str]
Conclusions = dict[str, list[tuple[str, Conclusion]]]
Retries = dict[str, list[tuple[str, Retry]]]


class Generation(Protocol):
    """A generation of the configuration, as far as the queue looks at it."""

    @property
    def number(self) -> int: ...
    @property
    def tree(self) -> OutboundTree: ...


class Generations(Protocol):
    """Where the current generation is found."""

    @property
    def current(self) -> Generation: ...


class Lane:
    """The ready messages of one routing domain in one binding.

    groups: attempts it has messages in. waiting: whether it has a turn coming, or is suspended.
    """

    __slots__ = ("generation", "groups", "key", "ready", "route", "waiting")

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.ready: deque[Work] = deque()
        self.groups = 0
        self.waiting = False
        self.route: Route | None = None
        self.generation = -1


class Work:
    """One message owed to one forward-path.

    retries: attempts made so far. born: when it was received, in trio's time, so that no step of the wall clock in this
    life makes it older.
    """

    __slots__ = ("batch", "born", "lane", "message", "retries")

    def __init__(self, batch: Batch, message: Message, lane: Lane, born: float) -> None:
        self.batch, self.message, self.lane, self.born = batch, message, lane, born
        self.retries = 0


class Side:
    """A method with the lanes whose turn it is and the runners at work. fresh: one has started and not yet looked."""

    __slots__ = ("fresh", "method", "runners", "turn")

    def __init__(self, method: Method) -> None:
        self.method = method
        self.turn: deque[Lane] = deque()
        self.runners = 0
        self.fresh = False


class Queue:
    """Takes committed batches and sees every message of theirs delivered, failed or kept.

    active, delayed: messages now ready or being tried, and waiting for a retry. delivered, failed: since the start.
    """

    def __init__(self, machine: Machine, spool: Custody, generations: Generations, methods: Sequence[Method]) -> None:
        self._machine, self._spool, self._generations = machine, spool, generations
        self._routes = Routes(methods)
        self._sides = {method.word: Side(method) for method in self._routes.methods}
        self._lanes: dict[LaneKey, Lane] = {}
        self._suspended: dict[LaneKey, Lane] = {}
        self._delayed: list[tuple[float, int, Work]] = []
        self._delays = 0
        self._nursery: trio.Nursery | None = None
        self._sooner, self._idle = trio.Event(), trio.Event()
        self._draining = False
        self._runners = 0
        self.active = self.delivered = self.failed = 0

    @property
    def delayed(self) -> int:
        """Messages that wait for their next attempt."""
        return len(self._delayed)

    def take(self, batch: Batch) -> None:
        """Take over *batch*, which the spool holds durably. Never blocks, never raises."""
        born = self._born(batch)
        if len(batch.messages) > STRIDE_MESSAGES and self._nursery is not None:
            self._nursery.start_soon(self._take_slowly, batch, born)
            return
        for message in batch.messages:
            self._make_ready(self._work(batch, message, born))

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver until cancelled.

        started: when all the spool recovered has been taken.
        Cancellation: attempts under way are abandoned; what was not concluded is owed again at the next start. Call
            ``drain`` before it.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._take_recovered()
                for side in self._sides.values():
                    self._start(side)
                task_status.started()
                await self._sweep()
            finally:
                self._nursery = None  # mail may still come while attempts end: it stays in the spool

    async def drain(self) -> None:
        """Begin no new attempt and wait for those under way. What is left stays in the spool.

        May wait for as long as a method does: the caller sets the limit.
        """
        self._draining = True
        if self._runners:
            await self._idle.wait()

    def reconfigured(self) -> None:
        """A new generation holds: suspended lanes are looked at again; others learn of it at their next turn."""
        suspended, self._suspended = self._suspended, {}
        for lane in suspended.values():
            lane.waiting = False
            self._offer(lane)

    # Lanes

    def _lane(self, key: LaneKey) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
        return lane

    def _work(self, batch: Batch, message: Message, born: float) -> Work:
        key = (batch.binding_group, batch.binding, split(message.forward_path)[1])
        return Work(batch, message, self._lane(key), born)

    def _born(self, batch: Batch) -> float:
        return trio.current_time() - max(self._machine.clock.now() - batch.received_at, 0.0)

    async def _take_slowly(self, batch: Batch, born: float) -> None:
        """A batch of very many messages: others get their turn meanwhile."""
        for count, message in enumerate(batch.messages, 1):
            self._make_ready(self._work(batch, message, born))
            if count % STRIDE_MESSAGES == 0:
                await trio.lowlevel.checkpoint()

    def _route(self, lane: Lane) -> Route:
        generation = self._generations.current
        if lane.route is None or lane.generation != generation.number:
            lane.route = self._routes.choose(generation.tree, *lane.key)
            lane.generation = generation.number
        return lane.route

    def _make_ready(self, work: Work) -> None:
        self.active += 1
        lane = work.lane
        lane.ready.append(work)
        if not lane.waiting:
            self._offer(lane)

    def _offer(self, lane: Lane) -> None:
        """Give *lane* a turn at its method, or lay it aside while its scope is suspended."""
        route = self._route(lane)
        lane.waiting = True
        if route.options.suspended:
            self._suspended[lane.key] = lane
            return
        side = self._sides[route.method.word]
        side.turn.append(lane)
        self._start(side)

    def _release(self, lane: Lane) -> None:
        """An attempt with messages of *lane* has ended."""
        lane.groups -= 1
        if lane.waiting:
            return
        if lane.ready:
            self._offer(lane)
        else:
            self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        """Unless there is something in *lane*."""
        if not lane.ready and not lane.groups and self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]

    # Runners

    def _start(self, side: Side) -> None:
        """See that *side* has a runner that will look at its turn."""
        if (
            side.turn
            and not side.fresh
            and not self._draining
            and self._nursery is not None
            and side.runners < side.method.attempts_max
        ):
            side.fresh = True
            side.runners += 1
            self._runners += 1
            self._nursery.start_soon(self._run_side, side)

    async def _run_side(self, side: Side) -> None:
        """Deliver groups of one method until none is ready. It looks a tick after its start, when more may be ready."""
        side.fresh = False
        try:
            while not self._draining:
                group, lanes = self._next_group(side)
                if not group:
                    break
                self._start(side)
                await self._deliver(side.method, group)
                await trio.lowlevel.checkpoint()  # not every method has one
                for lane in lanes:
                    self._release(lane)
        finally:
            side.runners -= 1
            self._runners -= 1
            if self._draining and not self._runners:
                self._idle.set()

    def _next_group(self, side: Side) -> tuple[list[Work], list[Lane]]:
        """The next messages for *side*'s method, and the lanes they came from, each counted once."""
        method, current = side.method, self._generations.current.number
        group: list[Work] = []
        lanes: dict[LaneKey, Lane] = {}
        while side.turn and (room := method.group_max - len(group)):
            lane = side.turn.popleft()
            if lane.generation != current:  # perhaps another method's now, or suspended
                lane.waiting = False
                self._offer(lane)
                continue
            if lane.key not in lanes:
                if lane.groups >= method.domain_attempts_max:
                    lane.waiting = False  # _release offers it again
                    continue
                lanes[lane.key] = lane
                lane.groups += 1
            if method.gathers:
                quantum = min(room, len(lane.ready), TURN_MESSAGES if side.turn else room)
            else:
                quantum = _of_one_batch(lane.ready, room)
            group += [lane.ready.popleft() for _ in range(quantum)]
            lane.waiting = bool(lane.ready)
            if lane.waiting:
                side.turn.append(lane)
            if not method.gathers:
                break
        return group, list(lanes.values())

    # Attempts

    async def _deliver(self, method: Method, group: list[Work]) -> None:
        """Have *method* try *group*; publish and record what came of it."""
        outcomes = await self._attempt(method, [_attempt_of(work) for work in group])
        now = self._machine.clock.now()
        concluded: Conclusions = {}
        postponed: Retries = {}
        for work, outcome in zip(group, outcomes, strict=True):
            self.active -= 1
            if isinstance(outcome, Delivered):
                self.delivered += 1
                self._machine.events.publish(_delivered(work, outcome, now))
            elif isinstance(outcome, Bounced):
                self.failed += 1
                self._machine.events.publish(_failed(work, outcome, now, permanent=True))
            else:
                self._machine.events.publish(_failed(work, outcome, now, permanent=False))
                retry = self._delay(work, now)
                postponed.setdefault(work.batch.batch_id, []).append((work.message.message_id, retry))
                continue
            conclusion = Conclusion.DELIVERED if isinstance(outcome, Delivered) else Conclusion.FAILED
            concluded.setdefault(work.batch.batch_id, []).append((work.message.message_id, conclusion))
        await self._record(concluded, postponed)

    async def _record(self, concluded: Conclusions, postponed: Retries) -> None:
        """Have the spool remember it. All is handed over at once, so that it goes into one group of the spool's log."""
        async with trio.open_nursery() as nursery:
            for batch_id, outcomes in concluded.items():
                nursery.start_soon(self._conclude, batch_id, outcomes)
            for batch_id, retries in postponed.items():
                nursery.start_soon(self._postpone, batch_id, retries)

    async def _conclude(self, batch_id: str, outcomes: Sequence[tuple[str, Conclusion]]) -> None:
        try:
            await self._spool.conclude(batch_id, outcomes)
        except SpoolSick:
            pass  # it is closed: owed again at the next start

    async def _postpone(self, batch_id: str, retries: Sequence[tuple[str, Retry]]) -> None:
        try:
            await self._spool.postpone(batch_id, retries)
        except SpoolSick:
            pass  # it is closed: the message stays, its attempts are forgotten

    async def _attempt(self, method: Method, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        try:
            outcomes = await method.attempt(attempts)
            assert len(outcomes) == len(attempts)  # one for each, none invented
        except Exception as fault:  # noqa: BLE001  ours: the one place that keeps a faulty method from ending the node
            self._panic(f"delivery by {method.word}: {type(fault).__name__}: {fault}")
            return [Deferred(FAULT, Stage.UNKNOWN)] * len(attempts)
        return outcomes

    # Retries

    def _delay(self, work: Work, now: float) -> Retry:
        """Let *work* wait for its next attempt, or for its end if that comes sooner."""
        options = self._route(work.lane).options
        left = lives_on(options, trio.current_time() - work.born)
        wait = min(wait_seconds(options, work.retries), max(left, 0.0))
        work.retries += 1
        self._wait(work, wait)
        return Retry(work.retries, now + wait)

    def _wait(self, work: Work, seconds: float) -> None:
        self._delays += 1
        heapq.heappush(self._delayed, (trio.current_time() + seconds, self._delays, work))
        if self._delayed[0][2] is work:
            self._sooner.set()

    async def _take_recovered(self) -> None:
        """Take what the spool recovered where an earlier life left it."""
        count = 0
        for batch in self._spool.recovered:
            now, born = self._machine.clock.now(), self._born(batch)
            for message in batch.messages:
                retry = self._spool.retry_of(batch.batch_id, message.message_id)
                self._recover(self._work(batch, message, born), retry, now)
                if (count := count + 1) % STRIDE_MESSAGES == 0:
                    await trio.lowlevel.checkpoint()

    def _recover(self, work: Work, retry: Retry | None, now: float) -> None:
        if retry is None:
            self._make_ready(work)
            return
        work.retries = retry.attempts
        options = self._route(work.lane).options
        if lives_on(options, trio.current_time() - work.born) <= 0:
            self._make_ready(work)  # its time went by while nobody tried: it gets one attempt before it is given up
            return
        # The wall clock may have stepped since: never longer than the wait would be if it began now.
        wait = wait_seconds(options, max(work.retries - 1, 0))
        self._wait(work, min(max(retry.next_attempt_at - now, 0.0), wait))
        self._forget(work.lane)

    async def _sweep(self) -> None:
        """Make delayed messages ready when they are due; fail those whose time is over."""
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(self._delayed[0][0] if self._delayed else float("inf")):
                await self._sooner.wait()
            expired: list[Work] = []
            wall, now = self._machine.clock.now(), trio.current_time()
            for _ in range(STRIDE_MESSAGES):
                if not self._delayed or self._delayed[0][0] > now:
                    break
                work = heapq.heappop(self._delayed)[2]
                options = self._route(work.lane).options
                if options.suspended or lives_on(options, now - work.born) > 0:
                    work.lane = self._lane(work.lane.key)  # the one of then may have been empty and forgotten
                    self._make_ready(work)
                else:
                    expired.append(work)
            await self._expire(expired, wall)

    async def _expire(self, expired: list[Work], now: float) -> None:
        concluded: Conclusions = {}
        for work in expired:
            self.failed += 1
            self._machine.events.publish(_failed(work, Bounced(EXPIRED), now, permanent=True))
            concluded.setdefault(work.batch.batch_id, []).append((work.message.message_id, Conclusion.FAILED))
        await self._record(concluded, {})

    def _panic(self, text: str) -> None:
        self._machine.events.publish(record.Panic(self._machine.clock.now(), record.Level.ERROR, text))


def _of_one_batch(ready: deque[Work], count_max: int) -> int:
    """How many of the first messages of *ready* belong to one batch, up to *count_max*."""
    batch = ready[0].batch
    return sum(1 for _ in takewhile(lambda work: work.batch is batch, islice(ready, count_max)))


def _attempt_of(work: Work) -> Attempt:
    route = work.lane.route
    assert route is not None  # it had its turn
    return Attempt(work.batch, work.message, route.domain, work.retries, route.chain, route.gateway)


def _routing_domain(work: Work) -> str:
    assert work.lane.route is not None
    return work.lane.route.domain


def _delivered(work: Work, outcome: Delivered, now: float) -> record.Delivered:
    batch, message = work.batch, work.message
    return record.Delivered(
        now,
        message.message_id,
        batch.batch_id,
        batch.connection_id,
        message.forward_path,
        batch.reverse_path,
        batch.binding_group,
        batch.binding,
        _routing_domain(work),
        batch.octets,
        work.retries,
        trio.current_time() - work.born,
        outcome.peer_address,
    )


def _failed(work: Work, outcome: Deferred | Bounced, now: float, *, permanent: bool) -> record.Failed:
    batch, message = work.batch, work.message
    return record.Failed(
        now,
        message.message_id,
        batch.batch_id,
        batch.connection_id,
        message.forward_path,
        batch.reverse_path,
        batch.binding_group,
        batch.binding,
        permanent,
        _routing_domain(work),
        outcome.octets,
        outcome.stage,
        work.retries,
        trio.current_time() - work.born,
        outcome.peer_address,
        outcome.reason,
        batch.octets,
        batch.received_at,
    )
