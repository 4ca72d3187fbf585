"""Virtual time, events, named random streams and the trace: trio's clock and the discrete-event engine in one.

trio asks its clock how long to sleep only when no task can run. That is the moment to carry out the next event, and
when there is none before the next deadline, to move time there at once. Nothing ever sleeps, no task pumps.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import trio

from . import schedule

STILL_PASSES_MAX = 20_000  # passes of trio's loop, and events, at one virtual instant: more is a livelock
STOPS_MAX = 3  # how often a run that goes nowhere is cancelled, before trio's loop is broken
PREFIX_EVENTS = 1_000  # a prefix digest is kept after each so many trace lines


class SimulationFailure(Exception):
    """The run itself failed, whatever the test was about."""


class Deadlock(SimulationFailure):
    """No task can run, no deadline is set and no event is due: nothing will ever happen again."""


class Livelock(SimulationFailure):
    """Tasks keep running while time stands still."""


@dataclass(slots=True, eq=False)
class Event:
    """Something that will happen. ``cancel()`` takes it back; doing so after it happened does nothing."""

    time: float
    function: Callable[..., object] | None
    arguments: tuple[Any, ...]

    def cancel(self) -> None:
        """Make it not happen."""
        self.function = None
        self.arguments = ()


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of the trace. time: virtual seconds; host: empty for the world itself; text: the whole line."""

    time: float
    host: str
    kind: str
    text: str

    def __str__(self) -> str:
        return self.text


