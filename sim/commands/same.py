"""``ec_sim same FILE --seed N``: does one seed give one run, in many processes; do many seeds give as many runs?"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from ..determinism import by_digest, counted, how_they_part, in_processes
from ..evidence import Verdict
from ..shrinking.search import ESCAPE
from ..swarm import JOBS_MAX
from ..swarm_worker import Outcome, Task
from .command import EXIT_BROKEN, SEEDS_MAX, Command, UsageError, add_file, scenario_in, seed, seeds
from .report import VERDICTS

PROCESSES = 10


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument("--seed", type=seed, metavar="N", help="default: the file's own seed")
    parser.add_argument(
        "--processes", type=int, default=PROCESSES, metavar="P", help="that run this seed; default: %(default)s"
    )
    parser.add_argument("--seeds", type=seeds, metavar="A..B", help="run each of these too: no two may be the same run")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes at a time; default: one a CPU"
    )


def _act(asked: argparse.Namespace) -> int:
    if not 1 <= asked.jobs <= JOBS_MAX:
        raise UsageError(f"--jobs: from 1 to {JOBS_MAX}")
    if not 1 <= asked.processes <= SEEDS_MAX:
        raise UsageError(f"--processes: from 1 to {SEEDS_MAX}")
    scenario = scenario_in(asked.file)
    task = Task(scenario)
    one_seed: int = scenario.seed if asked.seed is None else asked.seed
    outcomes = in_processes(task, [one_seed] * asked.processes, asked.jobs)
    found = by_digest(outcomes)
    print(f"Seed {one_seed} in {counted(len(outcomes), 'process', 'processes')}: {_digests(len(found))}")
    if len(found) > 1:
        for line in how_they_part(task, found):
            print(line)
        return Verdict.NONDETERMINISM.value
    if asked.seeds is not None:
        outcomes += (others := in_processes(task, asked.seeds, asked.jobs))
        runs = by_digest(others)
        print(f"Seeds {asked.seeds[0]} to {asked.seeds[-1]}: {_digests(len(runs))}")
        for same in runs.values():
            if len(same) > 1:
                print(f"  the same run: seeds {', '.join([str(outcome.seed) for outcome in same])}")
        if len(runs) < len(others):
            return EXIT_BROKEN
    for line in _failures(outcomes):
        print(line)
    return max([outcome.verdict.value for outcome in outcomes])


def _digests(count: int) -> str:
    return counted(count, "digest", "digests")


def _failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line for each seed that broke something."""
    broken = {outcome.seed: outcome for outcome in outcomes if outcome.verdict is not Verdict.HELD}
    for outcome in broken.values():
        first = outcome.violations[0].invariant if outcome.violations else ESCAPE
        yield f"Seed {outcome.seed}: {VERDICTS.get(outcome.verdict, outcome.verdict.name)}, {first}"


COMMAND = Command(_options, _act)
