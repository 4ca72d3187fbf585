"""A rate that makes wait: when each of those in a line passes, and who is not in it any more."""

from __future__ import annotations

import pytest
import trio

from momentum_trio.limits.local import LocalState
from momentum_trio.limits.rate import Rate
from momentum_trio.limits.turnstile import Turnstile


def rate(events: float, seconds: float, burst: float = 1.0) -> Rate:
    return Rate(("here",), events / seconds, burst)


async def passed(turnstile: Turnstile, asked: Rate, count: int) -> list[tuple[float, int]]:
    """When each of *count*, who come in their order, passes."""
    began, found = trio.current_time(), []

    async def one(number: int) -> None:
        await turnstile.pass_through(lambda: asked)
        found.append((round(trio.current_time() - began, 3), number))

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
            await trio.sleep(0.001)
    return found


async def test_first_come_first_served_at_the_rate(autojump_clock: trio.testing.MockClock) -> None:
    found = await passed(Turnstile(LocalState("here")), rate(3, 60), 5)
    assert [number for _, number in found] == [0, 1, 2, 3, 4]
    assert [at for at, _ in found] == pytest.approx([0, 20, 40, 60, 80], abs=0.1)


async def test_a_burst_passes_at_once(autojump_clock: trio.testing.MockClock) -> None:
    found = await passed(Turnstile(LocalState("here")), rate(10, 1, burst=3.0), 5)
    assert [at for at, _ in found][:3] == pytest.approx([0, 0.001, 0.002], abs=0.001)
    assert found[-1][0] == pytest.approx(0.2, abs=0.02)


async def test_who_leaves_a_line_counts_for_nothing(autojump_clock: trio.testing.MockClock) -> None:
    turnstile, asked = Turnstile(LocalState("here")), rate(1, 10)
    await turnstile.pass_through(lambda: asked)
    with trio.move_on_after(5):
        await turnstile.pass_through(lambda: asked)
    began = trio.current_time()
    await turnstile.pass_through(lambda: asked)
    assert trio.current_time() - began == pytest.approx(5, abs=0.1)


async def test_a_rate_that_is_given_up_holds_nobody(autojump_clock: trio.testing.MockClock) -> None:
    turnstile, held = Turnstile(LocalState("here")), [rate(1, 10_000)]

    async def lift() -> None:
        await trio.sleep(7)
        held.clear()

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lift)
        for _ in range(3):
            await turnstile.pass_through(lambda: held[0] if held else None)
    assert trio.current_time() - began < 13
