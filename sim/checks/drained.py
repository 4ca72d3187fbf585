"""Liveness: what was healed comes to rest, clients answered and spools empty, in the time the configuration gives."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Attempt, Evidence, Told, Violation
from .custody import address, attempts_by_mail, copies
from .excuses import Excuse, excuses
from .reports import due, failures_by_delivery

NAME = "drained"
NAMES_SHOWN_MAX = 5


def drained(evidence: Evidence) -> Iterator[Violation]:
    """At most one. It names mails that got nowhere: not answered for good, or accepted and not arrived."""
    took, limit = evidence.drained_after_seconds, evidence.drain_limit_seconds
    if took is not None and took <= limit:
        return
    names = list(_under_way(evidence))
    some = ", ".join(names[:NAMES_SHOWN_MAX]) + (
        f" and {len(names) - NAMES_SHOWN_MAX} more" if names[NAMES_SHOWN_MAX:] else ""
    )
    when = "not drained" if took is None else f"drained after {took:g} s only"
    text = f"{when}, with {limit:g} s allowed after all was mended; not at its end: {some or 'no mail'}"
    yield Violation(NAME, text, mail=next(iter(names), ""))


def _under_way(evidence: Evidence) -> Iterator[str]:
    arrived, reported = copies(evidence), failures_by_delivery(evidence)
    excuse = excuses(evidence, reported)

    def lost(attempt: Attempt, path: str) -> bool:
        if (attempt.mail.name, address(path)) in arrived or (attempt.mail.name, address(path)) in reported:
            return False
        why = excuse(attempt, path)
        return why is Excuse.NONE or (why is Excuse.FAILED and due(evidence, attempt))

    for name, attempts in attempts_by_mail(evidence).items():
        accepted = [attempt for attempt in attempts if attempt.told is Told.ACCEPTED]
        unanswered = attempts[-1].told in (Told.DEFERRED, Told.UNKNOWN)
        if unanswered or any(lost(attempt, path) for attempt in accepted for path in attempt.forward_paths):
            yield name
