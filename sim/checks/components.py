"""Who could reach whom, and how long that stayed so: the components that nodes were in, as an outsider sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..evidence import Evidence, Struck
from ..scenario import PAIRS, SPLITS, FaultKind, Program
from .custody import overlaps, strikes

HARMLESS = frozenset({FaultKind.CLOCK_STEP, FaultKind.BIT_ROT, FaultKind.CONSOLE})
"""Kinds that cut no node off."""


class Steady(NamedTuple):
    """From *began* to *ended* nothing broke and nothing was mended. components: nodes that reach just each other."""

    began: float
    ended: float
    components: tuple[tuple[str, ...], ...]


def steady(evidence: Evidence, until: float) -> Iterator[Steady]:
    """The times between strikes and mendings, up to *until*, with the components there were then.

    In a component are nodes that nothing strikes, each of which reaches all the others, and that reach the same others:
    where that is not so nobody can say who should be with whom.
    """
    nodes = [plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY]
    struck = list(strikes(evidence, [kind for kind in FaultKind if kind not in HARMLESS]))
    ends = [each.ended for each in struck if each.ended is not None]
    times = sorted({0.0, until, *(each.began for each in struck), *ends})
    for began, ended in pairwise(times):
        if ended > until:
            return
        middle = (began + ended) / 2
        yield Steady(began, ended, _components(nodes, [each for each in struck if overlaps(each, middle, middle)]))


def _components(nodes: Sequence[str], struck: Sequence[Struck]) -> tuple[tuple[str, ...], ...]:
    well = [name for name in nodes if not any(_is_sick(name, each) for each in struck)]
    reached = {name: tuple(other for other in nodes if _reach(name, other, struck)) for name in well}
    sets = dict.fromkeys(reached.values())
    alike = (tuple(name for name in well if reached[name] == others) for others in sets)
    return tuple(names for names in alike if all(other in reached[name] for name in names for other in names))


def _is_sick(name: str, struck: Struck) -> bool:
    fault = struck.fault
    return fault.kind not in PAIRS | SPLITS and name in fault.targets


def _reach(one: str, other: str, struck: Sequence[Struck]) -> bool:
    """Whether octets pass between the two, both ways, as soon as ever."""
    return one == other or not any(_cuts(each, one, other) for each in struck)


def _cuts(struck: Struck, one: str, other: str) -> bool:
    fault = struck.fault
    if fault.kind in SPLITS:
        return (one in fault.targets) is not (other in fault.targets)
    if fault.kind in PAIRS:
        return {one, other} == {*fault.targets}
    return other in fault.targets  # the other does not run, or not well
