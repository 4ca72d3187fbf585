"""The only file that touches trio's private names; the canary tests in ``tests/sim/test_schedule.py`` watch them.

With trio's private flag set, each batch of runnable tasks is sorted by creation and shuffled by a private Random:
seeding that Random makes a run reproducible and a random walk over the interleavings. Importing hypothesis sets the
same flag for the whole process, so the state found is put back when a run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import trio

PINNED_MINOR = "0.35."  # private names were checked against this trio; the extra ``sim`` in pyproject.toml pins it


class SchedulerChanged(RuntimeError):
    """trio is not the version whose private names this file knows."""


def check() -> None:
    """Raise SchedulerChanged unless every private name used here is there."""
    run = trio._core._run
    if not trio.__version__.startswith(PINNED_MINOR):
        raise SchedulerChanged(f"trio {trio.__version__}, but sim/schedule.py was written for {PINNED_MINOR}x")
    missing = [
        name for name in ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r", "GLOBAL_RUN_CONTEXT") if not hasattr(run, name)
    ]
    missing += [
        name
        for name in ("runq", "waiting_for_idle", "entry_queue")
        if name not in run.Runner.__slots__ and not _field(name)
    ]
    if not hasattr(trio._core._thread_cache.ThreadCache, "start_thread_soon"):
        missing.append("ThreadCache.start_thread_soon")
    if missing:
        raise SchedulerChanged(f"trio {trio.__version__} has no {', '.join(missing)}")


def _field(name: str) -> bool:
    return any(field.name == name for field in trio._core._run.Runner.__attrs_attrs__)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make trio's scheduler a function of *seed* for the block; what was set before is put back after it."""
    check()
    run: Any = trio._core._run
    flag, state = run._ALLOW_DETERMINISTIC_SCHEDULING, run._r.getstate()
    run._ALLOW_DETERMINISTIC_SCHEDULING = True
    run._r.seed(seed)
    try:
        yield
    finally:
        run._ALLOW_DETERMINISTIC_SCHEDULING = flag
        run._r.setstate(state)


def fingerprint() -> int:
    """A number that depends on every draw the scheduler has made; taking it is a draw itself."""
    return trio._core._run._r.getrandbits(64)


def runnable() -> bool:
    """Whether some task could run now, or would once trio has looked at its own wake-up (``run_sync_soon``)."""
    runner = trio._core._run.GLOBAL_RUN_CONTEXT.runner
    return bool(runner.runq or runner.entry_queue.queue or runner.entry_queue.idempotent_queue)


def runnable_tasks() -> list[trio.lowlevel.Task]:
    """The tasks that could run now, oldest first."""
    return sorted(trio._core._run.GLOBAL_RUN_CONTEXT.runner.runq, key=age)


def age(task: trio.lowlevel.Task) -> int:
    """A number that grows with every task made: an order that is the same in every process."""
    counter: int = task._counter
    return counter


def somebody_waits_for_idle() -> bool:
    """Whether a task is inside ``wait_all_tasks_blocked``: time must then stand still."""
    return bool(trio._core._run.GLOBAL_RUN_CONTEXT.runner.waiting_for_idle)


def lift_shields() -> None:
    """End every shield of the run, so that a cancellation of it all reaches tasks that would wait for ever in one."""
    for task in list(trio._core._run.GLOBAL_RUN_CONTEXT.runner.tasks):
        status: Any = task._cancel_status
        while status is not None:
            if status._scope.shield:
                status._scope.shield = False
            status = status._parent


def bury() -> None:
    """Keep the tasks of a run whose loop is about to be broken: were they collected, their ends would run anywhere."""
    _BURIED.append(trio._core._run.GLOBAL_RUN_CONTEXT.runner)


_BURIED: list[object] = []  # grows by one for each run that ignored its cancellation, which fails its test anyway


@contextmanager
def no_worker_threads(escape: Callable[[str], NoReturn]) -> Iterator[None]:
    """Call *escape* where trio would hand a job to a worker thread, new or idle."""
    cache: Any = trio._core._thread_cache.ThreadCache
    before = cache.start_thread_soon

    def start_thread_soon(self: object, function: object, deliver: object, name: str | None = None) -> NoReturn:
        escape(f"a job for a worker thread: {name or function!r}")

    cache.start_thread_soon = start_thread_soon
    try:
        yield
    finally:
        cache.start_thread_soon = before
