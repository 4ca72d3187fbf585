"""Deadline: never early, at most a second late, parked while the wait is ours."""

from __future__ import annotations

import trio
import trio.testing

from momentum_trio.listener.deadline import SLACK_SECONDS, Deadline


async def test_a_peer_that_speaks_in_time_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(2.0) as deadline:
        for _ in range(100):
            await trio.sleep(0.3)
            deadline.touch()
        assert trio.current_time() >= 30 - 1e-6
    assert not deadline.fired


async def test_silence_ends_the_block_not_early_and_at_most_a_second_late(
    autojump_clock: trio.testing.MockClock,
) -> None:
    began = trio.current_time()
    with Deadline(2.0) as deadline:
        await trio.sleep(0.7)
        deadline.touch()
        spoke = trio.current_time()
        await trio.sleep_forever()
    assert deadline.fired
    assert spoke + 2.0 <= trio.current_time() <= spoke + 2.0 + SLACK_SECONDS
    assert trio.current_time() > began


async def test_parked_work_outlives_the_tolerance(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(2.0) as deadline:
        deadline.park()
        await trio.sleep(500)
        deadline.touch()
        await trio.sleep(1)
    assert not deadline.fired


async def test_a_shorter_tolerance_acts_at_once(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(600.0) as deadline:
        await trio.sleep(1)
        deadline.touch(5.0)
        await trio.sleep_forever()
    assert deadline.fired
    assert 6.0 <= trio.current_time() <= 7.0


async def test_a_block_can_be_ended_from_outside(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        with Deadline(600.0) as deadline:
            nursery.start_soon(lambda: _expire(deadline))
            await trio.sleep_forever()
        assert deadline.fired


async def _expire(deadline: Deadline) -> None:
    await trio.sleep(3)
    deadline.expire()


async def test_touching_moves_the_scope_seldom(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(10.0) as deadline:
        moved = set()
        for _ in range(100):
            deadline.touch()
            moved.add(deadline._armed)
            await trio.sleep(0.01)
        assert len(moved) <= 3
