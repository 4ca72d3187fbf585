"""``ec_sim replay FAIL.sim``: run a saved failing scenario again, in the surroundings it failed in, and compare."""

from __future__ import annotations

import argparse

from ..evidence import Verdict
from ..surroundings import code_hash, hash_seed_of, settle, versions
from .command import Command, add_file, add_seed, scenario_in
from .provenance import Provenance, read_provenance
from .report import surroundings
from .run import add_trace, run_and_say


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_seed(parser)
    add_trace(parser)


def settled(asked: argparse.Namespace, seed: int, saved: Provenance | None) -> None:
    """Have the hash seed asked for, or that of the saved run, or the seed's own."""
    if asked.hash_seed is not None:
        settle(asked.hash_seed)
    elif saved is not None and asked.seed is None and saved.hash_seed.isdigit():
        settle(int(saved.hash_seed))
    else:
        settle(hash_seed_of(seed))


def _act(asked: argparse.Namespace) -> int:
    scenario, saved = scenario_in(asked.file), read_provenance(asked.file)
    seed: int = scenario.seed if asked.seed is None else asked.seed
    settled(asked, seed, saved)
    result = run_and_say(scenario, seed, asked.file, asked.trace)
    print(surroundings())
    if saved is None or seed != scenario.seed:
        return result.verdict.value
    if result.digest == saved.digest:
        print("The same run as when it was saved.")
    elif (saved.code, saved.versions) == (code_hash(), versions()):
        print(f"ANOTHER RUN than when it was saved (digest {saved.digest}), by the same code: it is not deterministic.")
        return Verdict.NONDETERMINISM.value
    else:
        print(f"Another run than when it was saved: that was code {saved.code}, {saved.versions}.")
    return result.verdict.value


COMMAND = Command(_options, _act)
