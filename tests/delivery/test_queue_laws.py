"""The law of the queue: whatever happens, each message is concluded exactly once or is owed.

What it holds is what the spool holds; no seat, no grant of a throttle and no lane is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.testing
from delivery_world import MemorySpool, TreeGenerations, generations, machine_with
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.method import Attempt, Carrier, Feed, Method
from momentum_trio.delivery.operations import Verdict, Which
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.queue import Queue
from momentum_trio.delivery.report_contract import Failure, Report
from momentum_trio.delivery.roster import Standing
from momentum_trio.limits.local import LocalState
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.path import split
from momentum_trio.spool.fault import SpoolFull
from momentum_trio.spool.message import Batch, Conclusion, Message

OUTCOMES: Sequence[Outcome] = (Delivered("192.0.2.1"), Delivered(), Deferred("451 a"), Bounced("550 b"))


@dataclass(eq=False)
class Fate:
    """What the world does next, out of a list that hypothesis made; when it is used up, all goes well."""

    outcomes: list[Outcome] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)

    def outcome(self) -> Outcome:
        return self.outcomes.pop() if self.outcomes else Delivered("192.0.2.1")

    async def pause(self) -> None:
        await trio.sleep(self.pauses.pop() if self.pauses else 0.1)


@dataclass(eq=False)
class Wire:
    fate: Fate
    word: str = "ESMTP"

    async def carry(self, feed: Feed) -> None:
        fate = self.fate.connections.pop() if self.fate.connections else "well"
        with feed.admit_host(feed.domain) as admitted:
            if not admitted or fate == "returns":
                return
            await self.fate.pause()
            if fate in ("deferred", "bounced"):
                feed.unreachable(Deferred("451 no") if fate == "deferred" else Bounced("551 never"))
                return
            feed.reached()
            while (parcel := await feed.take(2, 3.0)) is not None:
                await self.fate.pause()
                if fate == "raises":
                    raise ZeroDivisionError
                if fate == "forgets":
                    return
                await feed.report(parcel, [self.fate.outcome() for _ in parcel.attempts])


@dataclass(eq=False)
class Local:
    fate: Fate
    word: str = "MAILDIR"
    group_max: int = 3
    gathers: bool = True
    attempts_max: int = 2
    domain_attempts_max: int = 1

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        await self.fate.pause()
        return [self.fate.outcome() for _ in attempts]


@dataclass(eq=False)
class Postmaster:
    """Reports all that it is told of, but the null sender's. Its own mail goes to ``sender.example``."""

    spool: MemorySpool
    told: list[str] = field(default_factory=list)

    async def failed(self, chain: Chain, batch: Batch, failures: Sequence[Failure]) -> Report | None:
        return self._report(batch, failures)

    async def delayed(self, chain: Chain, batch: Batch, delays: Sequence[Failure], expires_at: float) -> Report | None:
        return self._report(batch, delays)

    async def succeeded(
        self, chain: Chain, batch: Batch, successes: Sequence[Failure], *, relayed: bool
    ) -> Report | None:
        return self._report(batch, successes)

    def _report(self, batch: Batch, about: Sequence[Failure]) -> Report | None:
        if not batch.reverse_path:
            return None
        self.told += [each.message.message_id for each in about]
        message = Message(self.spool.next_id(), batch.reverse_path)
        envelope = Batch(self.spool.next_id(), "", batch.received_at, "", (message,), 0, "", "internal")
        return Report(envelope, b"report\r\n")


