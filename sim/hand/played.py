"""What happened, by hand and as it was drawn, as a concrete scenario: run with the same seed, it happens again.

An act by hand comes at an instant of its own, a whole number of microseconds, before everything else of that instant;
so does what a scenario file says (``Order``). So a saved session is run again event by event.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..evidence import Struck
from ..scenario import Fault, Mail, Scenario

MICROSECONDS = 1_000_000
BEYOND_SECONDS = 1.0  # how much longer than the load a fault lasts that nobody has ended


def instant(seconds: float) -> float:
    """The first whole microsecond that is not before *seconds*."""
    return math.ceil(round(seconds * MICROSECONDS, 3)) / MICROSECONDS


def later(at: float) -> float:
    """The next instant."""
    return round(at + 1 / MICROSECONDS, 6)


def instants(faults: Iterable[Fault], mails: Iterable[Mail]) -> dict[float, None]:
    """Those at which something of these begins or ends."""
    found = [mail.at_seconds for mail in mails]
    found += [at for fault in faults for at in (fault.at_seconds, fault.at_seconds + fault.seconds)]
    return dict.fromkeys(round(at, 6) for at in found if at < math.inf)


def lasting(at: float, until: float) -> float:
    """So many seconds that *at* and they are exactly *until*."""
    near = until - at
    for seconds in (round(near, 6), near, math.nextafter(near, 0.0), math.nextafter(near, math.inf)):
        if at + seconds == until:
            return seconds
    return near


def played(
    scenario: Scenario, mails: Iterable[Mail], struck: Iterable[Struck], to_come: Sequence[Fault], seconds: float
) -> Scenario:
    """*scenario* with the mails and faults there were, and those that are to come, and *seconds* of load."""
    faults = [_ended(each.fault, seconds) for each in struck]
    return replace(
        scenario,
        mails=tuple(mails),
        faults=tuple(sorted((*faults, *to_come), key=lambda fault: fault.at_seconds)),
        duration_seconds=seconds,
    )


def _ended(fault: Fault, end: float) -> Fault:
    """*fault* with a time: it lasts beyond the load if nobody has ended it."""
    if fault.seconds < math.inf:
        return fault
    return replace(fault, seconds=round(end - fault.at_seconds + BEYOND_SECONDS, 6))
