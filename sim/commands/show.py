"""``ec_sim show FAIL.sim -o run.html``: a run as one HTML page, for somebody who did not see it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..surroundings import code_hash, hash_seed, versions
from .command import EXIT_HELD, Command, add_file, add_seed, program, scenario_in, write_file
from .provenance import read_provenance
from .replay import settled


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_seed(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="RUN.html", default=Path("run.html"))
    parser.add_argument("--drawing", type=Path, metavar="RUN.svg", help="write the picture alone as well")


def _act(asked: argparse.Namespace) -> int:
    scenario = scenario_in(asked.file)
    seed: int = scenario.seed if asked.seed is None else asked.seed
    settled(asked, seed, read_provenance(asked.file))
    from ..run import run
    from ..show import drawing, page

    result = run(scenario, seed, keep_trace=True, keep_evidence=True)
    facts = {
        "Run it again": program(f"run {asked.file} --seed {seed} --hash-seed {hash_seed()}"),
        "Code": code_hash(),
        "Ran on": f"{versions()}, hash seed {hash_seed()}",
    }
    write_file(asked.output, page(result, facts))
    if asked.drawing is not None:
        write_file(asked.drawing, drawing(result))
    print(f"{asked.output}: {asked.file}, seed {seed}, {result.verdict.name.lower()}")
    return EXIT_HELD


COMMAND = Command(_options, _act)
