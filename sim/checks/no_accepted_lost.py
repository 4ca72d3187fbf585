"""What was answered 250 lies at its end, durably; or still in a spool, where the run ended before that was drained.

Loss is permitted of the mails a bit rot hit, those alone; of mail that expired or that its next host refused for good,
since the product sends no bounces yet; and where ``Force_Fsync = false``, of what was not synced yet when power or the
disk failed.
"""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.mail.record import Failed

from ..evidence import Attempt, Evidence, Told, Violation
from ..scenario import FaultKind, Program
from .configuration import is_false, root_of, words
from .custody import DOUBTFUL, POWER_FAULTS, address, batch_id, copies, failed_at, strikes
from .spooled import names_in_spools

NAME = "no_accepted_lost"
LATE_SYNC_SECONDS = 5.0  # about one in the product; the rest is for a slow disk, and for its place in the queue
EXPIRATION_SECONDS = 86_400.0  # Message_Expiration, where nobody sets it
EXPIRED = "554 5.4.7"


def no_accepted_lost(evidence: Evidence) -> Iterator[Violation]:
    """One for each forward-path of an accepted mail that is nowhere."""
    arrived = copies(evidence)
    rotten = {name for struck in strikes(evidence, [FaultKind.BIT_ROT]) for name in struck.mails}
    missing = [
        (attempt, path)
        for attempt in evidence.attempts
        if attempt.told is Told.ACCEPTED and attempt.mail.name not in rotten
        for path in attempt.forward_paths
        if (attempt.mail.name, address(path)) not in arrived
    ]
    if not missing:
        return
    waiting = frozenset() if evidence.drained_after_seconds is not None else names_in_spools(evidence)
    given_up = _given_up(evidence)
    for attempt, path in missing:
        name = attempt.mail.name
        if name in waiting or (batch_id(attempt), address(path)) in given_up or _not_synced(evidence, attempt):
            continue
        yield Violation(
            NAME,
            f"{name} for {path} was answered '{attempt.reply}' by {attempt.target_host} and is nowhere",
            attempt.ended,
            name,
            attempt.target_host,
        )


def _given_up(evidence: Evidence) -> frozenset[tuple[str, str]]:
    """Batch and address of mail that failed for good and rightly: of age, or refused by another host."""
    expirations = {
        plan.name: min(map(float, words(root_of(plan), "message_expiration")), default=EXPIRATION_SECONDS)
        for plan in evidence.scenario.hosts
        if plan.program is Program.ECELERITY
    }
    return frozenset(
        (record.batch_id, address(record.forward_path))
        for life, record in evidence.world.records
        if isinstance(record, Failed) and record.permanent and _rightly(record, expirations.get(life.host.name, 0.0))
    )


def _rightly(record: Failed, expiration: float) -> bool:
    if record.reason.startswith(EXPIRED):
        return record.age_seconds >= expiration
    return bool(record.peer_address) and record.reason.startswith("5")


def _not_synced(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether a host that syncs late lost power, or its disk failed, before it had synced what *attempt* brought."""
    for plan in evidence.scenario.hosts:
        if plan.program is not Program.ECELERITY or not any(map(is_false, words(root_of(plan), "force_fsync"))):
            continue
        if any(struck.began >= attempt.began for struck in strikes(evidence, DOUBTFUL, plan.name)):
            return True
        for struck in strikes(evidence, POWER_FAULTS, plan.name):
            if attempt.began <= failed_at(struck) <= attempt.ended + LATE_SYNC_SECONDS:
                return True
    return False
