"""A cluster's manager has each line of its nodes' durable logs once, and durably, whoever crashes.

A line may be missing whose node ended, or had trouble with its disk, before it was in that node's log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from momentum_trio.cluster.published_options import GatheringOptions
from momentum_trio.log.parse_mainlog import mainlog_entry
from momentum_trio.protocol.cluster.log_path import root

from ..disk import SimStore
from ..evidence import Evidence, Violation
from ..scenario import FaultKind, HostPlan, Program
from .configuration import configuration_of
from .custody import DISK_FAULTS, ENDING, overlaps, strikes
from .logs_agree import Line, line_of
from .timed import timed

NAME = "gathered_once"
WRITTEN_SECONDS = 75.0  # until a line is in its log, after a disk failed; see logs_agree
SHOWN_MAX = 3


def gathered_once(evidence: Evidence) -> Iterator[Violation]:
    """Lines of each kind of fault, some of them. Nothing is known where no manager ran until they were gathered."""
    for host, found in evidence.gathered.items():
        written = Counter(line for line, _, _ in _logged(evidence))
        for line in [line for line, count in found.items() if count > written[line]][:SHOWN_MAX]:
            yield Violation(NAME, f"{host} has gathered what is in no log, or more often: {line}", host=host)
        for line, node, at in [*missing(evidence, found)][:SHOWN_MAX]:
            yield Violation(NAME, f"{host} has not gathered what {node} logged: {line}", at, host=host)


def gathered(plan: HostPlan, store: SimStore) -> Counter[Line]:
    """The lines that the manager *plan* has gathered on its disk, as they would be after a power loss now."""
    tree = configuration_of(plan)
    assert tree is not None, plan.name
    folder = root(GatheringOptions.resolve(tree.chain_scope("logs", "")).logfile)
    texts = (octets for path, octets in store.durable_files() if path.startswith(folder) and "/." not in path)
    entries = (mainlog_entry(line) for octets in texts for line in octets.decode("utf-8", "replace").splitlines())
    return Counter(entry for entry in entries if isinstance(entry, Line))


def missing(evidence: Evidence, found: Counter[Line]) -> Iterator[tuple[Line, str, float]]:
    """Lines that are not among those *found*, nor excused; of which node, and when they were logged."""
    left = found.copy()
    for line, node, at in _logged(evidence):
        if left[line] > 0:
            left[line] -= 1
        elif not _excused(evidence, node, at):
            yield line, node, at


def _logged(evidence: Evidence) -> Iterator[tuple[Line, str, float]]:
    nodes = {plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY}
    for life, record, at in timed(evidence):
        line = line_of(record) if life.host.name in nodes else None
        if isinstance(line, Line):
            yield line, life.host.name, at


def _excused(evidence: Evidence, node: str, at: float) -> bool:
    ends = strikes(evidence, ENDING | {FaultKind.STOP} | DISK_FAULTS, node)
    return any(overlaps(struck, at - WRITTEN_SECONDS, at + WRITTEN_SECONDS) for struck in ends)
