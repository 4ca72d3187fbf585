"""A floating address has one owner in each component when elections have had their time: not two, and not none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..evidence import Evidence, Violation
from ..world import Floating
from .components import Steady, steady

NAME = "one_owner"


def one_owner(evidence: Evidence) -> Iterator[Violation]:
    """At most one for each address: the first time at which a component had two owners of it, or none."""
    limit, until = evidence.election_limit_seconds, evidence.logs_read
    for address in evidence.floating:
        of_it = [each for each in evidence.world.floating if each.address == address]
        for times in steady(evidence, until):
            if (wrong := _wrong(times, limit, of_it, evidence.load_began)) is not None:
                seconds, names, text = wrong
                about = f"{address} {text} though {', '.join(names)} reached each other for {limit:g} s"
                yield Violation(NAME, about, seconds, host=names[0])
                break


def _wrong(
    times: Steady, limit: float, floating: Sequence[Floating], load_began: float
) -> tuple[float, tuple[str, ...], str] | None:
    """When, in which component, and what."""
    began = times.began + limit
    for names in times.components if began < times.ended else ():
        owned = [(host, *_within(each, load_began, began, times.ended)) for each in floating for host in [each.host]]
        inside = sorted((at, ended, host) for host, at, ended in owned if at < ended and host in names)
        for (_, ended, one), (at, _, other) in pairwise(inside):
            if at < ended and one != other:
                return at, names, f"is {one}'s and {other}'s"
        if not inside or inside[-1][1] < times.ended - limit:
            return times.ended, names, "is nobody's"
    return None


def _within(floating: Floating, load_began: float, began: float, ended: float) -> tuple[float, float]:
    """The part of its time that lies between *began* and *ended*."""
    until = ended if floating.ended is None else floating.ended - load_began
    return max(floating.began - load_began, began), min(until, ended)
