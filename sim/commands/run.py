"""``ec_sim run FILE --seed N``: run one seed and say how it went."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..evidence import Result, Verdict
from ..scenario import Scenario
from ..shrinking.search import broken
from ..surroundings import hash_seed_of, settle
from .command import Command, add_file, add_seed, program, scenario_in, write_trace
from .provenance import of_this_process, save
from .report import report, surroundings


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_seed(parser)
    add_trace(parser)
    parser.add_argument("--save", metavar="FAIL.sim", type=Path, help="if it breaks: write what was drawn to this file")


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Where the trace goes."""
    parser.add_argument("--trace", metavar="T", type=Path, help="write the trace to this file")


def _act(asked: argparse.Namespace) -> int:
    scenario = scenario_in(asked.file)
    seed: int = scenario.seed if asked.seed is None else asked.seed
    hash_seed: int = hash_seed_of(seed) if asked.hash_seed is None else asked.hash_seed
    settle(hash_seed)
    result = run_and_say(scenario, seed, asked.file, asked.trace)
    if result.verdict is not Verdict.HELD:
        own = "" if asked.hash_seed is None else f" --hash-seed {hash_seed}"
        print(f"\nTo see it again:\n  {program(f'run {asked.file} --seed {seed}{own}')}")
        print(surroundings())
        if asked.save is not None:
            path = save(result.scenario, seed, asked.save, of_this_process(broken(result)[0], result.digest))
            print(f"Saved as {path}: try  {program(f'shrink {path}')}")
    return result.verdict.value


def run_and_say(scenario: Scenario, seed: int, name: str, trace: Path | None) -> Result:
    """Run it, report it, and keep its trace where that is wanted."""
    from ..run import run

    began = time.process_time()
    result = run(scenario, seed, keep_trace=trace is not None, keep_evidence=True)
    for line in report(result, name, time.process_time() - began):
        print(line)
    if trace is not None:
        write_trace(trace, result.trace)
        print(f"Trace in {trace}")
    return result


COMMAND = Command(_options, _act)
