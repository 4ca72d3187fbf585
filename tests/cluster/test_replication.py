"""Replicated counts: after quiet all views are the same, and the sum is that of the members who live."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
import trio.testing
from agreed import Agreed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from momentum_trio.cluster.replication import GLOBAL, Replication, Structure, Terms, Traffic
from momentum_trio.protocol.cluster.replica import Replica
from momentum_trio.protocol.cluster.share import Snapshot, Update, pack, snapshot, unpack, updates
from momentum_trio.protocol.cluster.strategies import shares, tables

TERMS = Terms("outbound_domains", Structure.GAUGE_TABLE)
NODES = "abc"
KEYS = ("x.example", "y.example", "z.example")
Step = tuple[str, ...] | tuple[str, int, int, int]

VERBS = ("more", "more", "less", "say", "say", "settle", "order", "hear", "send", "cut", "crash", "again", "regroup")
_verbs = [
    st.tuples(st.just(verb), st.integers(0, 7), st.integers(0, 3), st.integers(0, 3))
    if verb == "regroup"
    else st.tuples(st.just(verb), st.sampled_from(NODES), st.sampled_from(KEYS))
    for verb in VERBS
]
steps: st.SearchStrategy[list[Step]] = st.lists(st.one_of(_verbs), min_size=12, max_size=60)


class Nodes:
    """Three nodes that share one object, over an agreed order that a story moves on."""

    def __init__(self, octets_max: int = 60) -> None:
        self.order = Agreed(*NODES)
        self.octets_max = octets_max
        self.parts: dict[str, Replication] = {}
        self.counts: dict[str, Counter[str]] = {}
        for node in NODES:
            self.live(node)
        self.order.settle()

    def live(self, node: str) -> None:
        seat = self.order[node]
        part = Replication(seat, TERMS, Traffic())
        part.replica = Replica(self.octets_max)
        self.parts[node], self.counts[node] = part, Counter()
        seat.add(part)

    def step(self, step: Step) -> None:
        match step:
            case ("regroup", mask, lost, late):
                assert isinstance(mask, int)
                halves = [[n for i, n in enumerate(NODES) if (mask >> i & 1) == half] for half in (0, 1)]
                self.order.regroup(*halves, lost=int(lost), late=int(late))
            case ("more", node, key):
                self.count(str(node), str(key), 1)
            case ("less", node, key) if self.counts[str(node)][str(key)]:
                self.count(str(node), str(key), -1)
            case ("crash", node, *_):
                self.order.crash(str(node))
                self.order.start(str(node))
                self.live(str(node))
            case (do, node, *_):
                self.one(str(do), str(node))

    def count(self, node: str, key: str, delta: int) -> None:
        self.counts[node][key] += delta
        self.parts[node].add(key, delta)

    def one(self, do: str, node: str) -> None:
        match do:
            case "say":
                self.parts[node].replica.flush()
                self.parts[node].send()
            case "settle":
                self.order.settle()
            case "again":
                self.parts[node].retire()
                del self.order[node].parts[TERMS.topic]
                counts = self.counts[node]
                self.live(node)
                for key, count in counts.items():
                    self.count(node, key, count)
            case "send":
                self.parts[node].send()
            case "order":
                self.order.order(node)
            case "hear":
                self.order.hear(node)
            case "cut" if self.order[node].connected:
                self.order.cut(node)
            case "cut":
                self.order.mend(node)

    def quiet(self) -> None:
        """Everybody is connected, in one view, and has said and heard all."""
        for node in NODES:
            if not self.order[node].connected:
                self.order.mend(node)
        if not self.order.is_whole:
            self.order.regroup(NODES)
        for _ in range(3):
            self.order.settle()
            for part in self.parts.values():
                part.replica.flush()
                assert part.send()


@given(steps)
@example([("more", "a", KEYS[0]), ("say", "a", ""), ("crash", "b", ""), ("more", "a", KEYS[0])])
def test_after_quiet_all_views_are_the_same_and_the_sum_is_right(story: list[Step]) -> None:
    world = Nodes()
    for step in story:
        world.step(step)
    world.quiet()
    sums = +sum(world.counts.values(), Counter[str]())
    for node in NODES:
        views = dict(world.parts[node].views())
        assert views.pop(GLOBAL) == sums
        assert views == {world.order[other].name: +world.counts[other] for other in NODES}
        assert all(world.parts[node].replica.total(key) == sums[key] for key in KEYS)


@settings(max_examples=40)
@given(steps)
def test_nobody_ever_counts_more_than_its_members_have_ever_counted_together(story: list[Step]) -> None:
    """No count is in the sum twice, whatever was lost, repeated or overtaken on the way."""
    world = Nodes()
    most: Counter[str] = Counter()
    peak: dict[str, Counter[str]] = {node: Counter() for node in NODES}
    for step in story:
        world.step(step)
        for node in NODES:
            peak[node] |= world.counts[node]
        most = sum(peak.values(), Counter[str]())
        for part in world.parts.values():
            assert all(count <= most[key] for key, count in part.replica.totals().items())


def test_the_share_of_a_node_that_is_gone_goes_with_it() -> None:
    world = Nodes()
    for node in NODES:
        world.count(node, KEYS[0], 5)
    world.quiet()
    world.order.crash("b")
    world.order.settle()
    assert [world.parts[node].replica.total(KEYS[0]) for node in "ac"] == [10, 10]
    assert len(dict(world.parts["a"].views())) == 3


def test_who_begins_in_the_middle_of_a_view_is_told_what_there_is_and_who_retires_is_forgotten() -> None:
    """As when a configuration that has the object comes to one node after the other."""
    world = Nodes()
    world.count("a", KEYS[0], 2)
    world.count("b", KEYS[0], 3)
    world.quiet()
    world.parts["b"].retire()
    del world.order["b"].parts[TERMS.topic]
    world.order.settle()
    assert world.parts["a"].replica.total(KEYS[0]) == 2
    world.live("b")
    world.count("b", KEYS[0], 4)
    world.quiet()
    assert [part.replica.totals() for part in world.parts.values()] == [{KEYS[0]: 6}] * 3


def test_a_snapshot_of_many_parts_is_the_share_when_the_last_has_come() -> None:
    """Until then what was known holds, updates between its parts included."""
    world = Nodes()
    world.quiet()
    a, b = world.order["a"].name, world.parts["b"].replica
    b.told(a, pack(Update({"old": 1, "kept": 2})))
    first, last = Snapshot(True, False, {"kept": 2, "new": 1}), Snapshot(False, True, {"late": 4})
    b.told(a, pack(first))
    b.told(a, pack(Update({"new": 3})))
    assert b.totals() == {"old": 1, "kept": 2, "new": 3}
    b.told(a, pack(last))
    assert b.totals() == b.share(a) == {"kept": 2, "new": 3, "late": 4}


@given(tables, st.integers(40, 200))
def test_any_split_of_a_snapshot_gives_the_same(counts: dict[str, int], octets_max: int) -> None:
    counts = {key: count for key, count in counts.items() if count}
    parts = list(snapshot(counts, octets_max))
    assert [part.is_first for part in parts] == [True] + [False] * (len(parts) - 1)
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {key: count for part in parts for key, count in part.counts.items()} == counts
    said = list(updates(counts, octets_max))
    every: list[Snapshot | Update] = [*parts, *said]
    assert {key: count for part in said for key, count in part.counts.items()} == counts
    assert all(len(pack(part)) <= octets_max for part in every if len(part.counts) > 1)


@given(shares)
def test_what_is_said_is_what_is_heard(said: Update | Snapshot) -> None:
    assert unpack(pack(said)) == said


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x90", b"\x92\xa1u\x81\xa1a\xff", b"\x92\xa1u\x81\xa0\x01", b"\x92\xa1x\x80", b"\x93\xa1u\x80\x01"],
    ids=["nothing", "no tag", "negative", "empty key", "unknown", "too many"],
)
def test_what_says_nothing_is_refused_and_changes_nothing(octets: bytes) -> None:
    world = Nodes()
    world.quiet()
    part = world.parts["a"]
    with pytest.raises(ValueError, match=r"."):
        part.told(world.order["b"].name, octets)
    assert part.replica.totals() == {}


def test_a_share_has_no_more_keys_than_it_may() -> None:
    world = Nodes()
    world.quiet()
    replica = world.parts["a"].replica
    replica._keys_max = 2
    replica.told(world.order["b"].name, pack(Update({"a": 1, "b": 1, "c": 1})))
    assert (replica.totals(), replica.overflows) == ({"a": 1, "b": 1}, 1)


async def test_lazy_means_max_delay_or_max_pending(autojump_clock: trio.testing.MockClock) -> None:
    order = Agreed(*NODES)
    part = Replication(order["a"], TERMS, Traffic())
    order["a"].add(part)
    order.settle()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(part.run)
        await trio.sleep(0.5)
        order["a"].said.clear()
        began = trio.current_time()
        part.add(KEYS[0], 1)
        await trio.sleep(TERMS.max_delay_seconds - 0.01)
        assert not order["a"].said
        await trio.sleep(0.02)
        assert len(order["a"].said) == 1
        for number in range(TERMS.max_pending):
            part.add(f"{number}.example", 1)
        await trio.testing.wait_all_tasks_blocked()
        assert len(order["a"].said) == 2
        assert trio.current_time() - began < 1.1
        nursery.cancel_scope.cancel()
