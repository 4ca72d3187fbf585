"""``ec_sim fair FILE --load NAME``: whether the mail of one load is as fast beside the others as it is alone."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..evidence import Verdict
from ..fair import SECONDS, SHARE, Pace, fairness
from ..surroundings import hash_seed_of, settle
from .command import EXIT_BROKEN, EXIT_HELD, Command, UsageError, add_file, add_seed, scenario_in
from .report import report

TIMES_MAX = 1_000


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_seed(parser)
    parser.add_argument("--times", type=int, default=1, metavar="N", help="so many times the messages of each load")
    parser.add_argument("--load", metavar="NAME", default="healthy", help="the load that is compared; default: healthy")


def _act(asked: argparse.Namespace) -> int:
    scenario = scenario_in(asked.file)
    if not any(load.name == asked.load for load in scenario.loads):
        raise UsageError(f"{asked.file}: there is no Load '{asked.load}'")
    if not 1 <= asked.times <= TIMES_MAX:
        raise UsageError(f"--times: from 1 to {TIMES_MAX}")
    scenario = replace(scenario, loads=tuple(replace(load, count=asked.times * load.count) for load in scenario.loads))
    seed: int = scenario.seed if asked.seed is None else asked.seed
    settle(hash_seed_of(seed) if asked.hash_seed is None else asked.hash_seed)
    found = fairness(scenario, seed, asked.load)
    for result in found.results:
        if result.verdict is not Verdict.HELD:
            print("\n".join(report(result, asked.file, 0.0)))
    print(_line(f"{asked.load}, beside the others", found.beside))
    print(_line(f"{asked.load}, alone", found.alone))
    print(_line("the others", found.others))
    allowed = f"{SHARE:.0%} and {SECONDS:g} s more are permitted"
    print(f"{'As fast' if found.fair else 'SLOWER'} beside the others as alone ({allowed})")
    held = found.fair and all(result.verdict is Verdict.HELD for result in found.results)
    return EXIT_HELD if held else EXIT_BROKEN


def _line(what: str, pace: Pace) -> str:
    speed = f"{pace.deliveries} deliveries to {pace.domains} domains in {pace.drained:.1f} s, {pace.rate:.1f} a second"
    return f"{what}: {speed}; each took {pace.median:.2f} s in the median, {pace.most:.1f} s at most"


COMMAND = Command(_options, _act)
