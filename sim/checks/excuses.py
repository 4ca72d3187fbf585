"""What excuses mail that was accepted and arrives nowhere: nobody owes it any more, and nobody waits for it.

It rotted; it failed for good and rightly, of age or refused by another host; or its host syncs late and lost power, or
its disk failed, before it had.
"""

from __future__ import annotations

from collections.abc import Callable

from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Failed

from ..evidence import Attempt, Evidence
from ..life import Life
from ..scenario import FaultKind, HostPlan, Program
from .configuration import configuration_of, is_false, root_of, words
from .custody import DOUBTFUL, POWER_FAULTS, address, batch_id, overlaps, seconds_of, strikes

LATE_SYNC_SECONDS = 5.0  # about one in the product; the rest is for a slow disk, and for its place in the queue
EXPIRATION_SECONDS = 86_400.0  # Message_Expiration, where nobody sets it
EXPIRED = "554 5.4.7"
SLACK_SECONDS = 1.0  # between the time of reception and that of the answer
DEFAULT = "default"  # the binding group and binding of mail that none was chosen for

Excuse = Callable[[Attempt, str], bool]


def excuses(evidence: Evidence) -> Excuse:
    """Whether an accepted attempt's forward-path is excused, as far as is known by now."""
    rotten = {name for struck in strikes(evidence, [FaultKind.BIT_ROT]) for name in struck.mails}
    failed: dict[tuple[str, str], list[tuple[Life, Failed]]] = {}
    for life, record in evidence.world.records:
        if isinstance(record, Failed) and record.permanent:
            failed.setdefault((record.batch_id, address(record.forward_path)), []).append((life, record))

    def excused(attempt: Attempt, path: str) -> bool:
        return (
            attempt.mail.name in rotten
            or any(
                _rightly(evidence, attempt, life, record)
                for life, record in failed.get((batch_id(attempt), address(path)), ())
            )
            or _not_synced(evidence, attempt)
        )

    return excused


def _rightly(evidence: Evidence, attempt: Attempt, life: Life, record: Failed) -> bool:
    if not record.reason.startswith(EXPIRED):
        return bool(record.peer_address) and record.reason.startswith("5")
    host = life.host
    expiration = _expiration(evidence.scenario.host(host.name), record.forward_path)
    if record.age_seconds < expiration:
        return False
    if host.clock_rate != 1.0 or any(strikes(evidence, [FaultKind.CLOCK_STEP], host.name)):
        return True  # across a restart it is the wall clock that tells a message's age
    return seconds_of(evidence, life, record) - attempt.began >= expiration - SLACK_SECONDS


def _expiration(plan: HostPlan, forward_path: str) -> float:
    tree = configuration_of(plan)
    if tree is None:
        return EXPIRATION_SECONDS
    return DeliveryOptions.resolve(tree.chain_outbound(DEFAULT, DEFAULT, split(forward_path)[1])).expiration


def _not_synced(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether a host that syncs late lost power, or its disk failed, before it had synced what *attempt* brought."""
    until = attempt.ended + LATE_SYNC_SECONDS
    for plan in evidence.scenario.hosts:
        if plan.program is not Program.ECELERITY or not any(map(is_false, words(root_of(plan), "force_fsync"))):
            continue
        if any(overlaps(struck, attempt.began, until) for struck in strikes(evidence, DOUBTFUL, plan.name)):
            return True
        if any(attempt.began <= struck.began <= until for struck in strikes(evidence, POWER_FAULTS, plan.name)):
            return True
    return False
