"""Virtual time: instant, still while somebody waits for idleness, and a failure when it can go nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from sim import Deadlock, Kernel, Livelock, Never, World


def run(main: Callable[[], Awaitable[object]], **options: int) -> World:
    world = World(1, **options)  # type: ignore[arg-type]
    world.run(main)
    return world


def test_sleeping_is_instant() -> None:
    async def main() -> None:
        await trio.sleep(7 * 24 * 3600)
        with trio.move_on_after(3600) as scope:
            await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() == pytest.approx(7 * 24 * 3600 + 3600)

    run(main)  # within the suite's limit of two minutes


def test_whoever_watches_may_act_at_each_step() -> None:
    """A fault at step N meets the same run each time, and all that comes after it."""

    def steps(cancelled_at: int) -> tuple[int, float]:
        world, seen = World(1), 0

        async def main() -> float:
            scope = trio.CancelScope()

            def watch() -> None:
                nonlocal seen
                seen += 1
                if seen == cancelled_at:
                    scope.cancel()

            world.kernel.watch = watch
            with scope:
                for _ in range(10):
                    await trio.sleep(1)
            return trio.current_time()

        ended = world.run(main)
        return seen, ended

    ended = [steps(step)[1] for step in range(1, steps(0)[0])]
    assert ended == sorted(ended)
    assert [round(time) for time in sorted(set(ended))] == list(range(11))


def test_events_are_counted() -> None:
    def counts(sleeps: int) -> int:
        world = World(1)

        async def main() -> None:
            for _ in range(sleeps):
                world.kernel.after(0.5, str)
                await trio.sleep(1)

        world.run(main)
        return world.kernel.events_done

    assert counts(110) - counts(10) == 100


def test_the_world_can_be_looked_at_where_one_likes() -> None:
    """``watch`` is asked before every step, outside any task: whoever blocks in it looks at a world that stands still.

    A driver that only wants a time sleeps until then; but its wake is part of the run, and watching is not.
    """

    def run(watch_line: int, watch_time: float) -> tuple[list[object], str]:
        world = World(1)
        ticks: list[float] = []
        seen: list[object] = []

        async def tick() -> None:
            while True:
                await trio.sleep(1)
                world.kernel.trace("tick")
                ticks.append(trio.current_time())

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tick)
                await trio.sleep_until(3.5)
                assert len(ticks) == 3
                await trio.sleep_until(20.5)
                nursery.cancel_scope.cancel()

        def watch() -> None:
            if world.kernel.line_count == watch_line and "line" not in seen:
                seen.extend(("line", len(ticks)))
            if world.kernel.now >= watch_time and "time" not in seen:
                seen.extend(("time", len(ticks)))

        world.kernel.watch = watch
        world.run(main)
        return seen, world.digest()

    seen, digest = run(7, 12.0)
    assert seen == ["line", 7, "time", 11]
    assert run(1000, 1000.0) == ([], digest)


def test_waiting_for_idleness_does_not_move_time() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 5)
            for _ in range(3):
                await trio.testing.wait_all_tasks_blocked()
            assert trio.current_time() == 0

    run(main)


def test_events_and_deadlines_come_in_order_of_time() -> None:
    world = World(1)
    seen: list[tuple[str, float]] = []

    def happened(name: str) -> None:
        seen.append((name, world.kernel.now))

    async def main() -> None:
        world.kernel.after(3, happened, "third")
        world.kernel.after(1, happened, "first")
        world.kernel.after(2.5, happened, "never").cancel()
        await trio.sleep(2)
        happened("second")
        await trio.sleep(2)

    world.run(main)
    assert seen == [("first", 1), ("second", 2), ("third", 3)]


def test_ties_are_broken_by_the_seed() -> None:
    def order(seed: int) -> tuple[int, ...]:
        kernel = Kernel(seed)
        seen: list[int] = []

        async def main() -> None:
            for number in range(10):
                kernel.at(2.0, seen.append, number)
            await trio.sleep(3)

        trio.run(main, clock=kernel)
        return tuple(seen)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(10)}) == 10


def test_streams_are_independent() -> None:
    one, other = Kernel(1), Kernel(1)
    other.rng("faults").random()
    assert one.rng("link/a>b").random() == other.rng("link/a>b").random()
    assert Kernel(2).rng("link/a>b").random() != Kernel(1).rng("link/a>b").random()


def test_deadlock_fails_with_the_task_tree() -> None:
    async def stuck() -> None:
        await trio.sleep_forever()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stuck)

    with pytest.raises(Deadlock, match=r"(?s)nothing can happen.*stuck.*sleep_forever"):
        run(main)


def test_deadlock_in_a_shield_fails_too() -> None:
    async def main() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()

    with pytest.raises(Deadlock):
        run(main)


def test_livelock_fails_and_names_the_spinning_task() -> None:
    async def spinner() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spinner)
            await trio.sleep(1)

    with pytest.raises(Livelock, match="spinner"):
        run(main, still_passes_max=500)


def test_livelock_that_ignores_cancellation_fails_too() -> None:
    async def main() -> None:
        while True:
            await trio.lowlevel.cancel_shielded_checkpoint()

    with pytest.raises(Livelock):
        run(main, still_passes_max=500)


def test_livelock_of_events() -> None:
    world = World(1, still_passes_max=500)

    def again() -> None:
        world.kernel.after(0, again)

    async def main() -> None:
        again()
        await trio.sleep(1)

    with pytest.raises(Livelock, match="events only"):
        world.run(main)


def test_prefix_digests_are_kept() -> None:
    kernels = Kernel(1), Kernel(1, keep_trace=False)
    for kernel in kernels:
        for number in range(2500):
            kernel.trace("line", number=number)
    assert len(kernels[0].prefix_digests) == 2
    assert kernels[0].prefix_digests == kernels[1].prefix_digests
    assert kernels[0].digest() == kernels[1].digest()
    assert (len(kernels[0].lines), len(kernels[1].lines)) == (2500, 0)
    assert str(kernels[0].lines[3]) == "0.000000000 - line number=3"


def test_until() -> None:
    world = World(1)
    seen: list[int] = []

    async def main() -> None:
        world.kernel.after(30, seen.append, 1)
        await world.until(lambda: bool(seen), within_seconds=60)
        assert 30 <= trio.current_time() < 31
        with pytest.raises(Never):
            await world.until(lambda: False, within_seconds=5)

    world.run(main)


def test_run_sync_soon_is_seen_before_time_moves() -> None:
    """What would wake trio by its own pipe: async generators' ends, signals."""

    async def main() -> None:
        event = trio.Event()
        token = trio.lowlevel.current_trio_token()

        async def ask() -> None:
            token.run_sync_soon(event.set)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            with trio.fail_after(1):
                await event.wait()
        assert trio.current_time() == 0

    run(main)


def test_run_sync_soon_is_seen_before_an_event_moves_time() -> None:
    world = World(1)

    async def main() -> float:
        event = trio.Event()
        world.kernel.after(0.5, str)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(event.wait)
            trio.lowlevel.current_trio_token().run_sync_soon(event.set)
        return trio.current_time()

    assert world.run(main) == 0