class Kernel(trio.abc.Clock, trio.abc.Instrument):
    """The clock of a simulated run.

    seed: everything random in the run comes from it, through ``rng``.
    keep_trace: keep the lines; the digest covers them either way.
    """

    def __init__(self, seed: int, *, keep_trace: bool = True, still_passes_max: int = STILL_PASSES_MAX) -> None:
        self.seed = seed
        self.lines: list[TraceLine] = []
        self.line_count = 0
        self.kinds: Counter[str] = Counter()  # how many lines of each kind
        self.prefix_digests: list[str] = []
        self.failure: SimulationFailure | None = None
        self.events_done = 0
        self._keep_trace = keep_trace
        self._still_passes_max = still_passes_max
        self.now = 0.0  # for events; tasks and trio ask current_time()
        self._heap: list[tuple[float, float, int, Event]] = []
        self._sequence = count()
        self._streams: dict[str, random.Random] = {}
        self._ties = self.rng("tie")
        self._hash = hashlib.blake2b(digest_size=16)
        self._unhashed: list[str] = []
        self._watch: Callable[[], object] | None = None
        self._times_asked = 0  # since time moved
        self._still_passes = 0
        self._suspicious = False
        self._queues: schedule.Queues
        self._running = self._counting = False
        self._fail: Callable[[], object] | None = None
        self._doomed: SimulationFailure | None = None
        self._stops = 0

    # -- time

    def start_clock(self) -> None:
        """trio's loop begins; virtual time is 0."""
        self._queues = schedule.Queues()
        self._running = True
        self._count_passes()

    def current_time(self) -> float:
        """Virtual seconds since the run began. Sums of floats drift: never compare with ``==``."""
        self._times_asked += 1
        if self._times_asked > self._still_passes_max:
            self._suspect()
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Called by trio when no task can run: carries out events and moves time. Never asks for a real sleep."""
        queues = self._queues
        if queues.waiting_for_idle:
            # Time must stand still; but what is due at this very instant happens first.
            return 0 if queues.runnable or self._carry_out(self.now) else math.inf
        if queues.runnable or self._carry_out(deadline) or deadline <= self.now:
            return 0
        if deadline == math.inf:
            self._stop(Deadlock("nothing can happen any more:\n" + task_tree()))
            return 0
        self._advance(deadline)
        return 0

    def _carry_out(self, until: float) -> bool:
        """Carry out events due up to *until*, the earliest first, until one makes a task runnable; whether one did."""
        heap, queues = self._heap, self._queues
        while True:
            if self._watch is not None:
                self._watch()
                if queues.runnable:
                    return True
            if not heap or heap[0][0] > until:
                return False
            time, _, _, event = heapq.heappop(heap)
            function = event.function
            if function is None:
                continue
            if time > self.now:
                self._advance(time)
            event.function = None
            self.events_done += 1
            self._count_still_pass()
            function(*event.arguments)
            if queues.runnable:
                return True

    def _advance(self, time: float) -> None:
        assert time >= self.now
        self.now = time
        self._still_passes = self._times_asked = 0
        if self._suspicious:
            self._suspicious = False
            self._count_passes()

    # -- events

    def at(
        self,
        time: float,
        function: Callable[..., object],
        *arguments: Any,
        ties: random.Random | None = None,
        rank: float | None = None,
    ) -> Event:
        """Have ``function(*arguments)`` called at *time*, outside any task; it must not block and must not raise.

        ties: the stream that orders it among events of the same instant; its owner's own stream keeps the draws of
            others as they are. rank: its place among them where nothing is to be drawn: below 0 is before all that is.
        """
        event = Event(max(time, self.now), function, arguments)
        tie = (ties or self._ties).random() if rank is None else rank
        heapq.heappush(self._heap, (event.time, tie, next(self._sequence), event))
        return event

    def after(
        self, seconds: float, function: Callable[..., object], *arguments: Any, ties: random.Random | None = None
    ) -> Event:
        """``at`` that many virtual seconds from now."""
        return self.at(self.now + seconds, function, *arguments, ties=ties)

    # -- randomness

    def rng(self, name: str) -> random.Random:
        """The random stream for one purpose and place (``link/a>b``, ``disk/mx``): independent of all others."""
        stream = self._streams.get(name)
        if stream is None:
            octets = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=16).digest()
            stream = self._streams[name] = random.Random(int.from_bytes(octets, "big"))
        return stream

    # -- trace

    def trace(self, kind: str, host: str = "", **fields: object) -> None:
        """Write one line. Values must print the same in every process: no addresses of objects, no sets."""
        text = f"{self.now:.9f} {host or '-'} {kind}"
        for name, value in fields.items():
            text += f" {name}={value}"
        self._unhashed.append(text)
        self.line_count += 1
        self.kinds[kind] += 1
        if self.line_count % PREFIX_EVENTS == 0:
            self.prefix_digests.append(self.digest())
        if self._keep_trace:
            self.lines.append(TraceLine(self.now, host, kind, text))

    def digest(self) -> str:
        """The digest of the trace so far."""
        if self._unhashed:
            self._hash.update("".join([f"{text}\n" for text in self._unhashed]).encode())
            self._unhashed.clear()
        return self._hash.hexdigest()

    # -- failures of the run itself

    def on_failure(self, cancel: Callable[[], object]) -> None:
        """Have *cancel* called once when the run deadlocks or livelocks; it must cancel the whole run."""
        self._fail = cancel

    @property
    def watch(self) -> Callable[[], object] | None:
        """Called before each event, before time moves, and before each pass of trio's loop."""
        return self._watch

    @watch.setter
    def watch(self, watch: Callable[[], object] | None) -> None:
        self._watch = watch
        self._count_passes()

    def before_io_wait(self, timeout: float) -> None:
        """trio's instrument, once per pass of its loop, while somebody watches or time stands suspiciously still."""
        if self._watch is not None:
            self._watch()
        self._count_still_pass()

    def _suspect(self) -> None:
        """Time was asked for often while it stood still: trio asks once in a pass, and so may anybody."""
        if self._doomed is not None:  # the run was cancelled and yet goes nowhere: break trio's loop
            raise self._doomed
        if not self._suspicious:
            self._suspicious = True
            self._count_passes()

    def _count_passes(self) -> None:
        """Be trio's instrument, or not."""
        wanted = self._suspicious or self._watch is not None
        if self._running and wanted is not self._counting:
            self._counting = wanted
            (trio.lowlevel.add_instrument if wanted else trio.lowlevel.remove_instrument)(self)

    def _count_still_pass(self) -> None:
        self._still_passes += 1
        if self._still_passes > self._still_passes_max:
            self._still_passes = 0
            names = ", ".join(task.name for task in schedule.runnable_tasks()[:10]) or "events only"
            self._stop(Livelock(f"time stands still at {self.now:.9f}; running: {names}\n" + task_tree()))

    def _stop(self, failure: SimulationFailure) -> None:
        """Cancel the run; if it does not end, its shields too; if it still does not, break trio's loop."""
        self._stops += 1
        self.failure = self.failure or failure
        if self._stops == 1 and self._fail is not None:
            self._fail()
        elif self._stops <= STOPS_MAX and self._fail is not None:
            schedule.lift_shields()
        else:
            schedule.bury()
            self._doomed, self._times_asked = self.failure, self._still_passes_max


def task_tree() -> str:
    """All tasks of the run, children below their parents, each with its life and the innermost places it waits at."""
    root = trio.lowlevel.current_root_task()
    return "\n".join(_branches(root, "")) if root is not None else "(no tasks)"


def _branches(task: trio.lowlevel.Task, indent: str) -> Iterable[str]:
    frames = [f"{frame.f_code.co_name}:{line}" for frame, line in task.iter_await_frames()]
    yield f"{indent}{task.name} {_life_of(task)}at {' > '.join(frames[-4:])}".rstrip()
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=schedule.age):
            yield from _branches(child, indent + "  ")


def _life_of(task: trio.lowlevel.Task) -> str:
    for variable, life in task.context.items():
        if variable.name == "sim_life":
            return f"[{life}{life.condition and ', '}{life.condition}] "
    return ""
