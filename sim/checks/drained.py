"""Liveness: what was healed comes to rest, clients answered and spools empty, in the time the configuration gives."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Told, Violation
from .custody import address, attempts_by_mail, copies
from .reports import failures_by_delivery

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
    for name, attempts in attempts_by_mail(evidence).items():
        owed = [path for attempt in attempts if attempt.told is Told.ACCEPTED for path in attempt.forward_paths]
        lost = any(not {(name, address(path))} & (arrived.keys() | reported.keys()) for path in owed)
        if lost or attempts[-1].told in (Told.DEFERRED, Told.UNKNOWN):
            yield name
