"""LocalState: throttles by GCRA, gauges, broadcasts in one order."""

from __future__ import annotations

import trio
import trio.testing

from momentum_trio.limits.listeners import BROADCASTS_WAITING_MAX
from momentum_trio.limits.local import LocalState

KEY = ("esmtp_listener", "Inbound_Throttle_Messages")


async def test_a_burst_then_the_rate(autojump_clock: trio.testing.MockClock) -> None:
    state = LocalState("a")
    assert [state.throttle(KEY, rate=2.0, burst=3).admitted for _ in range(4)] == [True, True, True, False]
    assert state.throttle(KEY, 2.0, 3).after_seconds == 0.5
    await trio.sleep(0.5)
    assert state.throttle(KEY, 2.0, 3).admitted
    assert not state.throttle(KEY, 2.0, 3).admitted


async def test_what_was_refused_is_not_counted(autojump_clock: trio.testing.MockClock) -> None:
    state = LocalState("a")
    assert state.throttle(KEY, 1.0, 1).admitted
    for _ in range(10):
        assert not state.throttle(KEY, 1.0, 1).admitted
    await trio.sleep(1.0)
    assert state.throttle(KEY, 1.0, 1).admitted


async def test_never_more_than_burst_and_rate_allow(autojump_clock: trio.testing.MockClock) -> None:
    state = LocalState("a")
    admitted = 0
    for _ in range(1000):
        admitted += state.throttle(KEY, rate=5.0, burst=10).admitted
        await trio.sleep(0.01)
    assert 10 + 49 <= admitted <= 10 + 51


async def test_keys_are_bounded(autojump_clock: trio.testing.MockClock) -> None:
    state = LocalState("a", keys_max=100)
    for number in range(1000):
        assert state.throttle((str(number),), rate=0.001, burst=1).admitted
    assert len(state._free_at) <= 100
    await trio.sleep(2000)
    state.throttle(("new",), 0.001, 1)
    assert not state.throttle(("new",), 0.001, 1).admitted


async def test_gauges_sum_over_nodes_and_are_forgotten_at_zero() -> None:
    state = LocalState("a")
    assert state.gauge_add(KEY, "a", 2) == 2
    assert state.gauge_add(KEY, "b", 3) == 5
    assert state.gauge_add(KEY, "a", -2) == 3
    assert state.gauge(KEY) == 3
    state.gauge_add(KEY, "b", -3)
    assert state.gauge(KEY) == 0
    assert not state._gauges


async def test_broadcasts_come_to_all_in_one_order() -> None:
    state = LocalState("a")
    with state.listen("greylist") as first, state.listen("greylist") as second, state.listen("other") as other:
        state.broadcast("greylist", b"1")
        state.broadcast("other", b"2")
        state.broadcast("greylist", b"3")
        assert [(await anext(first)).octets for _ in range(2)] == [b"1", b"3"]
        assert [(await anext(second)).number for _ in range(2)] == [1, 3]
        assert (await anext(other)).octets == b"2"
    assert state.members() == ("a",)


async def test_nobody_is_waited_for() -> None:
    state = LocalState("a")
    with state.listen("t"):
        for _ in range(BROADCASTS_WAITING_MAX + 10):
            state.broadcast("t", b"")
