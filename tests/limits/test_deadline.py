"""Deadline: never early, at most a second late, parked while the wait is ours."""

from __future__ import annotations

import trio
import trio.testing

from momentum_trio.limits.deadline import OCTETS_PER_SECOND_MIN, SLACK_SECONDS, Deadline


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


async def drip(deadline: Deadline, octets: int, seconds: float) -> None:
    """A peer that sends so many octets every so many seconds, for ever."""
    while True:
        await trio.sleep(seconds)
        deadline.credit(octets)


async def test_octets_now_and_then_do_not_hold_a_block_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(300.0) as deadline:
        await drip(deadline, 1, 1.0)
    assert deadline.fired
    assert 300 <= trio.current_time() <= 310


async def test_a_slow_line_has_the_time_it_needs(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(100_000), Deadline(300.0) as deadline:
        await drip(deadline, OCTETS_PER_SECOND_MIN * 40, 39.0)
    assert not deadline.fired


async def test_no_credit_beyond_the_tolerance(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(20.0) as deadline:
        deadline.credit(10**9)
        await trio.sleep_forever()
    assert 20 <= trio.current_time() <= 21


async def test_what_we_took_ourselves_is_not_counted(autojump_clock: trio.testing.MockClock) -> None:
    with Deadline(20.0) as deadline:
        await trio.sleep(15)
        deadline.park()
        await trio.sleep(500)
        deadline.resume()
        await trio.sleep_forever()
    assert 520 <= trio.current_time() <= 521
