"""Leases in the agreed order: never more seats than the limit, whatever befalls; nearly all of them of use."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lease_world import LeaseWorld

from momentum_trio.protocol.cluster.holding import LATE_SECONDS, LEASE_SECONDS

RATES = (1.0, 1.02, 0.98, 1.01, 1.0)


def world(nodes: int = 5, limit: int = 100) -> LeaseWorld:
    """One that has stood long enough for seats to be granted."""
    made = LeaseWorld(RATES[:nodes], limit)
    for _ in range(int(LATE_SECONDS) * 2 + 4):
        made.run()
        made.now += 0.5
    return made


def flood(made: LeaseWorld, numbers: list[int], rounds: int = 60, leaving: int = 0, over: int = 0) -> list[int]:
    """Everybody of *numbers* wants seats all the time; how many were in use after each round.

    over: sessions that outlived their lease.
    """
    in_use = []
    for _ in range(rounds):
        for number in numbers:
            node = made.nodes[number]
            for _ in range(min(leaving, made.taken(node))):
                made.leave(node)
            while made.take(node):
                pass
        made.run()
        made.now += 0.01
        assert made.all_held() <= made.limit
        in_use.append(made.all_taken())
        assert in_use[-1] <= made.limit + over
    return in_use


@pytest.mark.parametrize("numbers", [[0, 1, 2, 3, 4], [3], [0, 4], [1, 2, 3]])
@pytest.mark.parametrize("leaving", [0, 1])
def test_nearly_all_are_of_use(numbers: list[int], leaving: int) -> None:
    in_use = flood(world(), numbers, leaving=leaving)
    assert min(in_use[30:]) >= 95


def test_whoever_comes_first_does_not_keep_all() -> None:
    made = world()
    flood(made, [0])
    in_use = flood(made, [0, 1, 2, 3, 4], rounds=100, leaving=1)
    shares = [made.taken(node) for node in made.nodes.values()]
    assert min(shares) >= 15, shares
    assert min(in_use[30:]) >= 95


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_small_limits_go_round(limit: int) -> None:
    made = world(limit=limit)
    had = dict.fromkeys(made.nodes, 0)
    for _ in range(200):
        for number, node in made.nodes.items():
            if made.taken(node):
                made.leave(node)
            elif made.take(node):
                had[number] += 1
        made.run()
        made.now += 0.01
        assert made.all_taken() <= limit
    assert min(had.values()) >= 5, had


def test_seats_of_the_dead_come_back() -> None:
    made = world()
    flood(made, [0, 1, 2, 3, 4])
    had = made.taken(made.nodes[4])
    assert had >= 15
    made.crash(4)
    made.regroup([0, 1, 2, 3])
    in_use = flood(made, [0, 1, 2, 3], rounds=40)
    assert max(in_use) <= 100 - had  # they may still be in use
    made.now += LATE_SECONDS
    in_use = flood(made, [0, 1, 2, 3])
    assert min(in_use[30:]) >= 95


def test_whoever_is_cut_off_gives_up_before_others_get_his_seats() -> None:
    made = world()
    flood(made, [0, 1, 2, 3, 4])
    alone = made.nodes[4]
    for _ in range(made.taken(alone)):
        made.leave(alone)
    assert made.take(alone)
    made.regroup([0, 1, 2, 3])  # he has not noticed
    for _ in range(int(LEASE_SECONDS * 10) + 1):
        made.now += 0.1
        flood(made, [0, 1, 2, 3], rounds=1)
    assert not made.take(alone)
    assert made.taken(alone) == 1  # what he had begun goes on to its end ...
    made.regroup([0, 1, 2, 3, 4])
    for _ in range(int(LATE_SECONDS * 10) + 1):
        made.now += 0.1
        flood(made, [0, 1, 2, 3], rounds=1, over=1)
    assert min(flood(made, [0, 1, 2, 3, 4], leaving=1, over=1)[30:]) >= 95
    assert made.taken(alone) <= made.held(alone)  # ... and is counted again


def test_a_view_whose_past_nobody_knows_waits() -> None:
    made = world(3, 10)
    flood(made, [0, 1], rounds=30)
    made.crash(1)
    made.start(1)
    made.regroup([1, 2])  # 2 was there before, but 1 has forgotten
    made.run(5, only=[1, 2])
    assert not made.take(made.nodes[1])
    for _ in range(16):
        made.now += 0.5
        made.run(2, only=[1, 2])
        made.take(made.nodes[1])
        assert made.all_held() <= 10
    assert made.taken(made.nodes[1])


@pytest.mark.parametrize("alone", [False, True])
def test_what_others_may_not_know_of_is_not_used(alone: bool) -> None:
    made = world(limit=10)
    node = made.nodes[4]
    flood(made, [0, 1], rounds=30)
    for number in (0, 1):
        made.leave(made.nodes[number])
    made.run(4)
    before = made.held(node)
    while made.take(node):
        pass
    made.tick(node)
    made.order(node, 10)
    made.receive(node, 10)  # its server has it, and would grant it; no other one has
    if alone:
        made.regroup([4])  # it hears of it in the transitional view
    made.hear(node, 10)
    assert made.held(node) <= before
    made.regroup([0, 1, 2, 3])
    flood(made, [0, 1, 2, 3])


def test_seats_of_a_view_that_nobody_present_was_in_are_not_granted_again() -> None:
    made = world(3, 10)
    made.regroup([0, 1])
    for _ in range(70):  # what 2 had is free by then
        made.now += 0.1
        flood(made, [0], rounds=1)
    assert made.held(made.nodes[0]) == 10
    made.crash(1)
    made.start(1)
    made.regroup([1, 2])
    flood(made, [1, 2], rounds=20)
    assert made.held(made.nodes[0]) == 10


def test_a_newcomer_is_granted_nothing_before_all_have_reported() -> None:
    made = world(3, 10)
    flood(made, [0])
    made.crash(1)
    made.start(1)
    made.regroup([0, 1, 2])
    for _ in range(20):
        made.take(made.nodes[1])
        for number in (1, 2):  # 0 is slow
            made.tick(made.nodes[number])
            made.order(made.nodes[number], 100)
        for node in (*made.nodes.values(), *made.nodes.values()):
            made.receive(node, 100)
        for number in (1, 2):
            made.hear(made.nodes[number], 100)
        assert made.all_held() <= 10
    flood(made, [0, 1, 2])


def test_a_lease_counts_from_when_it_was_asked_for_not_from_when_that_is_heard() -> None:
    made = world(3, 10)
    flood(made, [0], rounds=40)
    alone = made.nodes[0]
    made.now += 2.0
    made.run(2)
    made.now += 1.1
    made.tick(alone)
    made.order(alone, 10)
    for node in made.nodes.values():
        made.receive(node, 100)
        made.receive(node, 100)
    made.regroup([1, 2])
    for _ in range(37):
        made.now += 0.1
        made.run(only=[1, 2])
    assert made.held(alone)
    made.hear(alone, 100)  # so late
    for _ in range(30):
        made.now += 0.1
        flood(made, [1, 2], rounds=1, over=10)
    assert made.held(alone) == 0


numbers = st.integers(0, 4)


class LeasesUnderEverything(RuleBasedStateMachine):
    """Whatever is lost, late, cut, paused or dead: those who hold seats hold no more than there are."""

    def __init__(self) -> None:
        super().__init__()
        self.world = world(limit=7)

    def node(self, number: int):  # type: ignore[no-untyped-def]
        return self.world.nodes.get(number)

    @rule(number=numbers, count=st.integers(1, 9))
    def take(self, number: int, count: int) -> None:
        if (node := self.node(number)) is not None:
            for _ in range(count):
                held, taken = self.world.held(node), self.world.taken(node)
                if self.world.take(node):
                    assert taken < held

    @rule(number=numbers, count=st.integers(1, 9))
    def leave(self, number: int, count: int) -> None:
        if (node := self.node(number)) is not None:
            for _ in range(min(count, self.world.taken(node))):
                self.world.leave(node)

    @rule(number=numbers)
    def tick(self, number: int) -> None:
        if (node := self.node(number)) is not None:
            self.world.tick(node)

    @rule(number=numbers, count=st.integers(1, 20))
    def order(self, number: int, count: int) -> None:
        if (node := self.node(number)) is not None:
            self.world.order(node, count)

    @rule(number=numbers, count=st.integers(0, 20))
    def receive(self, number: int, count: int) -> None:
        if (node := self.node(number)) is not None:
            self.world.receive(node, count)

    @rule(number=numbers, count=st.integers(1, 20))
    def hear(self, number: int, count: int) -> None:
        if (node := self.node(number)) is not None:
            self.world.hear(node, count)

    @rule(rounds=st.integers(1, 4), only=st.none() | st.lists(numbers, min_size=1, unique=True))
    def run(self, rounds: int, only: list[int] | None) -> None:
        self.world.run(rounds, only)

    @rule(seconds=st.sampled_from((0.1, 1.0, 2.5, LEASE_SECONDS - 0.1, LEASE_SECONDS, LATE_SECONDS + 2)))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(seconds=st.integers(1, 12))
    def live(self, seconds: int) -> None:
        """All is well for a while, and everybody wants seats."""
        for _ in range(seconds):
            self.world.now += 0.5
            self.world.run()
            for node in self.world.nodes.values():
                self.world.take(node)
            self.no_more_than_there_are()

    @rule(group=st.permutations(range(5)), cut=st.integers(1, 4), second=st.booleans(), border=st.integers(0, 400))
    def regroup(self, group: list[int], cut: int, second: bool, border: int) -> None:
        self.world.regroup(group[:cut], *([group[cut:]] if second else []), border=border)

    @rule(border=st.integers(0, 400))
    def merge(self, border: int) -> None:
        self.world.regroup(list(self.world.nodes), border=border)

    @rule(number=numbers)
    @precondition(lambda self: len(self.world.nodes) > 2)
    def crash(self, number: int) -> None:
        if self.node(number) is not None:
            self.world.crash(number)

    @rule(number=numbers)
    def start(self, number: int) -> None:
        if self.node(number) is None:
            self.world.start(number)

    @invariant()
    def no_more_than_there_are(self) -> None:
        assert self.world.all_held() <= self.world.limit


LeasesUnderEverything.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLeasesUnderEverything = LeasesUnderEverything.TestCase
