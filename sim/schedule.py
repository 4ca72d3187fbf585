"""The only file that touches trio's private names; the canary tests in ``tests/sim/test_schedule.py`` watch them.

With trio's private flag set, each batch of runnable tasks is sorted by creation and shuffled by a private Random:
seeding that Random makes a run reproducible and a random walk over the interleavings. Importing hypothesis sets the
same flag for the whole process, so the state found is put back when a run ends.

A batch hides the order in which tasks became runnable, but not what their abort functions did: trio cancels the tasks
of a scope in the order of a set, and scopes of one deadline in the order of their addresses. During a run those sets
keep the order in which things came, and those scopes that in which their deadlines were set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NoReturn

import trio

PINNED_MINOR = "0.35."  # private names were checked against this trio; the extra ``sim`` in pyproject.toml pins it


class SchedulerChanged(RuntimeError):
    """trio is not the version whose private names this file knows."""


def check() -> None:
    """Raise SchedulerChanged unless every private name used here is there."""
    run: Any = trio._core._run
    if not trio.__version__.startswith(PINNED_MINOR):
        raise SchedulerChanged(f"trio {trio.__version__}, but sim/schedule.py was written for {PINNED_MINOR}x")
    missing = [name for name in MODULE_NAMES if not hasattr(run, name)]
    for of, names in FIELDS.items():
        fields = {field.name for field in getattr(run, of).__attrs_attrs__} if hasattr(run, of) else set()
        missing += [f"{of}.{name}" for name in names if name not in fields]
    if not hasattr(getattr(run, "CancelStatus", None), "__attrs_post_init__"):
        missing.append("CancelStatus.__attrs_post_init__")
    if "id" not in run.Deadlines.add.__code__.co_names:
        missing.append("id() in Deadlines.add")
    if not hasattr(trio._core._thread_cache.ThreadCache, "start_thread_soon"):
        missing.append("ThreadCache.start_thread_soon")
    if missing:
        raise SchedulerChanged(f"trio {trio.__version__} has no {', '.join(missing)}")


# What is used of trio._core._run: its names, and the fields of its attrs classes.
MODULE_NAMES = ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r", "GLOBAL_RUN_CONTEXT")
FIELDS = {
    "Runner": ("runq", "tasks", "waiting_for_idle", "entry_queue"),
    "Task": ("_counter", "_cancel_status"),
    "CancelStatus": ("_scope", "_parent", "_tasks", "_children"),
    "EntryQueue": ("queue", "idempotent_queue"),
}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make trio's scheduler a function of *seed* for the block; what was set before is put back after it."""
    check()
    run: Any = trio._core._run
    flag, state = run._ALLOW_DETERMINISTIC_SCHEDULING, run._r.getstate()
    run._ALLOW_DETERMINISTIC_SCHEDULING = True
    run._r.seed(seed)
    try:
        with _cancelling_in_order(run):
            yield
    finally:
        run._ALLOW_DETERMINISTIC_SCHEDULING = flag
        run._r.setstate(state)


class _Ordered(dict[Any, None]):
    """A set as trio uses it for tasks and scopes to cancel, that keeps the order in which things came."""

    __slots__ = ()

    def add(self, item: object) -> None:
        self[item] = None

    remove = dict.__delitem__


@contextmanager
def _cancelling_in_order(run: Any) -> Iterator[None]:
    """Make the order of abort functions the same in every process."""
    post_init = run.CancelStatus.__attrs_post_init__

    def ordered(status: Any) -> None:
        status._tasks, status._children = _Ordered(), _Ordered()
        post_init(status)

    ties = count()
    run.CancelStatus.__attrs_post_init__ = ordered
    run.id = lambda _: next(ties)  # of trio's module alone: orders scopes of one deadline in its heap
    try:
        yield
    finally:
        run.CancelStatus.__attrs_post_init__ = post_init
        del run.id


def fingerprint() -> int:
    """A number that depends on every draw the scheduler has made; taking it is a draw itself."""
    return trio._core._run._r.getrandbits(64)


