"""Whole nodes at a simulated Redis that is away, slow, and back: the limit holds, and what holds instead is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from nodes_at_redis import Nodes

# coredis leaves streams in memory behind, unclosed, when no connection comes about
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LIMIT = 20


def told(story: Callable[[Nodes], Awaitable[None]], on_failure: str = "") -> None:
    """The *story* of three nodes with a limit over all of them."""
    nodes = Nodes(3, f"Cluster_Listener_Sessions = {LIMIT}", on_failure)
    nodes.run(story)


def test_a_flood_on_all_nodes_and_then_on_one() -> None:
    async def story(nodes: Nodes) -> None:
        assert await nodes.flood(0, 1, 2, wanted=LIMIT) >= LIMIT * 0.95
        assert nodes.most <= LIMIT
        nodes.leave(0, 1, 2)
        await trio.sleep(1)
        assert await nodes.flood(1, wanted=LIMIT) >= LIMIT * 0.95
        assert nodes.most <= LIMIT

    told(story)


def test_away_each_node_has_its_share_and_says_so_once() -> None:
    async def story(nodes: Nodes) -> None:
        await nodes.flood(0, 1, 2, wanted=9)
        nodes.leave(0, 1, 2)
        nodes.redis.kill()
        await trio.sleep(5.2)
        assert await nodes.flood(0, 1, 2, wanted=1, seconds=0.1) == 0  # leases are over, and others' may not be
        await trio.sleep(8)
        assert await nodes.flood(0, 1, 2, wanted=3 * (LIMIT // 3)) == 3 * (LIMIT // 3)
        assert await nodes.flood(0, 1, 2, wanted=99, seconds=2) == 3 * (LIMIT // 3)
        assert "limits over all nodes are not granted" in await nodes.console(0, "summary")
        assert await nodes.metric(0, "momentum_shared_state_up") == 0
        await nodes.start_redis()
        await trio.sleep(10)
        assert await nodes.metric(0, "momentum_shared_state_up") == 1
        assert "limits over all nodes" not in await nodes.console(0, "summary")
        assert await nodes.flood(0, wanted=LIMIT, seconds=10) >= LIMIT * 0.95
        assert nodes.most <= LIMIT
        for panics in nodes.panics:
            assert [text.partition(" (")[0].partition(";")[0] for text in panics] == [
                "limits of all nodes: Redis does not answer",
                "limits of all nodes: Redis answers again",
            ]

    told(story)


@pytest.mark.parametrize(("on_failure", "room"), [("closed", 0), ("open", LIMIT + 1)])
def test_away_and_closed_nobody_is_let_in_and_open_everybody(on_failure: str, room: int) -> None:
    async def story(nodes: Nodes) -> None:
        nodes.redis.kill()
        await trio.sleep(7)
        assert await nodes.flood(0, 1, 2, wanted=LIMIT + 1, seconds=0.5) == room

    told(story, on_failure)


def test_slow_for_a_while_is_nothing_that_leases_do_not_outlast() -> None:
    async def story(nodes: Nodes) -> None:
        await nodes.flood(0, 1, 2, wanted=LIMIT)
        for _ in range(3):  # slower than Timeout again and again, though not for a lease's time
            nodes.slow = 0.2
            await trio.sleep(1.5)
            nodes.slow = 0.001
            await trio.sleep(1.5)
            nodes.leave(0)
            await nodes.flood(0, 1, 2, wanted=LIMIT, seconds=2)
        assert nodes.most <= LIMIT
        assert nodes.panics == [[], [], []]
        assert nodes.sessions >= LIMIT * 0.95

    told(story)


def test_a_redis_that_has_forgotten_all_grants_nothing_twice() -> None:
    async def story(nodes: Nodes) -> None:
        assert await nodes.flood(0, wanted=LIMIT) >= LIMIT * 0.95
        for _ in range(2):
            nodes.redis.kill()
            await trio.sleep(0.5)
            await nodes.start_redis()
            await nodes.flood(1, 2, wanted=99, seconds=3)
            assert nodes.most <= LIMIT
        nodes.leave(0)
        await trio.sleep(10)
        await nodes.flood(1, 2, wanted=LIMIT, seconds=5)
        assert nodes.sessions >= LIMIT * 0.95
        assert nodes.most <= LIMIT

    told(story)
