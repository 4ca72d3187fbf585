"""Who connects where the configuration listens is let in, however it changes meanwhile: nobody is refused or cut off.

Where something else was broken as well nothing is known; nor where a change was under way that shuts the place.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from ..evidence import Attempt, Evidence, Violation
from ..scenario import FaultKind
from .custody import strikes
from .in_force import InForce, in_force

NAME = "welcomed"
LASTING_SECONDS = 5.0  # beyond the end of a fault

TURNED_AWAY = ("Connection refused", "Connection reset", "the server closed the connection")
_DISTURBING = frozenset(FaultKind) - {FaultKind.CLOCK_STEP, FaultKind.BIT_ROT, FaultKind.CONSOLE}


def welcomed(evidence: Evidence) -> Iterator[Violation]:
    """One for each attempt that was turned away, though every configuration that may have held lets it in."""
    for host in dict.fromkeys(exchange.host for exchange in evidence.exchanges):
        held = in_force(evidence, host)
        for attempt in evidence.attempts:
            if attempt.target_host == host and _is_wrong(evidence, held, attempt):
                text = f"{attempt.mail.name}: '{attempt.reply}', where the configuration has a Listen that takes it"
                yield Violation(NAME, text, attempt.ended, attempt.mail.name, host)


def _is_wrong(evidence: Evidence, held: InForce, attempt: Attempt) -> bool:
    if attempt.connected is None or not any(words in attempt.reply for words in TURNED_AWAY):
        return False
    began = min(attempt.began, attempt.connected)
    may = held.during(began, attempt.ended)
    reached = _reached(evidence, attempt)
    return (
        bool(may)
        and all(each.accepts(reached, attempt.mail.port) for each in may)
        and _is_up(evidence, attempt.target_host, began, attempt.ended)
        and not _disturbed(evidence, attempt, began)
    )


def _reached(evidence: Evidence, attempt: Attempt) -> str:
    try:
        return str(ip_address(attempt.mail.target))
    except ValueError:
        return evidence.scenario.host(attempt.target_host).addresses[0]


def _is_up(evidence: Evidence, host: str, began: float, ended: float) -> bool:
    """Whether one life of the node was there all that time."""
    return any(
        lived.host == host
        and lived.up is not None
        and lived.up <= began
        and (lived.ended is None or lived.ended > ended)
        for lived in evidence.lives
    )


def _disturbed(evidence: Evidence, attempt: Attempt, began: float) -> bool:
    ends = {attempt.mail.source, attempt.target_host}
    return any(
        not ends.isdisjoint(struck.fault.targets)
        and struck.began <= attempt.ended
        and (struck.ended is None or struck.ended + LASTING_SECONDS >= began)
        for struck in strikes(evidence, _DISTURBING)
    )
