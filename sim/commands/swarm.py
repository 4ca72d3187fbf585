"""``ec_sim swarm FILE --seeds A..B``: many seeds, and what they found."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from ..draw import draw
from ..scenario import Scenario
from ..shrinking.search import ESCAPE
from ..surroundings import code_hash, versions
from ..swarm import DIED, ENDLESS, JOBS_MAX, Plan, Summary, campaign, describe_campaign
from ..swarm_worker import Outcome, Task
from .command import Command, UsageError, add_file, duration, scenario_in, seeds
from .onward import move_on, onward
from .provenance import Provenance, save

TERMINAL_SECONDS, LOG_SECONDS = 1.0, 30.0  # between two progress lines


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument("--seeds", type=seeds, default=range(1, 101), metavar="A..B", help="default: 1..100")
    parser.add_argument(
        "--onward",
        type=Path,
        metavar="PATH",
        help="as many seeds, but those after the last that this file knows of; it then knows of these",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes at a time; default: one a CPU"
    )
    parser.add_argument(
        "--time", type=duration, metavar="T", help="no seed is begun after that real time (90s, 10m, 1h)"
    )
    parser.add_argument(
        "--twice", action="store_true", help="run each seed in two processes and compare (at least two jobs)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("var/swarm"), metavar="DIR", help="failing runs; default: %(default)s"
    )


def _act(asked: argparse.Namespace) -> int:
    if not 1 <= asked.jobs <= JOBS_MAX:
        raise UsageError(f"--jobs: from 1 to {JOBS_MAX}")
    scenario = scenario_in(asked.file)
    chosen = asked.seeds if asked.onward is None else onward(asked.onward, asked.seeds)
    plan = Plan(
        Task(scenario), chosen, asked.jobs, asked.time, asked.twice, _marks(scenario), scenario.expect.duplicates
    )
    code, stem, output = code_hash(), Path(asked.file).stem, asked.output

    def keep(outcome: Outcome) -> Path | None:
        broke = outcome.violations[0].invariant if outcome.violations else ESCAPE
        concrete = outcome.scenario if broke not in (DIED, ENDLESS) else draw(scenario, outcome.seed)
        if concrete is None or not concrete.concrete:
            return None
        provenance = Provenance(broke, outcome.digest, outcome.hash_seed, code, versions())
        return save(concrete, outcome.seed, output / f"{stem}-{broke}-{outcome.seed}.sim", provenance)

    summary = campaign(plan, save=keep, say=_Progress())
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(describe_campaign(summary))
    if asked.onward is not None:
        move_on(asked.onward, chosen.start + summary.seeds)
    return summary.exit_code


def _marks(scenario: Scenario) -> tuple[str, ...]:
    """What the scenario names, and every kind of fault that its swarm draws."""
    kinds = () if scenario.swarm is None else scenario.swarm.kinds
    return tuple(dict.fromkeys([*scenario.expect.marks, *(f"fault.{kind.value}" for kind in kinds)]))


class _Progress:
    """Says how far a campaign is, now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._pause = TERMINAL_SECONDS if self._terminal else LOG_SECONDS
        self._said = time.monotonic()

    def __call__(self, summary: Summary) -> None:
        if time.monotonic() - self._said >= self._pause:
            self._said = time.monotonic()
            print(summary.progress(), end="\033[K\r" if self._terminal else "\n", file=sys.stderr, flush=True)


COMMAND = Command(_options, _act)