@dataclass
class World:
    fate: Fate
    spool: MemorySpool
    held: TreeGenerations
    queue: Queue = field(init=False)
    nursery: trio.Nursery = field(init=False)
    life: trio.CancelScope = field(init=False)

    def __post_init__(self) -> None:
        self.postmaster = Postmaster(self.spool)

    async def begin(self) -> None:
        machine, self.records = machine_with()
        ways: list[Method | Carrier] = [Wire(self.fate), Local(self.fate)]
        self.queue = Queue(
            machine, self.spool, self.held, ways, LocalState("mx"), reporter=self.postmaster, connections_max=4
        )
        self.life = await self.nursery.start(self._live)

    async def _live(self, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.queue.run)
                task_status.started(scope)

    async def restart(self) -> None:
        self.life.cancel()
        await trio.testing.wait_all_tasks_blocked()
        self.check()
        await self.begin()

    def check(self) -> None:
        """What is held is what is in custody, once everybody has paused."""
        holdings = self.queue.holdings
        lanes = holdings.lanes.all()
        assert holdings.active == sum(lane.active for lane in lanes)
        assert holdings.delayed == sum(lane.delayed.count for lane in lanes)
        assert holdings.active + holdings.delayed == len(self.spool.holding)
        seen = [t for lane in lanes for strand in (lane.ready, lane.delayed) for t in holdings.roster.tickets(strand)]
        assert len(seen) == len(set(seen)) == holdings.active + holdings.delayed - sum(lane.in_hand for lane in lanes)
        assert set(seen) <= set(self.spool.holding)
        assert all(holdings.lane(ticket).key == self.way(ticket) for ticket in seen)
        hops = self.queue.carriage._hops.values()
        assert self.queue.carriage.connections == sum(hop.connections for hop in hops) <= 4
        assert all(hop.ready == sum(lane.ready.count for lane in hop.turn) for hop in hops)

    def way(self, ticket: int) -> tuple[str, str, str]:
        """Which way a message goes, as the spool has it."""
        batch, message = self.spool.holding[ticket]
        return batch.binding_group, batch.binding, message.routing_domain or split(message.forward_path)[1]

    async def operate(self, kind: str, number: int, patience: float) -> None:
        """An operator does something, and may lose his patience."""
        operations, domain = self.queue.operations, f"{number}.example"
        verdict = Verdict("554 5.7.0 [internal] purged", "554 purged", quiet=bool(number % 2))
        with trio.move_on_after(patience), suppress(SpoolFull):
            match kind:
                case "flush":
                    await operations.flush(Which(domain if number else None))
                case "fail":
                    await operations.fail(Which(domain), verdict)
                case "reroute":
                    await operations.reroute(domain, f"{(number + 1) % 4}.example")
                case "rebind":
                    bindings = [("default", "a"), ("group", "b"), ("default", "default")][number % 3 :]
                    await operations.rebind(Which(binding="default" if number % 2 else None), bindings)
                case _:
                    await self.operate_on_one(kind, number, verdict)

    async def operate_on_one(self, kind: str, number: int, verdict: Verdict) -> None:
        waiting = [ticket for ticket in self.spool.holding if self._standing(ticket) is not None]
        if not waiting:
            return
        ticket = waiting[number % len(waiting)]
        if kind == "fail one":
            await self.queue.operations.fail_one(ticket, verdict)
        elif self._standing(ticket) == Standing.DELAYED:
            self.queue.operations.retry(ticket)

    def _standing(self, ticket: int) -> Standing | None:
        message_id = self.spool.message_id(ticket)
        found, standing = self.queue.operations.standing(message_id)
        assert found == ticket
        return standing if standing in (Standing.READY, Standing.DELAYED) else None


SETTINGS: Sequence[dict[Any, dict[str, str]]] = (
    {},
    {"": {"Suspend_Delivery": "true"}},
    {"": {"Delivery_Method": "MAILDIR"}},
    {"0.example": {"Delivery_Method": "MAILDIR"}, "1.example": {"Suspend_Delivery": "true"}},
    {"": {"Gateway": "relay.example", "Max_Outbound_Connections": "2"}},
    {"": {"Outbound_Throttle_Messages": "1/3", "Outbound_Throttle_Connections": "1/2"}},
    {"": {"Delivery_Method": "MAILDIR", "Outbound_Throttle_Messages": "1/2"}},
    {"": {"Server_Max_Outbound_Connections": "1", "Server_Reserve_Outbound_Connections": "0"}},
    {"": {"Max_Resident_Messages": "1", "Never_Retry": "true"}},
    {"": {"Max_Resident_Active_Queue": "0", "Generate_Delay_DSN": "true", "Delay_DSN_Retry_Interval": "20"}},
    {"host:1.example": {"Max_Outbound_Connections": "1"}, "": {"MX_Failures_To_Delay": "1"}},
    {"": {"Connection_Allocation_Aggressiveness": "high", "Max_Deliveries_Per_Connection": "1"}},
)

