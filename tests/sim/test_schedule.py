"""Canaries: they fail loudly when trio renames or changes what ``sim/schedule.py`` relies on."""

from __future__ import annotations

import pytest
import trio
import trio.socket
import trio.testing

from sim import schedule


def test_trio_is_the_one_we_know() -> None:
    schedule.check()
    assert trio.__version__.startswith(schedule.PINNED_MINOR)


@pytest.mark.parametrize("name", schedule.MODULE_NAMES)
def test_a_missing_name_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio._core._run, name)
    with pytest.raises(schedule.SchedulerChanged, match=name):
        schedule.check()


@pytest.mark.parametrize(("of", "name"), [(of, name) for of, names in schedule.FIELDS.items() for name in names])
def test_a_missing_field_is_said(of: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = getattr(trio._core._run, of)
    fields = tuple(field for field in kind.__attrs_attrs__ if field.name != name)
    assert len(fields) == len(kind.__attrs_attrs__) - 1
    monkeypatch.setattr(kind, "__attrs_attrs__", fields)
    with pytest.raises(schedule.SchedulerChanged, match=rf"{of}\.{name}"):
        schedule.check()


def test_a_hook_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio._core._run.CancelStatus, "__attrs_post_init__")
    monkeypatch.delattr(trio._core._thread_cache.ThreadCache, "start_thread_soon")
    monkeypatch.setattr(trio._core._run.Deadlines, "add", lambda self, deadline, scope: None)
    with pytest.raises(schedule.SchedulerChanged, match=r"__attrs_post_init__, id\(\) in .*, ThreadCache"):
        schedule.check()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio, "__version__", "0.99.0")
    with pytest.raises(schedule.SchedulerChanged, match=r"0\.99"):
        schedule.check()


def order_of_tasks(seed: int, count: int = 50) -> list[int]:
    order: list[int] = []

    async def append(number: int) -> None:
        order.append(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(append, number)

    with schedule.seeded(seed):
        trio.run(main)
    return order


def test_the_seed_decides_the_order_of_tasks() -> None:
    assert order_of_tasks(1) == order_of_tasks(1)
    assert len({tuple(order_of_tasks(seed)) for seed in range(20)}) == 20


def order_of_aborts(seed: int, count: int = 400) -> list[int]:
    """In which order the abort functions of many tasks run: cancelled together, one half by deadlines of their own."""
    order: list[int] = []

    async def wait(number: int) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            order.append(number)
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.CancelScope(deadline=trio.current_time() + (1 if number % 2 else 1000)):
            await trio.lowlevel.wait_task_rescheduled(abort)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(wait, number)
            await trio.sleep(2)
            nursery.cancel_scope.cancel()

    with schedule.seeded(seed):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return order


def test_abort_functions_run_in_an_order_that_addresses_do_not_decide() -> None:
    """With trio's own sets and ties this differs from process to process, and from run to run."""
    first = order_of_aborts(1)
    padding = [bytearray(number) for number in range(5000)]
    assert first == order_of_aborts(1)
    assert sorted(first[:200]) == list(range(1, 400, 2))
    del padding


def test_what_seeded_changes_in_trio_is_put_back() -> None:
    run = trio._core._run
    before = run.CancelStatus.__attrs_post_init__
    with schedule.seeded(1):
        assert run.CancelStatus.__attrs_post_init__ is not before
    assert run.CancelStatus.__attrs_post_init__ is before
    assert "id" not in vars(run)


def test_a_scheduled_task_is_the_last_of_the_queue() -> None:
    """What ``Brake.task_scheduled`` relies on, for new tasks and woken ones."""
    seen: list[bool] = []

    class Look(trio.abc.Instrument):
        def task_scheduled(self, task: trio.lowlevel.Task) -> None:
            seen.append(trio._core._run.GLOBAL_RUN_CONTEXT.runner.runq[-1] is task)

    async def main() -> None:
        trio.lowlevel.add_instrument(Look())
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(trio.sleep, 0)

    trio.run(main)
    assert len(seen) > 6
    assert all(seen)


def test_the_brake_takes_tasks_out_and_puts_them_back() -> None:
    held = {"held": True}
    done: list[str] = []

    async def work(name: str) -> None:
        await trio.lowlevel.checkpoint()
        done.append(name)

    async def main() -> None:
        brake = schedule.Brake(lambda task: "held" in task.name and held["held"], lambda task: 0.0, lambda *_: None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, "before", name="held before")  # in the queue already
            brake.engage("test")
            nursery.start_soon(work, "after", name="held after")
            nursery.start_soon(work, "free", name="free")
            await trio.testing.wait_all_tasks_blocked()
            assert done == ["free"]
            nursery.cancel_scope.cancel()
            await trio.lowlevel.cancel_shielded_checkpoint()
            assert len(nursery.child_tasks) == 2  # cancelled, and cannot know
            held["held"] = False
            brake.release("test")
            brake.release("test")
        assert done == ["free"]

    trio.run(main)


def test_all_tasks_oldest_first() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(trio.sleep_forever, name=str(number))
            names = [task.name for task in schedule.tasks()]
            assert names[-20:] == [str(number) for number in range(20)]
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_the_questions_about_the_run() -> None:
    async def main() -> None:
        queues = schedule.Queues()
        assert not queues.waiting_for_idle
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.testing.wait_all_tasks_blocked)
            assert queues.runnable
            assert [task.name for task in schedule.runnable_tasks()] == ["trio.testing.wait_all_tasks_blocked"]
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            assert queues.waiting_for_idle
            assert not queues.runnable or schedule.runnable_tasks()
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_the_sock_facade_is_still_what_libraries_ask_for() -> None:
    """anyio reads ``_sock`` of trio's socket: private to trio, copied by our simulated socket."""

    async def main() -> None:
        with trio.socket.socket() as real:
            for name in ("family", "getpeername", "getsockname", "setsockopt", "getsockopt"):
                assert hasattr(real._sock, name)  # type: ignore[attr-defined]

    trio.run(main)
