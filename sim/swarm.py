"""A campaign: many seeds over several processes, and what they found, grouped by what was broken.

Each worker process runs many seeds under one hash order, and is then replaced by one with another. With *twice*, each
seed is run a second time by a worker with other hash orders, whose objects lie at random addresses: the two must give
the same digest. Where they do not, both are run again with the trace kept, and the first event at which they part is
shown.
"""

from __future__ import annotations

import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .difference import CONTEXT_LINES, describe, first_difference, lines_in_common
from .evidence import Verdict, Violation
from .kernel import PREFIX_EVENTS
from .marks import Campaign as Marks
from .shrinking.search import ESCAPE
from .surroundings import CHECKOUT, environment, fix_addresses, hash_seed_of
from .swarm_worker import Answer, Outcome, Request, Task, TraceRequest

JOBS_MAX = 256
SEEDS_A_WORKER = 100  # that one process runs before another with a new hash order takes its place
SEED_SECONDS_MAX = 600.0  # real seconds one seed may take: after that its process is ended, and that is a failure
SEEDS_FOR_MARKS = 200  # a campaign of at least so many seeds must have reached every mark
SEEDS_SHOWN = 8  # of a group
SAVED_A_GROUP = 20  # scenario files
SPLITS_EXPLAINED = 3  # seeds whose first difference is looked for
TWO = 2  # times each seed is run, with *twice*
DIED, ENDLESS, NONDETERMINISM = "worker_died", "no_end", "nondeterminism"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign does. seconds: real time after which no seed is begun (None: no limit).

    marks: names that must have been reached. duplicates: their share may be so much. jobs: processes at a time; with
    *twice* rounded up to an even number.
    """

    task: Task
    seeds: range
    jobs: int = 1
    seconds: float | None = None
    twice: bool = False
    marks: tuple[str, ...] = ()
    duplicates: float = 1.0


@dataclass(slots=True)
class Group:
    """Runs that broke the same invariant first. seeds: in the order they were found; text: of the first."""

    invariant: str
    text: str
    seeds: list[int] = field(default_factory=list)
    saved: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Split:
    """A seed that gave two runs. text: where they part."""

    seed: int
    hash_seeds: tuple[str, str]
    digests: tuple[str, str]
    text: str


@dataclass(slots=True)
class Summary:
    """What came of a campaign so far. seeds: done (with *twice*: both times); runs: each time counted."""

    plan: Plan
    seeds: int = 0
    runs: int = 0
    simulated_seconds: float = 0.0
    events: int = 0
    cpu_seconds: float = 0.0
    real_seconds: float = 0.0
    groups: dict[str, Group] = field(default_factory=dict)
    splits: list[Split] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)
    escaped: bool = False
    interrupted: bool = False
    addresses_fixed: bool = True

    @property
    def failures(self) -> int:
        """Seeds that broke something."""
        return sum(len(group.seeds) for group in self.groups.values())

    @property
    def unreached(self) -> tuple[str, ...]:
        """Marks nobody reached."""
        return self.marks.never(self.plan.marks)

    @property
    def untuned(self) -> bool:
        """Whether a campaign long enough missed marks, or has more duplicates than is permitted."""
        return (bool(self.unreached) or self.repetitive) and self.seeds >= SEEDS_FOR_MARKS

    @property
    def repetitive(self) -> bool:
        """Whether there are more duplicates than is permitted."""
        return self.marks.duplicates > self.plan.duplicates

    @property
    def exit_code(self) -> int:
        """The gravest thing found."""
        if self.escaped:
            return Verdict.ESCAPE.value
        if self.splits:
            return Verdict.NONDETERMINISM.value
        return Verdict.BROKEN.value if self.groups or self.untuned else Verdict.HELD.value

    def progress(self) -> str:
        """One line."""
        rate = self.seeds / self.real_seconds if self.real_seconds else 0.0
        speed = self.simulated_seconds / self.cpu_seconds if self.cpu_seconds else 0.0
        found = f"{self.failures} failed in {len(self.groups)} groups" if self.groups else "none failed"
        return (
            f"{self.seeds}/{len(self.plan.seeds)} seeds, {found}, {rate:.2f} seeds/s, "
            f"{speed:.0f} simulated s per CPU s, {self.cpu_seconds / 60:.2f} CPU min"
        )


def campaign(
    plan: Plan,
    *,
    save: Callable[[Outcome], Path | None] = lambda outcome: None,
    say: Callable[[Summary], object] = lambda summary: None,
) -> Summary:
    """Run it all. *save* keeps a failing run as a file; *say* is told after every run.

    An interruption (Ctrl-C) ends it early with what there is so far.
    """
    assert 1 <= plan.jobs <= JOBS_MAX
    summary = Summary(plan, addresses_fixed=fix_addresses())
    began = time.monotonic()
    sides = TWO if plan.twice else 1
    ends_at = None if plan.seconds is None else began + plan.seconds
    waiting = [_Seeds(plan.seeds, ends_at) for _ in range(sides)]
    outcomes: queue.Queue[Outcome | None] = queue.Queue()
    lanes = [
        _Lane(plan, waiting[number % sides], number % sides, outcomes)
        for number in range(-(-plan.jobs // sides) * sides)
    ]
    for lane in lanes:
        lane.start()
    first_runs: dict[int, Outcome] = {}
    running = len(lanes)
    while running:
        try:
            outcome = outcomes.get()
            if outcome is None:
                running -= 1
                continue
            _count(summary, outcome)
            summary.real_seconds = time.monotonic() - began
            if not plan.twice:
                _take(summary, outcome, save)
            elif outcome.seed not in first_runs:
                first_runs[outcome.seed] = outcome
            else:
                _compare(summary, first_runs.pop(outcome.seed), outcome, save)
            say(summary)
        except KeyboardInterrupt:
            summary.interrupted = True
            for seeds in waiting:
                seeds.stop()
            for lane in lanes:
                lane.end()
    for outcome in first_runs.values():  # the time was over before their second run
        _take(summary, outcome, save)
    summary.real_seconds = time.monotonic() - began
    return summary


def _count(summary: Summary, outcome: Outcome) -> None:
    summary.runs += 1
    summary.simulated_seconds += outcome.seconds
    summary.events += outcome.events
    summary.cpu_seconds += outcome.cpu_seconds


def _take(summary: Summary, outcome: Outcome, save: Callable[[Outcome], Path | None]) -> None:
    """A seed is done."""
    summary.seeds += 1
    summary.marks.add(outcome.marks)
    if outcome.verdict is Verdict.HELD:
        return
    summary.escaped = summary.escaped or outcome.verdict is Verdict.ESCAPE
    first = outcome.violations[0] if outcome.violations else Violation(ESCAPE, "the run reached for the real world")
    group = summary.groups.setdefault(first.invariant, Group(first.invariant, first.text))
    group.seeds.append(outcome.seed)
    if len(group.saved) < SAVED_A_GROUP and (path := save(outcome)) is not None:
        group.saved.append(path)


def _compare(summary: Summary, one: Outcome, other: Outcome, save: Callable[[Outcome], Path | None]) -> None:
    """Both runs of a seed are done."""
    _take(summary, one, save)
    if (one.digest, one.line_count) == (other.digest, other.line_count):
        return
    text = (
        explain(summary.plan.task, one, other)
        if len(summary.splits) < SPLITS_EXPLAINED
        else "(as those above, perhaps)"
    )
    summary.splits.append(Split(one.seed, (one.hash_seed, other.hash_seed), (one.digest, other.digest), text))


def explain(task: Task, one: Outcome, other: Outcome) -> str:
    """Where two runs of one seed part: both are run again, each in a process like the first time's, with their traces.

    The prefix digests say from which line on the traces are needed.
    """
    common = lines_in_common(one.prefixes, other.prefixes)
    first = max(0, common - CONTEXT_LINES)
    asked = TraceRequest(one.seed, first, PREFIX_EVENTS + 2 * CONTEXT_LINES)
    traces = []
    for outcome, fixed in ((one, True), (other, False)):
        fix_addresses(fixed)
        worker = Worker(task, int(outcome.hash_seed) if outcome.hash_seed.isdigit() else hash_seed_of(one.seed))
        answer = worker.ask(asked)
        worker.end()
        if not isinstance(answer, tuple):
            return "a run with the trace kept did not end"
        traces.append(answer)
    names = (f"with hash seed {one.hash_seed}", f"with hash seed {other.hash_seed}")
    difference = first_difference(traces[0], traces[1])
    if difference is None:
        return (
            f"It did not show again: lines {first + 1} to {first + len(traces[0])} are now the same in both. "
            "Something beside the hash seed decides."
        )
    return f"(lines are counted from line {first + 1} of the run)\n{describe(difference, *names)}"


class _Seeds:
    """Seeds that wait to be run."""

    def __init__(self, seeds: range, ends_at: float | None) -> None:
        self._seeds: Iterator[int] = iter(seeds)
        self._ends_at = ends_at
        self._stopped = False
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """The next one; None when there is none, or no time for it."""
        with self._lock:
            if self._stopped or (self._ends_at is not None and time.monotonic() >= self._ends_at):
                return None
            return next(self._seeds, None)

    def stop(self) -> None:
        """Give out no more."""
        self._stopped = True


class _Lane(threading.Thread):
    """One worker process after the other, each given its seeds. Puts None when there is nothing left to do."""

    def __init__(self, plan: Plan, seeds: _Seeds, side: int, outcomes: queue.Queue[Outcome | None]) -> None:
        super().__init__(daemon=True)
        self._plan = plan
        self._seeds = seeds
        self._side = side
        self._outcomes = outcomes
        self._worker: Worker | None = None
        self._ended = False

    def run(self) -> None:
        """The thread."""
        fix_addresses(self._side == 0)
        try:
            self._serve()
        finally:
            self._outcomes.put(None)

    def _serve(self) -> None:
        given = 0
        while (seed := self._seeds.take()) is not None:
            if self._worker is None or given == SEEDS_A_WORKER:
                self._replace(hash_seed_of(seed, f"side {self._side}"))
                given = 0
            given += 1
            assert self._worker is not None
            answer = self._worker.ask(seed)
            if isinstance(answer, Outcome):
                self._outcomes.put(answer)
                continue
            if not self._ended:
                self._outcomes.put(self._worker.how_it_failed(seed))
            self._replace(None)
        self._replace(None)

    def end(self) -> None:
        """End the worker now; the seed it runs is forgotten."""
        self._ended = True
        if self._worker is not None:
            self._worker.kill()

    def _replace(self, hash_seed: int | None) -> None:
        if self._worker is not None:
            self._worker.end()
        self._worker = Worker(self._plan.task, hash_seed) if hash_seed is not None else None


class Worker:
    """A worker process as its campaign sees it. checkout: of the code that it runs."""

    def __init__(
        self, task: Task, hash_seed: int, seconds_max: float = SEED_SECONDS_MAX, checkout: Path = CHECKOUT
    ) -> None:
        self._task = task
        self._hash_seed = hash_seed
        self._seconds_max = seconds_max
        self._slow = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from sim.swarm_worker import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(hash_seed, checkout=checkout),
            cwd=checkout,
        )
        self._tell(task)

    def ask(self, asked: Request) -> Answer | None:
        """Have it do that; None: it ended instead."""
        assert self._process.stdout is not None
        watch = threading.Timer(self._seconds_max, self._too_slow)
        watch.start()
        try:
            self._tell(asked)
            answer: Answer = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            return None
        finally:
            watch.cancel()
        return answer

    def how_it_failed(self, seed: int) -> Outcome:
        """The outcome of a seed whose process is gone."""
        status = self._process.wait()
        if self._slow:
            violation = Violation(ENDLESS, f"not over after {self._seconds_max:g} real seconds")
        else:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            violation = Violation(DIED, f"the process that ran it ended with {how}")
        return Outcome(seed, str(self._hash_seed), Verdict.BROKEN, (violation,), scenario=self._task.scenario)

    def end(self) -> None:
        """Have it end, and wait for it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def _too_slow(self) -> None:
        self._slow = True
        self._process.kill()

    def _tell(self, value: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(value, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it is gone: the answer that does not come says so


def describe_campaign(summary: Summary) -> str:
    """For people: everything found, never just a count."""
    plan = summary.plan
    said = [
        summary.progress(),
        f"{summary.runs} runs, {summary.events} events, {summary.real_seconds:.0f} s of real time",
    ]
    if summary.interrupted:
        said.append("Interrupted: what follows is what there was by then.")
    if not summary.addresses_fixed:
        said.append("The kernel does not permit fixed addresses (personality(2)): objects lay anywhere.")
    for group in sorted(summary.groups.values(), key=lambda each: -len(each.seeds)):
        said += ["", *_describe_group(group)]
    for split in summary.splits:
        said += [
            "",
            f"{NONDETERMINISM}: seed {split.seed} gave digest {split.digests[0]} with hash seed {split.hash_seeds[0]}",
        ]
        said += [f"  and {split.digests[1]} with hash seed {split.hash_seeds[1]}", *_indented(split.text)]
    if summary.marks.runs:
        said += ["", f"  seeds of {summary.marks.count}    times  reached"]
        said += [
            f"  {seeds:>8}  {summary.marks.times[name]:>8}  {name}"
            for name, seeds in sorted(summary.marks.runs.items())
        ]
    if arrived := summary.marks.times["arrived"]:
        second, share = summary.marks.times["second_copy"], summary.marks.duplicates
        permitted = f", and {plan.duplicates:.3%} are permitted" if summary.repetitive else ""
        said += ["", f"Duplicates: {second} beside {arrived} deliveries, {share:.3%}{permitted}"]
    if summary.unreached:
        said += ["", f"Never reached: {', '.join(summary.unreached)}"]
        if not summary.untuned:
            said.append(f"  (no failure in a campaign of fewer than {SEEDS_FOR_MARKS} seeds)")
    if plan.twice and not summary.splits and summary.seeds:
        said += ["", "Each seed gave the same digest in two processes with different hash orders."]
    return "\n".join(said)


def _describe_group(group: Group) -> Iterator[str]:
    shown = ", ".join([str(seed) for seed in group.seeds[:SEEDS_SHOWN]])
    more = f" and {len(group.seeds) - SEEDS_SHOWN} more" if len(group.seeds) > SEEDS_SHOWN else ""
    yield f"{group.invariant}: {len(group.seeds)} {'seed' if len(group.seeds) == 1 else 'seeds'} ({shown}{more})"
    yield from _indented(group.text)
    for path in group.saved[:SEEDS_SHOWN]:
        yield f"  python -m sim replay {path}"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
