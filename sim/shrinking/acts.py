"""Acts of members of the bus that say little."""

from __future__ import annotations

from dataclasses import replace

from ..member_acts import MemberAct, Publish, act_of, text_of
from ..scenario import FaultKind, Scenario
from .search import Search

PLAIN_OCTETS = 40  # of what a member publishes


def smaller_acts(search: Search) -> None:
    """One message each, and short."""
    for index, fault in enumerate(search.best.faults):
        act = act_of(fault.text) if fault.kind is FaultKind.MEMBER else None
        if isinstance(act, Publish):
            one, short = replace(act, count=1), replace(act, octets=PLAIN_OCTETS)
            plainer = (replace(one, octets=PLAIN_OCTETS), one, short)
            search.first_of(_with_act(search.best, index, each) for each in plainer if each != act)


def _with_act(scenario: Scenario, index: int, act: MemberAct) -> tuple[Scenario, str]:
    faults = scenario.faults
    changed = replace(faults[index], text=text_of(act))
    return replace(scenario, faults=(*faults[:index], changed, *faults[index + 1 :])), changed.text
