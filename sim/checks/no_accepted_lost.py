"""What was answered 250 lies at its end, durably; or still in a spool, where the run ended before that was drained.

Loss is permitted of the mails a bit rot hit, those alone; and where ``Force_Fsync = false``, of what was not synced yet
when power or the disk failed. Mail that expired, or that its next host refused for good, ends with the notification
that its sender got, where he was to have one (``Expect.reported``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Told, Violation
from .custody import address, copies
from .excuses import Excuse, excuses
from .reports import due, failures_by_delivery
from .spooled import names_in_spools

NAME = "no_accepted_lost"


def no_accepted_lost(evidence: Evidence) -> Iterator[Violation]:
    """One for each forward-path of an accepted mail that is nowhere."""
    arrived = copies(evidence)
    missing = [
        (attempt, path)
        for attempt in evidence.attempts
        if attempt.told is Told.ACCEPTED
        for path in attempt.forward_paths
        if (attempt.mail.name, address(path)) not in arrived
    ]
    if not missing:
        return
    waiting = frozenset() if evidence.drained_after_seconds is not None else names_in_spools(evidence)
    reported = failures_by_delivery(evidence)
    excuse = excuses(evidence, reported)
    for attempt, path in missing:
        name = attempt.mail.name
        if name in waiting:
            continue
        why = excuse(attempt, path)
        if why is Excuse.FAILED and due(evidence, attempt) and (name, address(path)) not in reported:
            text = f"{name} for {path} failed, and <{attempt.mail.reverse_path}> was not told"
            yield Violation(NAME, text, attempt.ended, name, attempt.target_host)
        elif why is Excuse.NONE:
            text = f"{name} for {path} was answered '{attempt.reply}' by {attempt.target_host} and is nowhere"
            yield Violation(NAME, text, attempt.ended, name, attempt.target_host)
