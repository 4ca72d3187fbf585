"""``ec_sim shrink FAIL.sim``: the smallest scenario found that breaks the same invariant."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from ..draw import draw
from ..evidence import Verdict
from ..scenario_again import can_be_read
from ..shrink import BUDGET, NotBroken, shrink
from ..shrinking.search import Budget, broken, size
from .command import EXIT_HELD, Command, UsageError, add_file, add_seed, program, scenario_in
from .provenance import of_this_process, read_provenance, save
from .replay import settled


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_seed(parser)
    parser.add_argument("--invariant", metavar="NAME", help="that must stay broken; default: the first one that is")
    parser.add_argument("--runs", type=int, default=BUDGET.runs, metavar="COUNT", help="at most; default: %(default)s")
    parser.add_argument(
        "--events",
        type=int,
        default=BUDGET.events,
        metavar="COUNT",
        help="in all runs, at most; default: %(default)s",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="SMALL.sim", help="default: FILE with .small before .sim")


def _act(asked: argparse.Namespace) -> int:
    scenario = scenario_in(asked.file)
    seed: int = scenario.seed if asked.seed is None else asked.seed
    settled(asked, seed, read_provenance(asked.file))
    from ..run import run

    concrete = scenario if scenario.concrete else draw(scenario, seed)
    invariant = asked.invariant
    if invariant is None:
        result = run(concrete, seed)
        if result.verdict is Verdict.HELD:
            print(f"{asked.file}, seed {seed}: everything held, there is nothing to shrink")
            return EXIT_HELD
        invariant = broken(result)[0]
    print(f"{invariant}: {size(concrete)}, seed {seed}", flush=True)
    path: Path = asked.output or Path(asked.file).with_suffix(".small.sim")
    try:
        small = shrink(
            concrete,
            seed,
            invariant,
            partial(run, keep_evidence=True),
            brief=partial(run, keep_evidence=True, looking_for=(invariant,)),
            budget=Budget(asked.runs, asked.events),
            sensible=lambda candidate: can_be_read(candidate, str(path)),
            say=lambda line: print(line, flush=True),
        )
    except NotBroken as held:
        raise UsageError(str(held)) from held
    save(small.scenario, small.seed, path, of_this_process(invariant, small.digest))
    print(
        f"{invariant}: {size(small.scenario)}, seed {small.seed}, after {small.runs} runs; it fails again, the same way"
    )
    picture = path.with_suffix(".html")
    print(f"Saved as {path}: see it with\n  {program(f'show {path} -o {picture}')}")
    return Verdict.BROKEN.value


COMMAND = Command(_options, _act)
