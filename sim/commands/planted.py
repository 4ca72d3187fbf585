"""``ec_sim planted [NAMES]``: how soon each planted bug is found, as a page."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from ..planted import FOLDER, PLANTED, PatchError, Planted
from ..planted_page import page, row, rows_in, wanting
from ..planted_search import Search, found_file, search
from ..scenario_text import write
from ..swarm import JOBS_MAX
from .command import EXIT_BROKEN, EXIT_HELD, Command, UsageError, scenario_in, write_file

SCENARIOS = FOLDER.parent / "scenarios"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="how the names begin; default: every bug")
    parser.add_argument("--ranges", type=int, default=5, metavar="COUNT", help="of seeds; default: %(default)s")
    parser.add_argument(
        "--seeds-per-range", type=int, default=200, metavar="COUNT", help="run at most; default: %(default)s"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="bugs looked for at a time")
    parser.add_argument("--no-shrink", action="store_true", help="do not shrink what is found")
    parser.add_argument("--scenario", metavar="NAME", help="look there, and not where the patches say")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="PAGE.md", help="write the table; rows of bugs not asked for are kept"
    )


def _act(asked: argparse.Namespace) -> int:
    if not 1 <= asked.jobs <= JOBS_MAX or asked.ranges < 1 or asked.seeds_per_range < 1:
        raise UsageError("--jobs, --ranges, --seeds-per-range: at least 1")
    wanted = _wanted(asked.names, asked.scenario)
    scenarios = {name: scenario_in(str(SCENARIOS / f"{name}.sim")) for name in {each.scenario for each in wanted}}
    good = True

    def look(planted: Planted) -> Search:
        return search(
            planted,
            scenarios[planted.scenario],
            ranges=asked.ranges,
            seeds_per_range=asked.seeds_per_range,
            shrinks=not asked.no_shrink,
            say=lambda line: print(line, flush=True),
        )

    with ThreadPoolExecutor(asked.jobs) as pool:
        for done in as_completed([pool.submit(look, planted) for planted in wanted]):
            try:
                result = done.result()
            except (PatchError, OSError) as wrong:
                raise UsageError(str(wrong)) from wrong
            print(row(result), *(f"  {what}" for what in wanting(result)), sep="\n", flush=True)
            good = good and not wanting(result)
            if asked.output is not None:
                _keep(result)
                rows = _rows(asked.output) | {result.planted.name: row(result)}
                write_file(asked.output, page(rows, asked.ranges, asked.seeds_per_range))
    return EXIT_HELD if good else EXIT_BROKEN


def _rows(path: Path) -> dict[str, str]:
    """Those of the page as it is now: another search may have written some meanwhile."""
    return rows_in(path.read_text("utf-8")) if path.exists() else {}


def _wanted(names: Sequence[str], scenario: str | None) -> list[Planted]:
    """The bugs asked for. Raises UsageError for a name that is none."""
    for name in names:
        if not any(planted.name.startswith(name) for planted in PLANTED):
            raise UsageError(f"{name}: no planted bug begins so")
    wanted = [planted for planted in PLANTED if not names or planted.name.startswith(tuple(names))]
    return [replace(planted, scenario=scenario) for planted in wanted] if scenario else wanted


def _keep(result: Search) -> None:
    """Keep what is left of the find: a scenario that holds without the bug."""
    if result.small is None:
        return
    small, planted, path = result.small, result.planted, found_file(result.planted)
    head = f"# {planted.meaning}\n# With that bug this breaks {small.invariant}; without it everything holds.\n\n"
    text = write(replace(small.scenario, seed=small.seed), str(path.parent))
    write_file(path, head + text)


COMMAND = Command(_options, _act)
