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


@pytest.mark.parametrize("name", ["_ALLOW_DETERMINISTIC_SCHEDULING", "_r", "GLOBAL_RUN_CONTEXT"])
def test_a_missing_name_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio._core._run, name)
    with pytest.raises(schedule.SchedulerChanged, match=name):
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


def test_the_questions_about_the_run() -> None:
    async def main() -> None:
        assert not schedule.somebody_waits_for_idle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.testing.wait_all_tasks_blocked)
            assert schedule.runnable()
            assert [task.name for task in schedule.runnable_tasks()] == ["trio.testing.wait_all_tasks_blocked"]
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            assert schedule.somebody_waits_for_idle()
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_the_sock_facade_is_still_what_libraries_ask_for() -> None:
    """anyio reads ``_sock`` of trio's socket: private to trio, copied by our simulated socket."""

    async def main() -> None:
        with trio.socket.socket() as real:
            for name in ("family", "getpeername", "getsockname", "setsockopt", "getsockopt"):
                assert hasattr(real._sock, name)  # type: ignore[attr-defined]

    trio.run(main)
