"""From a failing run to the smallest scenario found that still fails in the same way.

Given a concrete scenario, its seed and the invariant it broke, simpler scenarios are tried one after the other, and one
that breaks the *same* invariant takes the place of what was there. Because taking something away shifts the order in
which everything else happens, candidates are tried under several schedule seeds. It knows the domain: quiet links,
fewer faults, fewer messages, fewer hosts, plainer ones, faults mended early, round times, small letters with one
recipient (``shrinking/passes.py``). Nothing is random: the same failure shrinks to the same scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .scenario import Scenario
from .shrinking.passes import PASSES
from .shrinking.search import SCHEDULE_SEEDS, Budget, Run, Search

ROUNDS_MAX = 4  # through all passes; a round that changes nothing is the last, but for the thrifty first one
BUDGET = Budget()


class NotBroken(ValueError):
    """The scenario that is to be shrunk does not break the invariant."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What was found. seed: the schedule under which it fails; digest: of that run; history: what made it smaller."""

    scenario: Scenario
    seed: int
    invariant: str
    digest: str
    runs: int
    history: tuple[str, ...]


def shrink(
    scenario: Scenario,
    seed: int,
    invariant: str,
    run: Run,
    *,
    brief: Run | None = None,
    budget: Budget = BUDGET,
    sensible: Callable[[Scenario], bool] = lambda candidate: True,
    say: Callable[[str], object] = lambda line: None,
) -> Shrunk:
    """The smallest scenario found within *budget* that breaks *invariant*; *say* hears of every step.

    brief: a run that ends when the invariant has been judged: candidates are run so, where that shows the failure.
    sensible: asked before a scenario with fewer hosts is run: others may mention those that are gone. Runs whose
    results have evidence show when each message was really sent, which helps.

    Raises: NotBroken, when *scenario* under *seed* and the other schedule seeds does not break it. SimulationFailure,
    when what is found does not break it the second time.
    """
    assert scenario.concrete, "only a concrete scenario can be shrunk"
    verifications = 2 if brief else 1
    spendable = replace(budget, runs=budget.runs - verifications)
    search = Search(scenario, seed, invariant, brief or run, spendable, sensible, say)
    if not search.try_(scenario, "as given", schedules=1 if brief else SCHEDULE_SEEDS):
        search.run_with(run)
        if brief is None or not search.try_(scenario, "as given"):
            raise NotBroken(f"{invariant} holds under seed {seed} and {SCHEDULE_SEEDS - 1} other schedules")
    for _ in range(ROUNDS_MAX):
        before, thrifty = search.best, search.thrifty
        for shorten in PASSES:
            shorten(search)
        search.thrifty = False
        if (search.best == before and not thrifty) or search.spent:
            break
    search.verify(search.run)
    digest = search.digest if search.run is run else search.verify(run)
    return Shrunk(search.best, search.seed, invariant, digest, search.runs, tuple(search.history))
