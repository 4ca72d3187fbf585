"""What excuses mail that was accepted and arrives nowhere: nobody owes it any more, and nobody waits for it.

It rotted; it failed for good and rightly, of age, refused by another host, or because its domain takes no mail; or its
host syncs late and lost power, or its disk failed, before it had. Where it failed its sender may be owed a word
(reports.py).
"""

from __future__ import annotations

from collections.abc import Callable, Container
from enum import Enum

from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Failed

from ..evidence import Attempt, Evidence
from ..life import Life
from ..scenario import DnsAnswer, FaultKind, HostPlan, NamePlan, Program, Scenario
from .configuration import DEFAULT, configuration_of, goes_by_mx, is_false, root_of, words
from .custody import DOUBTFUL, ENDING, POWER_FAULTS, address, batch_id, overlaps, seconds_of, strikes

LATE_SYNC_SECONDS = 5.0  # about one in the product; the rest is for a slow disk, and for its place in the queue
EXPIRATION_SECONDS = 86_400.0  # Message_Expiration, where nobody sets it
EXPIRED = "554 5.4.7"
SLACK_SECONDS = 1.0  # between the time of reception and that of the answer


class Excuse(Enum):
    """Why mail that was accepted may arrive nowhere."""

    NONE = "none"
    FAILED = "failed"
    ROTTEN = "rotten"
    NOT_SYNCED = "not synced"


Excuses = Callable[[Attempt, str], Excuse]


def excuses(evidence: Evidence, reported: Container[tuple[str, str]]) -> Excuses:
    """What excuses an accepted attempt's forward-path, as far as is known by now.

    reported: a mail's name and an address, where a notification says that it failed. That is enough where a life may
    have ended between making it durable and telling of it.
    """
    rotten = {name for struck in strikes(evidence, [FaultKind.BIT_ROT]) for name in struck.mails}
    failed: dict[tuple[str, str], list[tuple[Life, Failed]]] = {}
    for life, record in evidence.world.records:
        if isinstance(record, Failed) and record.permanent:
            failed.setdefault((record.batch_id, address(record.forward_path)), []).append((life, record))
    late = [plan.name for plan in evidence.scenario.hosts if _syncs_late(plan)]

    def excuse(attempt: Attempt, path: str) -> Excuse:
        if attempt.mail.name in rotten:
            return Excuse.ROTTEN
        if any(_not_synced(evidence, host, attempt) for host in late):
            return Excuse.NOT_SYNCED
        ends = failed.get((batch_id(attempt), address(path)), ())
        rightly = any(_rightly(evidence, attempt, life, record) for life, record in ends)
        if not ends and (attempt.mail.name, address(path)) in reported:
            rightly = any(strikes(evidence, ENDING, attempt.target_host))
        return Excuse.FAILED if rightly else Excuse.NONE

    return excuse


def _rightly(evidence: Evidence, attempt: Attempt, life: Life, record: Failed) -> bool:
    if not record.reason.startswith(EXPIRED):
        said = bool(record.peer_address) and record.reason.startswith("5")
        return said or takes_no_mail(evidence.scenario, life, split(record.forward_path)[1])
    host = life.host
    expiration = _expiration(evidence.scenario.host(host.name), record.forward_path)
    if record.age_seconds < expiration:
        return False
    if host.clock_rate != 1.0 or any(strikes(evidence, [FaultKind.CLOCK_STEP], host.name)):
        return True  # across a restart it is the wall clock that tells a message's age
    return seconds_of(evidence, life, record) - attempt.began >= expiration - SLACK_SECONDS


def takes_no_mail(scenario: Scenario, life: Life, domain: str) -> bool:
    """Whether DNS tells *life* for good that *domain* takes no mail: it is not there, or has a null MX (RFC 7505)."""
    if not goes_by_mx(scenario.host(life.host.name), domain):
        return False
    plan = name_of(scenario, domain)
    if plan is None:
        return domain.lower() not in (host.name for host in scenario.hosts)
    empty = not (plan.hosts or plan.mx or plan.records)
    return empty or plan.answer is DnsAnswer.NXDOMAIN or plan.mx == ("0 .",)


def name_of(scenario: Scenario, name: str) -> NamePlan | None:
    """The ``Name`` that *name* is answered from: its own, or the closest pattern."""
    plans, name = {plan.name: plan for plan in scenario.names}, name.lower().removesuffix(".")
    if name in plans:
        return plans[name]
    parts = name.split(".")
    return next((plans[star] for at in range(1, len(parts)) if (star := ".".join(["*", *parts[at:]])) in plans), None)


def _expiration(plan: HostPlan, forward_path: str) -> float:
    tree = configuration_of(plan)
    if tree is None:
        return EXPIRATION_SECONDS
    return DeliveryOptions.resolve(tree.chain_outbound(DEFAULT, DEFAULT, split(forward_path)[1])).expiration


def _syncs_late(plan: HostPlan) -> bool:
    return plan.program is Program.ECELERITY and any(map(is_false, words(root_of(plan), "force_fsync")))


def _not_synced(evidence: Evidence, host: str, attempt: Attempt) -> bool:
    """Whether *host*, which syncs late, lost power, or its disk failed, before it had synced what *attempt* brought."""
    until = attempt.ended + LATE_SYNC_SECONDS
    return any(overlaps(struck, attempt.began, until) for struck in strikes(evidence, DOUBTFUL, host)) or any(
        attempt.began <= struck.began <= until for struck in strikes(evidence, POWER_FAULTS, host)
    )