class Queues:
    """What waits in trio's loop of the run that makes this. waiting_for_idle: if not empty, time must stand still."""

    __slots__ = ("_idempotent_queue", "_queue", "_runq", "waiting_for_idle")

    def __init__(self) -> None:
        runner = trio._core._run.GLOBAL_RUN_CONTEXT.runner
        self._runq = runner.runq
        self._queue, self._idempotent_queue = runner.entry_queue.queue, runner.entry_queue.idempotent_queue
        self.waiting_for_idle: object = runner.waiting_for_idle

    @property
    def runnable(self) -> bool:
        """Whether some task could run now, or would once trio has looked at its own wake-up (``run_sync_soon``)."""
        return bool(self._runq or self._queue or self._idempotent_queue)


def runnable_tasks() -> list[trio.lowlevel.Task]:
    """The tasks that could run now, oldest first."""
    return sorted(trio._core._run.GLOBAL_RUN_CONTEXT.runner.runq, key=age)


def tasks() -> list[trio.lowlevel.Task]:
    """All tasks of the run, oldest first."""
    return sorted(trio._core._run.GLOBAL_RUN_CONTEXT.runner.tasks, key=age)


def age(task: trio.lowlevel.Task) -> int:
    """A number that grows with every task made: an order that is the same in every process."""
    counter: int = task._counter
    return counter


class Brake(trio.abc.Instrument):
    """Takes tasks back out of trio's run queue: until they are let go, or for a while.

    halted: whether a task may not run now. delay: how many seconds later than at once a task runs that may.
    after: the kernel's. It is an instrument of trio only while some cause is engaged: it costs a call for each wake.

    A halted task is not woken by its cancellation either. Tasks of the batch that runs when a cause is engaged still
    make their one step: the halt comes after them, at the same virtual time.
    """

    def __init__(
        self,
        halted: Callable[[trio.lowlevel.Task], bool],
        delay: Callable[[trio.lowlevel.Task], float],
        after: Callable[..., object],
    ) -> None:
        self._halted = halted
        self._delay = delay
        self._after = after
        self._causes: dict[str, None] = {}
        self._parked: dict[trio.lowlevel.Task, None] = {}

    def engage(self, cause: str) -> None:
        """*cause* began: what it makes *halted* say takes effect, on tasks that are to run already too."""
        if not self._causes:
            trio.lowlevel.add_instrument(self)
        self._causes[cause] = None
        queue = trio._core._run.GLOBAL_RUN_CONTEXT.runner.runq
        for task in [task for task in queue if self._halted(task)]:
            queue.remove(task)
            self._parked[task] = None

    def release(self, cause: str) -> None:
        """*cause* ended; nothing if it was not engaged. Tasks that are not halted any more run."""
        if cause in self._causes:
            del self._causes[cause]
            self.let_go()
            if not self._causes:
                trio.lowlevel.remove_instrument(self)

    def let_go(self) -> None:
        """Have the tasks run that are not halted any more."""
        for task in [task for task in self._parked if not self._halted(task)]:
            del self._parked[task]
            self._queue(task)

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """trio's instrument: *task* is the last of the run queue now."""
        queue = trio._core._run.GLOBAL_RUN_CONTEXT.runner.runq
        if self._halted(task):
            queue.pop()
            self._parked[task] = None
        elif seconds := self._delay(task):
            queue.pop()
            self._after(seconds, self._delayed, task)

    def _delayed(self, task: trio.lowlevel.Task) -> None:
        if self._halted(task):
            self._parked[task] = None
        else:
            self._queue(task)

    def _queue(self, task: trio.lowlevel.Task) -> None:
        trio._core._run.GLOBAL_RUN_CONTEXT.runner.runq.append(task)


def lift_shields() -> None:
    """End every shield of the run, so that a cancellation of it all reaches tasks that would wait for ever in one."""
    for task in tasks():
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
