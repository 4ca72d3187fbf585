"""A spool's log is at most twice what lives in it, and two segments more, whenever the committer has nothing to do.

Samples are taken at any moment, so that one of them alone may be above it: only what stays above it counts, or what is
above it in the last sample of a host. While a fault strikes the host nothing can be copied forward. What a client has
sent of a mail that is not in custody takes room too, and a client that left without a word may still be waited for.
"""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.mail.record import Received

from ..custodian import OVERHEAD_OCTETS
from ..evidence import Evidence, Told, Violation
from ..scenario import FaultKind, HostPlan
from .configuration import root_of, words
from .custody import overlaps, strikes
from .timed import timed

NAME = "spool_size"
SEGMENT_OCTETS = 64 * 1024 * 1024  # Spool_Segment_Size, where nobody sets it
KEY_OCTETS = 300  # of a record of an idempotency key, with a few replies
IDLE_SECONDS = 300.0  # Idle_Time, where nobody sets it
SETTLING_SECONDS = 30.0  # the committer pauses for ten after a failure of the disk, and its groups take their time

_DISTURBING = frozenset(FaultKind) - {FaultKind.CONSOLE, FaultKind.CLOCK_STEP}


def spool_size(evidence: Evidence) -> Iterator[Violation]:
    """One for each host whose log stayed too long for its mail."""
    for plan in evidence.scenario.hosts:
        samples = [sample[1:] for sample in evidence.spool_octets if sample[0] == plan.name]
        segment, idle_seconds = segment_octets(plan), float(next(words(root_of(plan), "idle_time"), IDLE_SECONDS))
        keyed = [*_keyed(evidence, plan.name), *_relayed(evidence, plan.name)]
        since: float | None = None
        for seconds, in_use, live in samples:
            live += KEY_OCTETS * sum(at <= seconds for at in keyed)
            most = 2 * live + 2 * segment + _coming(evidence, plan.name, seconds, idle_seconds)
            if in_use <= most or _disturbed(evidence, plan.name, seconds):
                since = None
                continue
            since = seconds if since is None else since
            if seconds - since >= SETTLING_SECONDS or seconds == samples[-1][0]:
                text = f"the log of {plan.name} has {in_use} octets for {live} that live (segments of {segment})"
                yield Violation(NAME, text, seconds, host=plan.name)
                break


def segment_octets(plan: HostPlan) -> int:
    """How long a segment of the host's spool is."""
    return int(next(words(root_of(plan), "spool_segment_size"), SEGMENT_OCTETS))


def _coming(evidence: Evidence, host: str, seconds: float, idle_seconds: float) -> int:
    """Octets of the mails that sessions of *host* may have in hand at a time."""
    return sum(
        attempt.mail.octets + OVERHEAD_OCTETS
        for attempt in evidence.attempts
        if attempt.target_host == host
        and attempt.began <= seconds <= attempt.ended + (0 if attempt.told is Told.ACCEPTED else idle_seconds)
    )


def _keyed(evidence: Evidence, host: str) -> Iterator[float]:
    """When *host* may have taken idempotency keys of clients. What they take it keeps: as if no time was ever over."""
    for attempt in evidence.attempts:
        if attempt.mail.key and attempt.target_host == host:
            yield attempt.began


def _relayed(evidence: Evidence, host: str) -> Iterator[float]:
    """When *host* has taken messages that another of ours handed it by ECStream: each with a key."""
    ours = {address for plan in evidence.scenario.hosts if plan.config for address in plan.addresses}
    for life, record, at in timed(evidence):
        is_ours = isinstance(record, Received) and record.protocol == "ecstream" and record.peer_address in ours
        if is_ours and life.host.name == host:
            yield at


def _disturbed(evidence: Evidence, host: str, seconds: float) -> bool:
    return any(overlaps(struck, seconds - SETTLING_SECONDS, seconds) for struck in strikes(evidence, _DISTURBING, host))