domains = st.lists(st.integers(0, 3), min_size=1, max_size=4)
notifies = st.sampled_from([Notify.UNSET, Notify.SUCCESS, Notify.SUCCESS | Notify.FAILURE | Notify.DELAY])
steps = st.one_of(
    st.tuples(st.just("take"), domains, notifies),
    st.tuples(st.just("sleep"), st.sampled_from([0.05, 1.0, 30.0, 500.0])),
    st.tuples(st.just("configure"), st.sampled_from(SETTINGS)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("full"), st.booleans()),
    st.tuples(
        st.just("operate"),
        st.sampled_from(["flush", "fail", "reroute", "rebind", "fail one", "retry one"]),
        st.integers(0, 3),
        st.sampled_from([0.0, 1000.0]),
    ),
)
fates = st.builds(
    Fate,
    outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=20),
    pauses=st.lists(st.sampled_from([0.0, 0.5, 5.0]), max_size=20),
    connections=st.lists(st.sampled_from(["well", "deferred", "bounced", "raises", "forgets", "returns"]), max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(fates, st.lists(steps, max_size=12))
def test_each_message_is_concluded_once_or_owed(fate: Fate, program: list[tuple[Any, ...]]) -> None:
    async def main() -> None:
        world = World(fate, MemorySpool(), generations({"": BASE}))
        async with trio.open_nursery() as nursery:
            world.nursery = nursery
            await world.begin()
            for step in program:
                await _do(world, step)
                await trio.testing.wait_all_tasks_blocked()
                world.check()
            fate.outcomes.clear()
            fate.connections.clear()
            world.spool.full = False
            await _do(world, ("configure", {}))
            await trio.sleep_until(trio.current_time() + 200_000)
            world.check()
            assert not world.spool.holding
            assert not len(world.queue.holdings.lanes)
            assert world.queue.carriage.seats.taken == 0
            assert not world.queue.carriage.seats._limits
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


BASE = {"Retry_Interval": "10", "Max_Retry_Interval": "1000", "Message_Expiration": "50000"}


async def _do(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("take", names, notify):
            paths = [f"{number}@{name}.example" for number, name in enumerate(names)]
            world.queue.take(world.spool.receive(*paths, reverse_path="ann@sender.example", notify=notify))
        case ("sleep", seconds):
            await trio.sleep(seconds)
        case ("configure", options):
            world.held.replace({**options, "": BASE | options.get("", {})})
            world.queue.reconfigured()
        case ("operate", kind, number, patience):
            await world.operate(kind, number, patience)
        case ("restart",):
            await world.restart()
        case ("full", full):
            world.spool.full = full


def test_mail_whose_failing_is_given_up_midway_has_its_turn_again() -> None:
    async def main() -> None:
        fate = Fate(outcomes=[Deferred("451 a")])
        world = World(fate, MemorySpool(), generations({"": BASE | {"Delivery_Method": "MAILDIR"}}))
        async with trio.open_nursery() as nursery:
            world.nursery = nursery
            await world.begin()
            world.queue.take(world.spool.receive("1@0.example"))
            await trio.sleep(5)
            assert world.queue.delayed == 1  # its envelope is in the spool alone
            await world.operate("fail", 0, 0.0)
            assert not world.spool.concluded
            await trio.sleep(1)
            assert list(world.spool.concluded.values()) == [Conclusion.DELIVERED]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
