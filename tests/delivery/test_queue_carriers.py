"""Connections: how many, whose turn, limits, throttles, hosts that cannot be reached; over a carrier a test tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing
from delivery_world import MemorySpool, TreeGenerations, generations, machine_with

from momentum_trio.delivery.feeding import TURN_PARCELS
from momentum_trio.delivery.hop import PAUSE_SECONDS
from momentum_trio.delivery.method import Feed, Parcel
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.queue import Queue
from momentum_trio.limits.local import LocalState
from momentum_trio.mail import record

REFUSED = Deferred("451 4.4.1 [internal] No valid hosts")
DEAD = "dead"


@dataclass(eq=False)
class Wire:
    """A carrier that connects in *connect_seconds* and takes *parcel_seconds* for a parcel. A domain whose name begins
    with ``dead`` cannot be reached. The server closes each connection after *parcels_max*.
    """

    connect_seconds: float = 0.1
    parcel_seconds: float = 1.0
    recipients_max: int = 100
    idle_seconds: float = 5.0
    word: str = "ESMTP"
    answer: Callable[[Parcel], Awaitable[list[Outcome]]] | None = None
    unreachable: Outcome = REFUSED
    parcels_max: int = 1000
    hosts: Mapping[str, str] = field(default_factory=dict)
    open: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    connections: list[tuple[float, str]] = field(default_factory=list)
    parcels: list[tuple[float, str, list[str]]] = field(default_factory=list)
    refused: int = 0

    async def carry(self, feed: Feed) -> None:
        name = f"{feed.binding}/{feed.domain}"
        with self._counted(name, "all", f"*/{feed.domain}"):
            self.connections.append((trio.current_time(), feed.domain))
            with feed.admit_host(self.hosts.get(feed.domain, feed.domain)) as admitted:
                if not admitted:
                    self.refused += 1
                    return
                await trio.sleep(self.connect_seconds)
                if feed.domain.startswith(DEAD):
                    assert isinstance(self.unreachable, Deferred | Bounced)
                    feed.unreachable(self.unreachable)
                    return
                feed.reached()
                host = self.hosts.get(feed.domain, feed.domain)
                with self._counted(f"@{host}"):
                    for _ in range(self.parcels_max):
                        parcel = await feed.take(self.recipients_max, self.idle_seconds)
                        if parcel is None:
                            return
                        await feed.report(parcel, await self._converse(feed, parcel))

    async def _converse(self, feed: Feed, parcel: Parcel) -> list[Outcome]:
        assert {attempt.domain for attempt in parcel.attempts} == {feed.domain}
        self.parcels.append(
            (trio.current_time(), feed.domain, [attempt.message.forward_path for attempt in parcel.attempts])
        )
        if self.answer is not None:
            return await self.answer(parcel)
        await trio.sleep(self.parcel_seconds)
        return [Delivered("192.0.2.1") for _ in parcel.attempts]

    def _counted(self, *names: str) -> Any:
        return _Counted(self, names)


class _Counted:
    def __init__(self, wire: Wire, names: tuple[str, ...]) -> None:
        self.wire, self.names = wire, names

    def __enter__(self) -> None:
        for name in self.names:
            self.wire.open[name] += 1
            self.wire.most[name] = max(self.wire.open[name], self.wire.most[name])

    def __exit__(self, *_: object) -> None:
        for name in self.names:
            self.wire.open[name] -= 1


@dataclass
class House:
    queue: Queue
    spool: MemorySpool
    records: list[record.Record]
    generations: TreeGenerations

    def take(self, *forward_paths: str, **terms: Any) -> None:
        self.queue.take(self.spool.receive(*forward_paths, **terms))

    def lines(self) -> list[str]:
        return [
            f"{'D' if isinstance(event, record.Delivered) else 'P' if event.permanent else 'T'} {event.forward_path}"
            for event in self.records
            if isinstance(event, record.Delivered | record.Failed)
        ]

    def assert_nothing_is_held(self) -> None:
        carriage = self.queue.carriage
        assert carriage.connections == carriage.seats.taken == 0
        assert not carriage.seats._limits
        assert not [hop for hop in carriage._hops.values() if not hop.failures]


@asynccontextmanager
async def house(
    wire: Wire, scopes: Mapping[Any, Mapping[str, str]] | None = None, /, **options: Any
) -> AsyncIterator[House]:
    machine, records = machine_with()
    spool = MemorySpool()
    held = generations({"": options} | dict(scopes or {}))
    queue = Queue(machine, spool, held, [wire], LocalState("mx"))
    async with trio.open_nursery() as nursery:
        await nursery.start(queue.run)
        yield House(queue, spool, records, held)
        nursery.cancel_scope.cancel()


async def test_one_connection_serves_what_comes_and_closes_when_idle(autojump_clock: object) -> None:
    wire = Wire()
    async with house(wire) as h:
        h.take("a@x.example")
        await trio.sleep(3)
        h.take("b@x.example")
        await trio.sleep(4)
        assert (len(wire.connections), wire.open["all"], h.lines()) == (1, 1, ["D a@x.example", "D b@x.example"])
        await trio.sleep(5)
        assert wire.open["all"] == 0
        h.assert_nothing_is_held()


async def test_recipients_of_a_batch_go_in_parcels(autojump_clock: object) -> None:
    wire = Wire(recipients_max=3)
    async with house(wire, Max_Outbound_Connections="1") as h:
        h.take(*(f"{n}@x.example" for n in range(5)), "other@y.example")
        h.take("5@x.example")
        await trio.sleep(20)
        parcels = [[path[0] for path in paths] for _, domain, paths in wire.parcels if domain == "x.example"]
        assert parcels == [["0", "1", "2"], ["3", "4"], ["5"]]


@pytest.mark.parametrize(("word", "soon"), [("normal", 1), ("high", 30)])
async def test_connections_grow_with_the_queue_as_fast_as_is_asked(
    word: str, soon: int, autojump_clock: object
) -> None:
    wire = Wire(connect_seconds=1.0, parcel_seconds=10.0)
    async with house(wire, Connection_Allocation_Aggressiveness=word, Max_Outbound_Connections="30") as h:
        for n in range(400):
            h.take(f"{n}@x.example")
        await trio.sleep(0.5)
        assert wire.open["all"] == soon
        await trio.sleep(10)
        assert wire.open["all"] == (20 if word == "normal" else 30)
        await trio.sleep(600)
        assert h.queue.delivered == 400
        assert wire.most["all"] <= 30
        h.assert_nothing_is_held()


LIMITS: list[tuple[str, Mapping[Any, Mapping[str, str]], str, int]] = [
    ("domain", {"": {"Max_Outbound_Connections": "3"}}, "b1/x.example", 3),
    ("domain of a binding", {("g", "b1", "x.example"): {"Max_Outbound_Connections": "2"}}, "b1/x.example", 2),
    ("server", {"": {"Server_Max_Outbound_Connections": "5", "Server_Reserve_Outbound_Connections": "0"}}, "all", 5),
    ("scope", {"x.example": {"Scope_Max_Outbound_Connections": "4"}}, "*/x.example", 4),
    ("host", {"host:x.example": {"Max_Outbound_Connections": "2"}}, "@x.example", 4),
    ("cluster, domain", {"": {"Cluster_Max_Outbound_Connections": "3"}}, "*/x.example", 3),
    ("cluster, binding", {("g", "b1", ""): {"Cluster_Max_Outbound_Connections": "2"}}, "b1/x.example", 2),
    ("cluster, server", {"": {"Cluster_Server_Max_Outbound_Connections": "5"}}, "all", 5),
    ("cluster, scope", {"x.example": {"Cluster_Scope_Max_Outbound_Connections": "4"}}, "*/x.example", 4),
    ("cluster, host", {"host:x.example": {"Cluster_Max_Outbound_Connections": "2"}}, "@x.example", 2),
    ("cluster, scope of a host", {"host:x.example": {"Cluster_Scope_Max_Outbound_Connections": "2"}}, "@x.example", 2),
    ("scope of a host", {"host:x.example": {"Scope_Max_Outbound_Connections": "2"}}, "@x.example", 2),
]


@pytest.mark.parametrize(("options", "counted", "most"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
async def test_limits_hold_are_used_and_are_given_back(
    options: Mapping[Any, Mapping[str, str]], counted: str, most: int, autojump_clock: object
) -> None:
    wire = Wire()
    with_speed = {**options, "": {"Connection_Allocation_Aggressiveness": "high", **options.get("", {})}}
    async with house(wire, with_speed) as h:
        for n in range(60):
            h.take(f"{n}@x.example", binding=("g", f"b{n % 2 + 1}"))
            h.take(f"{n}@y.example", binding=("g", f"b{n % 2 + 1}"))
        await trio.sleep(600)
        assert wire.most[counted] == most
        assert h.queue.delivered == 120
        h.assert_nothing_is_held()


async def test_a_limit_of_a_binding_counts_that_binding_alone(autojump_clock: object) -> None:
    wire = Wire()
    scopes = {
        "": {"Connection_Allocation_Aggressiveness": "high"},
        ("g", "b1", ""): {"Server_Max_Outbound_Connections": "3"},
    }
    async with house(wire, scopes) as h:
        for n in range(30):
            for binding in ("b1", "b2"):
                h.take(f"{n}@x.example", binding=("g", binding))
                h.take(f"{n}@y.example", binding=("g", binding))
        await trio.sleep(300)
        assert (wire.most["b1/x.example"] + wire.most["b1/y.example"]) <= 2 + 3
        assert wire.most["b2/x.example"] == 30
        assert h.queue.delivered == 120


async def test_who_waits_gets_the_next_seat_from_who_has_several(autojump_clock: object) -> None:
    wire = Wire()
    options = {"Server_Max_Outbound_Connections": "4", "Server_Reserve_Outbound_Connections": "0"}
    async with house(wire, Connection_Allocation_Aggressiveness="high", **options) as h:
        for n in range(200):
            h.take(f"{n}@big.example")
        await trio.sleep(10)
        assert wire.open["b/big.example"] == 0
        assert wire.open["default/big.example"] == 4
        h.take("a@small.example")
        await trio.sleep(3)
        assert "D a@small.example" in h.lines()
        await trio.sleep(300)
        assert h.queue.delivered == 201


async def test_the_reserve_is_for_those_who_have_no_seat(autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=100)
    options = {"Server_Max_Outbound_Connections": "4", "Server_Reserve_Outbound_Connections": "2"}
    async with house(wire, Connection_Allocation_Aggressiveness="high", **options) as h:
        for domain in ("big", "small", "tiny", "late"):
            for n in range(10):
                h.take(f"{n}@{domain}.example")
            await trio.sleep(1)
        assert [wire.open[f"default/{domain}.example"] for domain in ("big", "small", "tiny", "late")] == [4, 1, 1, 0]


async def test_more_domains_than_seats_take_turns(autojump_clock: object) -> None:
    wire = Wire()
    options = {"Server_Max_Outbound_Connections": "2", "Server_Reserve_Outbound_Connections": "0"}
    async with house(wire, **options) as h:
        for domain in range(6):
            for n in range(3 * TURN_PARCELS):
                h.take(f"{n}@{domain}.example")
        await trio.sleep(3 * TURN_PARCELS * 2)
        served = Counter(domain for _, domain, _ in wire.parcels)
        assert len(served) == 6
        assert max(served.values()) - min(served.values()) <= 2 * TURN_PARCELS
        await trio.sleep(1000)
        assert h.queue.delivered == 18 * TURN_PARCELS
        h.assert_nothing_is_held()


async def test_an_idle_connection_makes_room(autojump_clock: object) -> None:
    wire = Wire(idle_seconds=500)
    options = {"Server_Max_Outbound_Connections": "1", "Server_Reserve_Outbound_Connections": "0"}
    async with house(wire, **options) as h:
        h.take("a@x.example")
        await trio.sleep(10)
        h.take("a@y.example")
        await trio.sleep(3)
        assert h.lines() == ["D a@x.example", "D a@y.example"]


async def test_a_full_host_is_not_asked_again_until_a_seat_is_free(autojump_clock: object) -> None:
    wire = Wire(hosts={"x.example": "mx", "y.example": "mx"}, parcel_seconds=30.0)
    async with house(wire, {"host:mx": {"Max_Outbound_Connections": "1"}}) as h:
        h.take("a@x.example")
        await trio.sleep(1)
        for n in range(20):
            h.take(f"{n}@y.example")
            await trio.sleep(0.1)
        assert (wire.refused, wire.most["@mx"]) == (1, 1)
        await trio.sleep(1000)
        assert h.queue.delivered == 21
        assert wire.most["@mx"] == 1
        h.assert_nothing_is_held()


@dataclass
class ManyAtOnce(Wire):
    """A carrier that takes all there is now, and reports about it together."""

    async def carry(self, feed: Feed) -> None:
        feed.reached()
        while (parcel := await feed.take(1, self.idle_seconds)) is not None:
            parcels = [parcel]
            while (further := await feed.more(1)) is not None:
                parcels.append(further)
            paths = [attempt.message.forward_path for parcel in parcels for attempt in parcel.attempts]
            self.parcels.append((trio.current_time(), feed.domain, paths))
            for parcel in parcels:
                await feed.report(parcel, [Delivered("192.0.2.1")])


@pytest.mark.parametrize(("options", "sizes"), [({}, [5]), ({"Max_Deliveries_Per_Connection": "2"}, [2, 2, 1])])
async def test_a_connection_may_have_several_parcels_in_hand(
    options: Mapping[str, str], sizes: list[int], autojump_clock: object
) -> None:
    """What it has in hand counts for what it may deliver."""
    wire = ManyAtOnce()
    async with house(wire, Max_Outbound_Connections="1", **options) as h:
        h.take(*(f"{n}@d.example" for n in range(5)))
        await trio.sleep(100)
        assert [len(paths) for _, _, paths in wire.parcels] == sizes
        assert len(h.lines()) == 5
        h.assert_nothing_is_held()


async def test_a_connection_ends_after_its_deliveries(autojump_clock: object) -> None:
    wire = Wire()
    async with house(wire, Max_Deliveries_Per_Connection="3", Max_Outbound_Connections="1") as h:
        h.take(*(f"{n}@x.example" for n in range(8)))
        await trio.sleep(60)
        assert [len(paths) for _, _, paths in wire.parcels] == [3, 3, 2]
        assert len(wire.connections) == 3


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [(Delivered(), 100 * 1.1), (Bounced("550 5.1.1 no"), 100 * 1.1), (REFUSED, 100 * 1.1 + 99 * PAUSE_SECONDS)],
)
async def test_a_server_that_closes_after_each_message_is_paused_for_only_if_it_settles_none(
    outcome: Outcome, seconds: float, autojump_clock: object
) -> None:
    async def answer(parcel: Parcel) -> list[Outcome]:
        await trio.sleep(wire.parcel_seconds)
        return [outcome for _ in parcel.attempts]

    wire = Wire(answer=answer, parcels_max=1)
    async with house(wire, Max_Outbound_Connections="1", Retry_Interval="10000") as h:
        began = trio.current_time()
        for n in range(100):
            h.take(f"{n}@x.example")
        await trio.sleep(seconds + 20)
        last, _, _ = wire.parcels[-1]
        assert len(wire.parcels) == 100
        assert last + wire.parcel_seconds - began == pytest.approx(seconds, abs=2)


# Throttles


@pytest.mark.parametrize("spread", ["one domain", "domains of a scope"])
async def test_a_throttle_of_messages_is_kept_and_used(spread: str, autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=0.01, connect_seconds=0.01)
    async with house(wire, Outbound_Throttle_Messages="5") as h:
        began = trio.current_time()
        for n in range(100):
            h.take(f"{n}@x.example" if spread == "one domain" else f"{n}@{n % 10}.example")
        await trio.sleep(60)
        times = sorted(at - began for at, _, _ in wire.parcels)
        assert len(times) == 100
        second = 1 - wire.connect_seconds - 1e-6  # what was counted goes when its connection is there
        assert all(later - earlier >= second for earlier, later in zip(times, times[5:], strict=False))
        assert times[-1] == pytest.approx(99 / 5, abs=1)
        await trio.sleep(20)
        h.assert_nothing_is_held()


async def test_each_scope_that_sets_a_throttle_counts_for_itself(autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=0.01, connect_seconds=0.01)
    scopes = {"x.example": {"Outbound_Throttle_Messages": "1"}, "y.example": {"Outbound_Throttle_Messages": "1/2"}}
    async with house(wire, scopes) as h:
        for n in range(20):
            h.take(f"{n}@x.example")
            h.take(f"{n}@y.example")
            h.take(f"{n}@free.example")
        await trio.sleep(10.5)
        assert Counter(domain for _, domain, _ in wire.parcels) == {"x.example": 11, "y.example": 6, "free.example": 20}


async def test_a_throttle_is_waited_for_without_a_seat_and_without_asking(autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=0.01, idle_seconds=5)
    async with house(wire, Outbound_Throttle_Messages="1/100") as h:
        for n in range(3):
            h.take(f"{n}@x.example")
        await trio.sleep(50)
        assert (wire.open["all"], len(wire.connections), h.queue.delivered) == (0, 1, 1)
        await trio.sleep(200)
        assert (wire.open["all"], len(wire.connections), h.queue.delivered) == (0, 3, 3)


@pytest.mark.parametrize(
    "throttles",
    [
        {"Outbound_Throttle_Connections": "2"},
        {"Cluster_Outbound_Throttle_Connections": "2"},
        {"Outbound_Throttle_Connections": "9", "Cluster_Outbound_Throttle_Connections": "2"},
        {"Outbound_Throttle_Connections": "2", "Cluster_Outbound_Throttle_Connections": "9"},
    ],
)
async def test_a_throttle_of_connections_is_kept(throttles: dict[str, str], autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=0.01, idle_seconds=0)
    async with house(wire, **throttles, Connection_Allocation_Aggressiveness="high") as h:
        for n in range(20):
            h.take(f"a@{n}.example")
        await trio.sleep(30)
        times = [at for at, _ in wire.connections]
        assert len(times) == 20
        assert all(later - earlier >= 1 - 1e-6 for earlier, later in zip(times, times[2:], strict=False))
        assert times[-1] - times[0] == pytest.approx(9.5, abs=0.6)


# Failures


async def test_an_unreachable_domain_is_tried_with_pauses_then_all_of_it_is_delayed(autojump_clock: object) -> None:
    wire = Wire()
    async with house(wire, Connect_Timeout_To_Delay="100", Max_Outbound_Connections="4") as h:
        for n in range(300):
            h.take(f"{n}@{DEAD}.example")
        await trio.sleep(90)
        assert h.lines() == []
        assert 5 <= len(wire.connections) <= 9
        assert wire.most["all"] == 1
        await trio.sleep(60)
        assert sorted(h.lines()) == sorted(f"T {n}@{DEAD}.example" for n in range(300))
        assert (h.queue.active, h.queue.delayed) == (0, 300)
        tried = len(wire.connections)
        await trio.sleep(1300)
        assert len(wire.connections) == tried + 1  # still dead: one look for all of them
        assert h.queue.delayed == 300


async def test_a_domain_that_comes_back_soon_gets_its_mail_at_once(autojump_clock: object) -> None:
    wire = Wire()
    async with house(wire) as h:
        h.take(f"a@{DEAD}.example")
        await trio.sleep(5)
        assert (h.queue.active, h.queue.delayed) == (1, 0)
        wire.unreachable = Delivered()
        wire.carry = Wire.carry.__get__(wire)  # type: ignore[method-assign]
        h.generations.replace({"": {"Gateway": "relay.example"}})
        h.queue.reconfigured()
        await trio.sleep(5)
        assert h.lines() == [f"D a@{DEAD}.example"]


async def test_so_many_failures_delay_too(autojump_clock: object) -> None:
    wire = Wire()
    async with house(wire, MX_Failures_To_Delay="3") as h:
        h.take(f"a@{DEAD}.example")
        await trio.sleep(30)
        assert (len(wire.connections), h.lines()) == (3, [f"T a@{DEAD}.example"])


async def test_a_failure_for_good_fails_the_mail_of_the_domain(autojump_clock: object) -> None:
    wire = Wire(unreachable=Bounced("551 5.4.6 [internal] Private/Loopback Address"))
    async with house(wire) as h:
        h.take(f"a@{DEAD}.example", f"b@{DEAD}.example", "c@x.example")
        await trio.sleep(10)
        assert sorted(h.lines()) == ["D c@x.example", f"P a@{DEAD}.example", f"P b@{DEAD}.example"]


async def test_dead_and_slow_domains_delay_no_other(autojump_clock: object) -> None:
    """1,000 domains, 100 of them dead and 100 slow, with more seats than those can take."""

    async def answer(parcel: Parcel) -> list[Outcome]:
        await trio.sleep(100 if parcel.attempts[0].domain.startswith("slow") else 0.1)
        return [Delivered("192.0.2.1")] * len(parcel.attempts)

    wire = Wire(answer=answer)
    wire.connect_seconds = 0.05
    async with house(wire, Server_Max_Outbound_Connections="400", Server_Reserve_Outbound_Connections="0") as h:
        names = [f"{DEAD}{n}" if n < 100 else f"slow{n}" if n < 200 else f"well{n}" for n in range(1000)]
        for n in range(10):
            for name in names:
                h.take(f"{n}@{name}.example")
        await trio.sleep(20)
        served = Counter(domain[:4] for _, domain, paths in wire.parcels for _ in paths)
        assert served["well"] == 8000
        assert h.queue.delivered >= 8000


@pytest.mark.parametrize("fault", ["raises", "forgets", "returns"])
async def test_a_faulty_carrier_costs_its_parcel_an_attempt_and_nothing_more(
    fault: str, autojump_clock: object
) -> None:
    class Faulty(Wire):
        async def carry(self, feed: Feed) -> None:
            self.connections.append((trio.current_time(), feed.domain))
            if fault != "returns":
                feed.reached()
                await feed.take(1, 1)
                if fault == "raises":
                    raise ZeroDivisionError

    wire = Faulty()
    async with house(wire) as h:
        h.take("a@x.example")
        await trio.sleep(30)
        assert len(wire.connections) <= 6
        assert h.lines() == ([] if fault == "returns" else ["T a@x.example"])
        assert (h.queue.active, h.queue.delayed) == ((1, 0) if fault == "returns" else (0, 1))
        panics = [event for event in h.records if isinstance(event, record.Panic)]
        assert len(panics) == (fault == "raises")


# Ends


async def test_drain_lets_parcels_end_and_closes(autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=20, idle_seconds=1000)
    async with house(wire, Max_Outbound_Connections="1") as h:
        h.take("a@y.example")
        h.take("a@x.example")
        h.take("b@x.example")
        await trio.sleep(30)
        await h.queue.drain()
        assert sorted(h.lines()) == ["D a@x.example", "D a@y.example", "D b@x.example"]
        assert wire.open["all"] == 0
        h.take("c@x.example")
        await trio.sleep(100)
        assert (len(wire.connections), h.queue.active) == (2, 1)


async def test_connections_of_an_old_generation_close_after_their_parcel(autojump_clock: object) -> None:
    wire = Wire(idle_seconds=1000)
    async with house(wire) as h:
        h.take("a@x.example")
        await trio.sleep(10)
        h.generations.replace({"": {"Max_Outbound_Connections": "7"}})
        h.queue.reconfigured()
        await trio.sleep(1)
        assert wire.open["all"] == 0
        h.take("b@x.example")
        await trio.sleep(10)
        assert len(wire.connections) == 2
        assert h.queue.delivered == 2


async def test_a_suspended_domain_is_not_connected_to(autojump_clock: object) -> None:
    wire = Wire()
    async with house(wire) as h:
        for n in range(10):
            h.take(f"{n}@x.example")
        await trio.sleep(1.5)
        h.generations.replace({"": {}, "x.example": {"Suspend_Delivery": "true"}})
        h.queue.reconfigured()
        await trio.sleep(100)
        done = h.queue.delivered
        assert done < 10
        assert (h.queue.active, wire.open["all"]) == (10 - done, 0)
        h.generations.replace({"": {}})
        h.queue.reconfigured()
        await trio.sleep(100)
        assert h.queue.delivered == 10


async def test_domains_behind_a_gateway_share_its_connections(autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=0.1)
    async with house(wire, Gateway="relay.example:2525", Max_Outbound_Connections="2") as h:
        for n in range(40):
            h.take(f"a@{n}.example")
        await trio.sleep(20)
        assert (h.queue.delivered, len(wire.connections)) == (40, 2)
        assert {domain for _, domain in wire.connections} == {"relay.example"}


async def test_cancelled_connections_leave_everything_whole(autojump_clock: object) -> None:
    wire = Wire(parcel_seconds=50)
    async with house(wire) as h:
        h.take(*(f"{n}@x.example" for n in range(250)))
        await trio.sleep(10)
        assert h.queue.active == 250
    holdings = h.queue.holdings
    assert holdings.active == sum(lane.ready.count for lane in holdings.lanes.all()) == 250
    assert sum(lane.in_hand for lane in holdings.lanes.all()) == 0
    assert not h.spool.concluded
    assert h.queue.carriage.connections == h.queue.carriage.seats.taken == 0
