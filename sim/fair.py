"""Whether some mail is as fast beside other mail as it is alone: the same scenario with it all, and with it only.

Computing takes no virtual time: what makes it slower here is waiting, for a limit, a turn or a connection that other
mail holds.
"""

from __future__ import annotations

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
    """Both runs. others: of the other mail, in the run with all of it."""

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
    both = tuple(run(each, seed, keep_evidence=True) for each in (whole, replace(whole, mails=few)))
    first, second = (result.evidence for result in both)
    assert first is not None
    assert second is not None
    return Fairness(
        pace(first, _of(load)),
        pace(second, _of(load)),
        pace(first, lambda name: not _of(load)(name)),
        (both[0], both[1]),
    )


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
