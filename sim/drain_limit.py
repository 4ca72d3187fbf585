"""How long a healed system may take until it is idle: from its configuration, not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .client import CONNECT_SECONDS, PAUSE_MAX_SECONDS, REPLY_SECONDS
from .scenario import FaultKind, Program, Scenario
from .service import PAUSE_MAX_SECONDS as START_PAUSE_SECONDS

RETRY_SECONDS, RETRY_MAX_SECONDS = 1200.0, 43200.0  # of the product, where the configuration says nothing
OUTBOUND_SECONDS = 600.0  # until a delivery over a connection that died with the fault is given up
MARGIN_SECONDS = 60.0

_OPTION = r"(?mi)^[^#\n]*?\b{}\s*=\s*\"?(\d+(?:\.\d+)?)"
_RETRY, _RETRY_MAX = (re.compile(_OPTION.format(name)) for name in ("(?<!_)Retry_Interval", "Max_Retry_Interval"))


def drain_limit(scenario: Scenario) -> float:
    """Virtual seconds from healing until every mail is in its place; ``Expect.drained_within_seconds`` overrules it.

    A client: its longest pause, a connection that gets no answer, and then a round (a reply's patience for each).
    A node: the longest wait between two retries. It doubles from ``Retry_Interval`` on with each attempt, so it is at
    most that interval more than twice the time since the first attempt, and at most ``Max_Retry_Interval``. Two of
    them: the first attempt after healing may meet what was still broken when it began. Then a delivery that hangs
    (OUTBOUND_SECONDS), the pauses of the service manager, all steps of clocks, and a margin.
    """
    if scenario.expect.drained_within_seconds:
        return scenario.expect.drained_within_seconds
    interval, longest = _retries(scenario)
    retry = min(2 * scenario.duration_seconds + interval, longest)
    client = PAUSE_MAX_SECONDS + CONNECT_SECONDS + 2 * REPLY_SECONDS
    steps = sum(abs(fault.amount) for fault in scenario.faults if fault.kind is FaultKind.CLOCK_STEP)
    return client + 2 * retry + OUTBOUND_SECONDS + 2 * START_PAUSE_SECONDS + steps + MARGIN_SECONDS


def _retries(scenario: Scenario) -> tuple[float, float]:
    """The longest Retry_Interval and Max_Retry_Interval that any file of any host sets."""
    texts = [
        octets.decode("utf-8", "replace")
        for plan in scenario.hosts
        if plan.program is Program.ECELERITY
        for _, octets in plan.files
    ]
    interval = _longest(_RETRY, texts, RETRY_SECONDS)
    return interval, max(interval, _longest(_RETRY_MAX, texts, RETRY_MAX_SECONDS))


def _longest(option: re.Pattern[str], texts: Iterable[str], default: float) -> float:
    found = [float(match[1]) for text in texts for match in option.finditer(text)]
    return max(found, default=default)
