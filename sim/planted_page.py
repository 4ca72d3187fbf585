"""The page about the planted bugs: a table with a row for each, written by ``make planted``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .planted import PLANTED, Planted
from .planted_search import FAULTS_BAR, MAILS_BAR, Search, is_small

NOT_FOUND = "–"

_INTRODUCTION = """\
# Planted bugs

<!-- Made by `make planted`: do not edit. -->

A testbed is measured by the bugs it finds. Each row is a patch in [sim/planted](../sim/planted), applied to a copy of
the tree and looked for with a swarm of the scenario named: {ranges} ranges of {seeds} seeds. A run ends as soon as the
checks that the patch names know enough. A find counts when the same concrete scenario holds under the same seed without
the patch. The first find is shrunk, and where much is left of it the next one; the smallest lies in
[sim/planted/found](../sim/planted/found): tests run it without the patch.

* *Seeds*: run until the first find, in each range (`{none}`: not found in it), then their median.
* *Shrunk*: faults and messages that are left; at most {faults} and {mails} are wanted. Acts of members of the bus are
  no faults.
* *CPU*: seconds until the first find, all ranges added up and divided by the finds; and of shrinking.

"""
_HEAD = (
    "| Bug | Looked for in | Broken | Seeds | Median | Shrunk | CPU s: find, shrink |",
    "|---|---|---|---|---:|---|---|",
)
_ROW = re.compile(r"^\| \[(\w+)\].*$", re.M)


def rows_in(page: str) -> dict[str, str]:
    """The rows of a page written before, by the names of their bugs."""
    return {match[1]: match[0] for match in _ROW.finditer(page)}


def page(rows: Mapping[str, str], ranges: int, seeds: int) -> str:
    """The whole page. rows: by name; a bug without one is left out."""
    introduction = _INTRODUCTION.format(ranges=ranges, seeds=seeds, none=NOT_FOUND, faults=FAULTS_BAR, mails=MAILS_BAR)
    table = [*_HEAD, *(rows[planted.name] for planted in PLANTED if planted.name in rows)]
    return introduction + "\n".join(table) + "\n"


def row(result: Search) -> str:
    """The row of one bug."""
    planted, found = result.planted, result.found
    seeds = " ".join([NOT_FOUND if find is None else str(find.seeds) for find in result.finds])
    middle = NOT_FOUND if result.median_seeds is None else f"{result.median_seeds:g}"
    cells = (
        f"[{planted.name}](../sim/planted/{planted.name}.patch)",
        planted.scenario,
        ", ".join(_named(planted, (find.invariant for find in found))) or NOT_FOUND,
        seeds,
        middle,
        _shrunk(result),
        f"{result.find_cpu_seconds / max(len(found), 1):.1f}, {result.shrink_cpu_seconds:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def wanting(result: Search) -> list[str]:
    """What is not as it should be, in words."""
    said = [f"seed {seed} is a false alarm: {what} without the patch too" for seed, what in result.alarms]
    missed = sum(find is None for find in result.finds)
    if missed:
        said.append(f"not found in {missed} of {len(result.finds)} ranges")
    if result.trouble and result.small is None:
        said.append(f"not shrunk: {result.trouble}")
    if result.small is not None and not is_small(result.small):
        said.append(f"shrinks to {_shrunk(result)} only")
    return said


def _named(planted: Planted, invariants: Iterable[str]) -> list[str]:
    """Each invariant once; those the patch does not name in italics."""
    return [name if name in planted.checks else f"*{name}*" for name in dict.fromkeys(invariants)]


def _shrunk(result: Search) -> str:
    if result.small is None:
        return NOT_FOUND
    scenario = result.small.scenario
    acts, mails = len(scenario.acts), len(scenario.mails)
    counts = ((len(scenario.faults) - acts, "fault"), (mails, "message"), (acts, "act"))
    said = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count or name != "act"]
    return ", ".join(said)
