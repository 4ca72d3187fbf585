"""The best candidate so far, what trying others costs, and how parts are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ..evidence import Result, Verdict
from ..kernel import SimulationFailure
from ..scenario import Mail, Scenario

T = TypeVar("T")

SCHEDULE_SEEDS = 4  # under which a candidate may fail
NAMED_MAX = 4  # mails that the violation is about: each is tried alone
ESCAPE = "escape"  # what an escape is called here: it is a verdict, not an invariant

Run = Callable[[Scenario, int], Result]  # ``run`` of run.py, or something that takes its place


@dataclass(frozen=True, slots=True)
class Budget:
    """What one shrinking may cost. runs: its last verification included. events: of the kernel, in all runs together.

    Events stand for CPU time, and are the same on every machine: the same failure shrinks to the same scenario. When
    one of the two is spent, the best so far is what is found.
    """

    runs: int = 400
    events: int = 1_500_000


def broken(result: Result) -> tuple[str, ...]:
    """The names of the invariants a run broke, each once, the first one first."""
    names = [violation.invariant for violation in result.violations]
    if result.verdict is Verdict.ESCAPE:
        names.insert(0, ESCAPE)
    return tuple(dict.fromkeys(names))


def size(scenario: Scenario) -> str:
    """In words: how much there is in it."""
    acts, faults = len(scenario.acts), len(scenario.faults)
    counts = ((faults - acts, "fault"), (len(scenario.mails), "message"), (acts, "act"), (len(scenario.hosts), "host"))
    said = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count or name != "act"]
    return ", ".join(said)


class Search:
    """For the smallest scenario that breaks *invariant*. The parameters are those of ``shrink.shrink``.

    thrifty: parts are left out under one schedule alone. The first round does so: most of what it tries is hopeless,
    and nothing costs as much as a scenario that nothing was taken from yet.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        invariant: str,
        run: Run,
        budget: Budget,
        sensible: Callable[[Scenario], bool],
        say: Callable[[str], object],
    ) -> None:
        self.best = scenario
        self.seed = seed
        self.digest = ""
        self.runs = self.events = 0
        self.history: list[str] = []
        self.named: tuple[Mail, ...] = ()  # those that the violations are about
        self.sent_at: dict[str, tuple[float, ...]] = {}  # when it was tried to send each, the last time first
        self.rotten: tuple[Mail, ...] = ()  # those that a fault hit
        self.thrifty = True
        self.run = run
        self.sensible = sensible
        self._invariant = invariant
        self._budget = budget
        self._say = say
        self._seeds = tuple(seed + number for number in range(SCHEDULE_SEEDS))
        self._held: dict[Scenario, set[int]] = {}  # under which seeds it did not fail

    @property
    def mail(self) -> Mail | None:
        """The one that the first violation is about."""
        return self.named[0] if self.named else None

    @property
    def spent(self) -> bool:
        """Whether nothing is left of the budget."""
        return self.runs >= self._budget.runs or self.events >= self._budget.events

    def run_with(self, run: Run) -> None:
        """Have *run* run candidates from now on: what held before may not."""
        self.run = run
        self._held.clear()

    def try_(self, candidate: Scenario, what: str, schedules: int = SCHEDULE_SEEDS) -> bool:
        """Whether *candidate* fails in the same way under one of *schedules* seeds; it is the best one then."""
        if candidate == self.best and self.digest:
            return False
        held = self._held.setdefault(candidate, set())
        seeds = sorted(self._seeds, key=lambda each: each != self.seed)  # the one that failed last comes first
        for seed in seeds[:schedules]:
            if seed in held:
                continue
            if self.spent:
                return False
            result = self._outcome(candidate, seed)
            if result is not None and self._invariant in broken(result):
                self.best, self.seed, self.digest = candidate, seed, result.digest
                self._look_at(result)
                self.history.append(what)
                self._say(f"run {self.runs}: {what}: {size(candidate)}, seed {seed}")
                return True
            held.add(seed)
        return False

    def _look_at(self, result: Result) -> None:
        """Remember which mails it is about, and when those were sent."""
        names = [each.mail for each in result.violations if each.invariant == self._invariant and each.mail]
        mails = {mail.name: mail for mail in self.best.mails}
        self.named = tuple([mails[name] for name in dict.fromkeys(names) if name in mails][:NAMED_MAX])
        attempts = [] if result.evidence is None else result.evidence.attempts
        self.sent_at = {
            mail.name: tuple([each.began for each in reversed(attempts) if each.mail.name == mail.name])
            for mail in self.named
        }
        struck = [] if result.evidence is None else result.evidence.struck
        hit = [name for each in struck for name in each.mails]
        self.rotten = tuple([mail for mail in self.best.mails if mail.name in hit])

    def _outcome(self, candidate: Scenario, seed: int) -> Result | None:
        """None: the candidate makes no sense, or the run itself failed."""
        self.runs += 1
        try:
            result = self.run(candidate, seed)
        except (SimulationFailure, LookupError, ValueError):
            return None
        self.events += result.events
        return result

    def verify(self, run: Run) -> str:
        """Have *run* run the best once more; the digest of that. Raises SimulationFailure where it does not fail."""
        self.runs += 1
        again = run(self.best, self.seed)
        if self._invariant not in broken(again) or (run is self.run and again.digest != self.digest):
            raise SimulationFailure(f"seed {self.seed} of the shrunk scenario gave another run the second time")
        return again.digest

    def first_of(self, candidates: Iterable[tuple[Scenario, str]]) -> bool:
        """Take the first of *candidates* that fails in the same way; they are in order of how much they simplify."""
        return any(self.try_(candidate, what) for candidate, what in candidates)

    def fewest(self, items: tuple[T, ...], with_items: Callable[[tuple[T, ...]], Scenario], what: str) -> None:
        """Delta debugging (Zeller's ddmin): a part of *items* none of which can be left out by itself."""
        schedules = 1 if self.thrifty else SCHEDULE_SEEDS
        if not items or self.try_(with_items(()), f"no {what}s"):
            return
        parts = 2
        while len(items) > 1 and not self.spent:
            for rest in _without_a_part(items, parts):
                if self.try_(with_items(rest), f"{what}s {len(items)} to {len(rest)}", schedules):
                    items, parts = rest, max(parts - 1, 2)
                    break
            else:
                if parts == len(items):
                    return
                parts = min(parts * 2, len(items))


def _without_a_part(items: tuple[T, ...], parts: int) -> Iterator[tuple[T, ...]]:
    for number in range(parts):
        first, end = len(items) * number // parts, len(items) * (number + 1) // parts
        yield items[:first] + items[end:]
