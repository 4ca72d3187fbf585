"""Whether some mail is as fast beside other mail as it is alone: the same scenario with it all, and with it only.

Computing takes no virtual time: what makes it slower here is waiting, for a limit, a turn or a connection that other
mail holds.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace

from momentum_trio.mail.path import split
from momentum_trio.mail.record import Delivered, Received

from .checks.custody import batch_id
from .checks.timed import timed
from .draw import draw
from .evidence import Evidence, Result, Told
from .run import run
from .scenario import Scenario

SHARE, SECONDS = 0.1, 5.0  # how much slower it may be


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast some mail was. drained: from its first reception to its last delivery; median, most: of their ages.

    domains: the number of them it went to. All times in virtual seconds.
    """

    deliveries: int
    domains: int
    drained: float
    median: float
    most: float

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return self.deliveries / self.drained if self.drained else 0.0


@dataclass(frozen=True, slots=True)
class Fairness:
    """Both runs. others: of the other mail, in the run with all of it. results: without their evidence."""

    beside: Pace
    alone: Pace
    others: Pace
    results: tuple[Result, Result]

    @property
    def fair(self) -> bool:
        """Whether the mail lost no more than is permitted by what was beside it."""
        limits = ((self.beside.drained, self.alone.drained), (self.beside.most, self.alone.most))
        return self.beside.deliveries == self.alone.deliveries and all(
            beside <= alone * (1 + SHARE) + SECONDS for beside, alone in limits
        )


def fairness(scenario: Scenario, seed: int, load: str) -> Fairness:
    """Run *scenario* as it is, and with the mail of the load called *load* alone."""
    whole = scenario if scenario.concrete else draw(scenario, seed)
    few = tuple(mail for mail in whole.mails if _of(load)(mail.name))
    first, (beside, others) = _run(whole, seed, _of(load), lambda name: not _of(load)(name))
    gc.collect()  # a world is full of cycles, and while one runs nothing is collected
    second, (alone,) = _run(replace(whole, mails=few), seed, _of(load))
    return Fairness(beside, alone, others, (first, second))


def _run(scenario: Scenario, seed: int, *meant: Callable[[str], bool]) -> tuple[Result, list[Pace]]:
    """How it ended, and how fast the mails were whose names are *meant*; not the evidence, of which there is much."""
    result = run(scenario, seed, keep_evidence=True)
    assert result.evidence is not None
    paces = [pace(result.evidence, each) for each in meant]
    return replace(result, evidence=None), paces


def pace(evidence: Evidence, meant: Callable[[str], bool]) -> Pace:
    """Of the mails whose name is *meant*."""
    batches = {batch_id(one): one for one in evidence.attempts if one.told is Told.ACCEPTED and meant(one.mail.name)}
    received, ages, domains, last = dict[str, float](), list[float](), dict[str, None](), 0.0
    for _, record, at in timed(evidence):
        if isinstance(record, Received) and record.batch_id in batches:
            received[record.message_id] = at
        elif isinstance(record, Delivered) and record.message_id in received:
            ages.append(at - received[record.message_id])
            domains[split(record.forward_path)[1]] = None
            last = max(last, at)
    if not ages:
        return Pace(0, 0, 0.0, 0.0, 0.0)
    ages.sort()
    return Pace(len(ages), len(domains), last - min(received.values()), ages[len(ages) // 2], ages[-1])


def _of(load: str) -> Callable[[str], bool]:
    return lambda name: name.rpartition("-")[0] == load
