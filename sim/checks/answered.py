"""A client that nothing disturbs gets its answer: nobody waits, finds nobody, or is put off, without a cause.

Causes last: a connection that was cut is repeated later and later, a Listen that failed opens again after a minute at
most. A client that is too late for its own connection (Idle_Time) is not meant, nor is a sink that behaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..client import LEFT, NOBODY
from ..evidence import Attempt, Evidence, Struck, Told, Violation
from ..scenario import FaultKind
from .custody import strikes

NAME = "answered"
LASTING_SECONDS = 70.0  # beyond the end of a fault
REFUSED = "Connection refused"
TROUBLE = ("451 4.3.0", "452 4.3.1")  # its disk fails, or is full

_DISTURBING = frozenset(FaultKind) - {FaultKind.CLOCK_STEP, FaultKind.BIT_ROT}
_LASTS = re.compile(
    r"(?i)\breload|(?:\bset|\bunset)\b.*(?:listen|enable|sessions)"
)  # said to a console: until who knows


def answered(evidence: Evidence) -> Iterator[Violation]:
    """One for each attempt that nobody answered, where nothing had broken on either side or between them."""
    moody = {plan.name for plan in evidence.scenario.hosts if plan.sink.behaviours}
    for attempt in evidence.attempts:
        if attempt.target_host not in moody and _unanswered(attempt) and not _disturbed(evidence, attempt):
            waited = attempt.ended - attempt.began
            text = (
                f"{attempt.mail.name}: nothing broken, and {attempt.target_host} said in {waited:g} s: {attempt.reply}"
            )
            yield Violation(NAME, text, attempt.ended, attempt.mail.name, attempt.target_host)


def _unanswered(attempt: Attempt) -> bool:
    if attempt.reply == LEFT:
        return False
    return attempt.told is Told.UNKNOWN or (
        attempt.told is Told.DEFERRED
        and (attempt.reply == NOBODY or REFUSED in attempt.reply or attempt.reply.startswith(TROUBLE))
    )


def _disturbed(evidence: Evidence, attempt: Attempt) -> bool:
    ends = (attempt.mail.source, attempt.target_host)
    return any(
        any(end in struck.fault.targets for end in ends)
        and struck.began <= attempt.ended
        and (struck.ended is None or struck.ended + LASTING_SECONDS >= attempt.began or _lasts(struck))
        for struck in strikes(evidence, _DISTURBING)
    )


def _lasts(struck: Struck) -> bool:
    return struck.fault.kind is FaultKind.CONSOLE and _LASTS.search(struck.fault.text) is not None
