"""Nothing is left open: after everything was drained a node has what it had when it was started, no more.

Fewer sockets are wrong too: it no longer listens where it did, or lacks the spare descriptor it says no with. A node
whose listeners somebody changed at its console is judged where it has taken its own files again since then. Nodes on
one bus are judged together: which of two has more open depends on who connected to whom.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from ..evidence import Evidence, Violation
from ..scenario import CONFIGURED, FaultKind, Scenario
from .configuration import root_of
from .custody import strikes

NAME = "no_leak"
WANTED = "sockets"  # what must not become fewer

_CONCERNS = re.compile(r"(?i)\breload|(?:\bset|\bunset)\b.*(?:listen|enable|concurrency|ec_logger)")


def no_leak(evidence: Evidence) -> Iterator[Violation]:
    """One for each thing of each node that is there too often. Nothing is known of what was not drained."""
    if evidence.drained_after_seconds is None:
        return
    baselines = on_one_bus(evidence.scenario, evidence.baseline)
    for host, leftover in on_one_bus(evidence.scenario, evidence.leftover).items():
        told = strikes(evidence, [FaultKind.CONSOLE], host)
        if evidence.restored.get(host) != "" and any(_CONCERNS.search(struck.fault.text) for struck in told):
            continue
        baseline = baselines.get(host, {})
        for thing in dict.fromkeys((*baseline, *leftover)):
            before, after = baseline.get(thing, 0), leftover.get(thing, 0)
            if after > before or (after < before and thing == WANTED):
                yield Violation(NAME, f"{host} had {before} of {thing} when it was started, and has {after}", host=host)


def on_one_bus(scenario: Scenario, counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """What is open, by host; that of all nodes with a server of the bus added up, under the names of all."""
    nodes = [plan for plan in scenario.hosts if plan.program in CONFIGURED]
    mesh = [
        plan.name for plan in nodes if (root := root_of(plan)) is not None and root.child("msgc_server") is not None
    ]
    found = {host: dict(of_it) for host, of_it in counts.items() if host not in mesh}
    if mesh:
        found[", ".join(mesh)] = dict(sum((Counter(counts.get(host, {})) for host in mesh), Counter[str]()))
    return found
