"""How soon a planted bug is found: ranges of seeds run in a copy of the tree that has it, and a find shrunk.

Runs end as soon as the checks that the patch names know enough. Every find is tried on the tree as it is, the same
concrete scenario under the same seed: one that fails there too is a false alarm of the testbed, or a bug nobody
planted, and counts for nothing. What is left of one that was shrunk is tried there by all checks.

Real processes and files: not to be called inside a world.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from .draw import draw
from .evidence import Verdict
from .planted import FOLDER, ROOT, Planted, apply
from .scenario import Scenario
from .shrink import Shrunk
from .shrinking.search import ESCAPE
from .surroundings import fix_addresses, hash_seed_of
from .swarm import Worker
from .swarm_worker import Outcome, RunRequest, ShrinkOutcome, ShrinkRequest, Task

RANGE_STRIDE = 10_000  # between the first seeds of two ranges
FAULTS_BAR, MAILS_BAR = 3, 2  # a shrunk find shall have so many at most
SHRINK_SECONDS_MAX = 7_200.0  # real seconds: its budget ends it long before, unless one run never ends
SEED_SECONDS_MAX = 1_200.0  # real seconds one run may take, on a busy machine: a bug may be that it never ends


@dataclass(frozen=True, slots=True)
class Find:
    """A seed that broke something with the bug and nothing without it. seeds: that were run until then, it included."""

    scenario: Scenario
    seed: int
    seeds: int
    invariant: str
    text: str


@dataclass(slots=True)
class Search:
    """What came of looking for one bug.

    finds: of each range, None where there was none among its seeds. alarms: seeds that broke something without the bug
    too, and what. small: what is left of a find, shrunk; trouble: what was wrong with that.
    """

    planted: Planted
    finds: list[Find | None] = field(default_factory=list)
    alarms: list[tuple[int, str]] = field(default_factory=list)
    seeds: int = 0
    find_cpu_seconds: float = 0.0
    small: Shrunk | None = None
    shrink_cpu_seconds: float = 0.0
    trouble: str = ""

    @property
    def found(self) -> list[Find]:
        """The finds there were."""
        return [find for find in self.finds if find is not None]

    @property
    def median_seeds(self) -> float | None:
        """Seeds until it is found, in the middle one of the ranges; None where it was not found in so many."""
        counts = [float("inf") if find is None else float(find.seeds) for find in self.finds]
        middle = median(counts) if counts else float("inf")
        return None if middle == float("inf") else middle


def found_file(planted: Planted) -> Path:
    """Where the shrunk find of that bug is kept."""
    return FOLDER / "found" / f"{planted.name}.sim"


def search(
    planted: Planted,
    scenario: Scenario,
    *,
    ranges: int,
    seeds_per_range: int,
    shrinks: bool = True,
    say: Callable[[str], object] = lambda line: None,
) -> Search:
    """Look for *planted* with *scenario*, range by range, and shrink a find if wanted. Raises PatchError, OSError."""
    fix_addresses()
    result = Search(planted)
    task = Task(scenario, looking_for=planted.checks)
    with tempfile.TemporaryDirectory(prefix="planted-") as folder, _runner(task, ROOT) as good:
        apply(planted, Path(folder))
        with _runner(task, Path(folder)) as bad:
            for number in range(ranges):
                first = number * RANGE_STRIDE + 1
                found = _first_find(result, range(first, first + seeds_per_range), bad, good)
                result.finds.append(found)
                what = f"{found.invariant} after {found.seeds} seeds (seed {found.seed})" if found else "not found"
                say(f"{planted.name}: range {number + 1}: {what}")
            result.find_cpu_seconds = bad.cpu_seconds
            if result.found and shrinks:
                _shrink(result, bad, good)
    return result


def _first_find(result: Search, seeds: range, bad: _Runner, good: _Runner) -> Find | None:
    """The first of *seeds* that finds it: by a check that the patch names, or by another one."""
    for number, seed in enumerate(seeds, 1):
        outcome = bad.seed(seed)
        result.seeds += 1
        if outcome.verdict is Verdict.HELD or outcome.scenario is None:
            continue
        scenario = outcome.scenario
        if not scenario.concrete:  # its process died
            scenario = draw(scenario, seed)
        without = good.run(scenario, seed)
        if without.verdict is not Verdict.HELD:
            result.alarms.append((seed, _broke(without)))
            continue
        names = {violation.invariant: violation.text for violation in reversed(outcome.violations)}
        invariant = next((name for name in result.planted.checks if name in names), outcome.violations[0].invariant)
        return Find(scenario, seed, number, invariant, names[invariant])
    return None


def _broke(outcome: Outcome) -> str:
    return outcome.violations[0].invariant if outcome.violations else ESCAPE


def _shrink(result: Search, bad: _Runner, good: _Runner) -> None:
    """Shrink finds, those by a check that the patch names first, until one is small; the smallest is taken."""
    path = str(found_file(result.planted))
    for find in sorted(result.found, key=lambda find: find.invariant not in result.planted.checks):
        outcome = bad.shrink(ShrinkRequest(find.scenario, find.seed, find.invariant, path))
        result.shrink_cpu_seconds += outcome.cpu_seconds
        if outcome.small is None:
            result.trouble = outcome.trouble
        elif (without := good.run(outcome.small.scenario, outcome.small.seed, whole=True)).verdict is not Verdict.HELD:
            result.alarms.append((outcome.small.seed, f"{_broke(without)}, shrunk"))
        elif result.small is None or _size(outcome.small) < _size(result.small):
            result.small = outcome.small
        if result.small is not None and is_small(result.small):
            return


def _size(small: Shrunk) -> int:
    return len(small.scenario.faults) + len(small.scenario.mails)


def is_small(small: Shrunk) -> bool:
    """Whether little enough is left of a find."""
    scenario = small.scenario
    return len(scenario.faults) - len(scenario.acts) <= FAULTS_BAR and len(scenario.mails) <= MAILS_BAR


class _Runner:
    """Runs scenarios with the code of one tree, in a process that is replaced when it dies."""

    def __init__(self, task: Task, tree: Path) -> None:
        self.cpu_seconds = 0.0
        self._task = task
        self._tree = tree
        self._worker: Worker | None = None

    def seed(self, seed: int) -> Outcome:
        """Run that seed of the scenario."""
        return self._ask(seed, seed)

    def run(self, scenario: Scenario, seed: int, *, whole: bool = False) -> Outcome:
        """Run a concrete one. whole: all checks are meant."""
        return self._ask(RunRequest(scenario, seed, whole), seed)

    def shrink(self, asked: ShrinkRequest) -> ShrinkOutcome:
        """Shrink a find, in a process of its own, in which nothing ran before."""
        worker = Worker(self._task, hash_seed_of(asked.seed), SHRINK_SECONDS_MAX, self._tree)
        answer = worker.ask(asked)
        worker.end()
        if not isinstance(answer, ShrinkOutcome):
            return ShrinkOutcome(None, f"the process that shrank it died, or took {SHRINK_SECONDS_MAX:g} s", 0.0)
        return answer

    def end(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def _ask(self, asked: int | RunRequest, seed: int) -> Outcome:
        if self._worker is None:
            self._worker = Worker(self._task, hash_seed_of(seed), SEED_SECONDS_MAX, self._tree)
        answer = self._worker.ask(asked)
        if not isinstance(answer, Outcome):
            answer = self._worker.how_it_failed(seed)
            self.end()
        self.cpu_seconds += answer.cpu_seconds
        return answer


@contextmanager
def _runner(task: Task, tree: Path) -> Iterator[_Runner]:
    runner = _Runner(task, tree)
    try:
        yield runner
    finally:
        runner.end()
