"""An idempotency key never yields two messages in its time, and is nobody else's.

Of what was sent with a key no two batches reach one address, however often it was sent. Two may where the disk lost a
key or kept a message that was refused (bit rot, a failed write or sync), where power failed that a receipt did not
vouch against, or where the key's time was over by the server's clock, which a step forward brings near. And who
numbers his messages as others do is not told that another message came with his key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..evidence import Attempt, Evidence, Told, Violation
from ..letter import batches_of
from ..scenario import FaultKind, HostPlan, Program
from .configuration import root_of, words
from .custody import DOUBTFUL, POWER_FAULTS, attempts_by_mail, copies, strikes

NAME = "one_message_a_key"
KEY_SECONDS = 3600.0  # Idempotency_Key_Time, where nobody sets it
OTHERS = "another message came with this idempotency key"


def one_message_a_key(evidence: Evidence) -> Iterator[Violation]:
    """One for each address that got two messages of one key, and for each client that was denied his own."""
    attempts = {name: some for name, some in attempts_by_mail(evidence).items() if some[0].mail.key}
    for (name, path), found in copies(evidence).items():
        some = attempts.get(name, ())
        batches = {batches_of(arrived.octets)[-1] for arrived in found if batches_of(arrived.octets)}
        if len(batches) > 1 and some and not _excused(evidence, some):
            said = " ".join(sorted(batch.decode("ascii", "replace") for batch in batches))
            text = f"{name} was sent with one key, and lies at {path} as {len(batches)} messages: {said}"
            yield Violation(NAME, text, mail=name, host=some[0].target_host)
    for name, some in attempts.items():
        for attempt in some:
            if attempt.told is Told.REFUSED and OTHERS in attempt.reply:
                text = f"{name} was refused for a key that its client has used for nothing else: {attempt.reply}"
                yield Violation(NAME, text, attempt.ended, name, attempt.target_host)


def _excused(evidence: Evidence, attempts: Sequence[Attempt]) -> bool:
    host = attempts[0].target_host
    plan = next((plan for plan in evidence.scenario.hosts if plan.name == host), None)
    if plan is None or plan.program is not Program.ECELERITY:
        return True
    kinds = DOUBTFUL | {FaultKind.BIT_ROT} | (frozenset() if _syncs(plan) else POWER_FAULTS)
    if any(strikes(evidence, kinds, host)):
        return True
    span = attempts[-1].ended - attempts[0].began
    steps = sum(max(struck.fault.amount, 0.0) for struck in strikes(evidence, {FaultKind.CLOCK_STEP}, host))
    seconds = float(next(words(root_of(plan), "idempotency_key_time"), KEY_SECONDS))
    return span * max(1.0, plan.clock_rate) + steps >= seconds


def _syncs(plan: HostPlan) -> bool:
    return next(words(root_of(plan), "force_fsync"), "true").lower() not in ("false", "no", "0", "off")
