"""Deadline: never early, at most a second late, parked while the wait is ours."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.limits.deadline import OCTETS_PER_SECOND_MIN, SLACK_SECONDS, Deadline, Deadlines


@pytest.fixture
async def deadlines(nursery: trio.Nursery) -> Deadlines:
    made = Deadlines()
    nursery.start_soon(made.run)
    return made


async def test_a_peer_that_speaks_in_time_is_kept(autojump_clock: trio.testing.MockClock, deadlines: Deadlines) -> None:
    with deadlines.after(2.0) as deadline:
        for _ in range(100):
            await trio.sleep(0.3)
            deadline.touch()
        assert trio.current_time() >= 30 - 1e-6
    assert not deadline.fired


async def test_silence_ends_the_block_not_early_and_at_most_a_second_late(
    autojump_clock: trio.testing.MockClock, deadlines: Deadlines
) -> None:
    began = trio.current_time()
    with deadlines.after(2.0) as deadline:
        await trio.sleep(0.7)
        deadline.touch()
        spoke = trio.current_time()
        await trio.sleep_forever()
    assert deadline.fired
    assert spoke + 2.0 <= trio.current_time() <= spoke + 2.0 + SLACK_SECONDS
    assert trio.current_time() > began


async def test_parked_work_outlives_the_tolerance(autojump_clock: trio.testing.MockClock, deadlines: Deadlines) -> None:
    with deadlines.after(2.0) as deadline:
        deadline.park()
        await trio.sleep(500)
        deadline.touch()
        await trio.sleep(1)
    assert not deadline.fired


async def test_a_shorter_tolerance_acts_at_once(autojump_clock: trio.testing.MockClock, deadlines: Deadlines) -> None:
    with deadlines.after(600.0) as deadline:
        await trio.sleep(1)
        deadline.touch(5.0)
        await trio.sleep_forever()
    assert deadline.fired
    assert 6.0 <= trio.current_time() <= 7.0


async def test_a_block_can_be_ended_from_outside(autojump_clock: trio.testing.MockClock, deadlines: Deadlines) -> None:
    async with trio.open_nursery() as nursery:
        with deadlines.after(600.0) as deadline:
            nursery.start_soon(lambda: _expire(deadline))
            await trio.sleep_forever()
        assert deadline.fired


async def _expire(deadline: Deadline) -> None:
    await trio.sleep(3)
    deadline.expire()


async def test_many_conversations_are_looked_at_seldom_and_forgotten_when_over(
    autojump_clock: trio.testing.MockClock, deadlines: Deadlines
) -> None:
    looks = list[float]()

    class Watched(Deadline):
        __slots__ = ()

        def look(self, now: float) -> None:
            looks.append(now)
            super().look(now)

    async def converse(seconds: float) -> None:
        with Watched(deadlines, 10.0) as deadline:
            for _ in range(int(seconds * 10)):
                deadline.touch()
                await trio.sleep(0.1)
        assert not deadline.fired

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(converse, 5.0 + number)
    assert 0 < len(looks) <= 2 * 20
    assert deadlines._seconds == {}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["touch", "shorten", "credit", "park", "resume"]), st.floats(0, 40), st.integers(0, 2000)
    ),
    max_size=30,
)


@given(STEPS)
def test_it_strikes_in_time_whatever_came_before(steps: list[tuple[str, float, int]]) -> None:
    """The model: a time that is moved, looked at at once."""

    async def main() -> None:
        deadlines = Deadlines()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deadlines.run)
            due, left, parked, tolerance = 20.0, 0.0, False, 20.0
            with deadlines.after(tolerance) as deadline:
                for step, seconds, octets in steps:
                    await trio.sleep(seconds)
                    now = trio.current_time()
                    assert now <= due + SLACK_SECONDS, "it did not strike in time"
                    match step:
                        case "touch" | "shorten":
                            tolerance = tolerance if step == "touch" else 5.0
                            deadline.touch(tolerance)
                            due, parked = now + tolerance, False
                        case "credit" if not parked:
                            deadline.credit(octets)
                            due = min(due + octets / OCTETS_PER_SECOND_MIN, now + tolerance)
                        case "park" if not parked:
                            deadline.park()
                            due, left, parked = float("inf"), due - now, True
                        case "resume" if parked:
                            deadline.resume()
                            due, parked = now + left, False
                deadline.touch()
                due = trio.current_time() + tolerance
                await trio.sleep_forever()
            assert due <= trio.current_time() <= due + SLACK_SECONDS
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def drip(deadline: Deadline, octets: int, seconds: float) -> None:
    """A peer that sends so many octets every so many seconds, for ever."""
    while True:
        await trio.sleep(seconds)
        deadline.credit(octets)


async def test_octets_now_and_then_do_not_hold_a_block_for_ever(
    autojump_clock: trio.testing.MockClock, deadlines: Deadlines
) -> None:
    with deadlines.after(300.0) as deadline:
        await drip(deadline, 1, 1.0)
    assert deadline.fired
    assert 300 <= trio.current_time() <= 310


async def test_a_slow_line_has_the_time_it_needs(autojump_clock: trio.testing.MockClock, deadlines: Deadlines) -> None:
    with trio.move_on_after(100_000), deadlines.after(300.0) as deadline:
        await drip(deadline, OCTETS_PER_SECOND_MIN * 40, 39.0)
    assert not deadline.fired


async def test_no_credit_beyond_the_tolerance(autojump_clock: trio.testing.MockClock, deadlines: Deadlines) -> None:
    with deadlines.after(20.0) as deadline:
        deadline.credit(10**9)
        await trio.sleep_forever()
    assert 20 <= trio.current_time() <= 21


async def test_what_we_took_ourselves_is_not_counted(
    autojump_clock: trio.testing.MockClock, deadlines: Deadlines
) -> None:
    with deadlines.after(20.0) as deadline:
        await trio.sleep(15)
        deadline.park()
        await trio.sleep(500)
        deadline.resume()
        await trio.sleep_forever()
    assert 520 <= trio.current_time() <= 521
