"""The product's own records, from which mainlog and figures are made, agree with what clients were told.

What was answered 250 was recorded as received, once for each recipient, with its envelope; unless it was the answer to
an idempotency key whose message was taken before, by a process that was ended before it could record that. In one life
a message ends once. Of a process that was never ended from outside each message that arrived was recorded as delivered,
unless the reply that said so was lost: such a one may still wait. Nothing is younger than its reception.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from momentum_trio.mail.record import Delivered, Failed, Received
from momentum_trio.mail.stage import Stage

from ..evidence import Attempt, Evidence, Told, Violation
from ..life import Life
from ..scenario import FaultKind, Program
from .custody import POWER_FAULTS, address, attempts_by_mail, batch_id, copies, seconds_of, strikes

NAME = "records_agree"

_ENDING = POWER_FAULTS | {FaultKind.KILL, FaultKind.STOP, FaultKind.CONSOLE}


def records_agree(evidence: Evidence) -> Iterator[Violation]:
    """One for each record too many or too few, or with a wrong envelope or age."""
    yield from _of_receptions(evidence)
    yield from _of_ends(evidence)
    yield from _of_deliveries(evidence)


def _of_receptions(evidence: Evidence) -> Iterator[Violation]:
    nodes = {plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY}
    received: dict[tuple[str, str], list[Received]] = {}
    for life, record in evidence.world.records:
        if isinstance(record, Received):
            received.setdefault((life.host.name, record.batch_id), []).append(record)
    attempts = attempts_by_mail(evidence)
    for attempt in _accepted(evidence):
        if attempt.target_host not in nodes or not batch_id(attempt):
            continue
        records = received.get((attempt.target_host, batch_id(attempt)), [])
        if not records and _is_of_another_life(evidence, attempt, attempts[attempt.mail.name]):
            continue
        told, said = sorted(map(address, attempt.forward_paths)), sorted(address(one.forward_path) for one in records)
        if said != told and all("@" in path for path in told):
            yield _of(attempt, f"was accepted for {told}, and recorded as received for {said}")
        senders = {one.reverse_path for one in records} - {attempt.mail.reverse_path}
        if senders and "@" in attempt.mail.reverse_path:
            yield _of(attempt, f"came from <{attempt.mail.reverse_path}>, and was recorded as of {sorted(senders)}")


def _is_of_another_life(evidence: Evidence, attempt: Attempt, attempts: Sequence[Attempt]) -> bool:
    """Whether a process may have taken it at one of *attempts* before, and been ended before it told anybody."""
    if not attempt.mail.key:
        return False
    unheard = [each.began for each in attempts if each.told is Told.UNKNOWN and each.ended <= attempt.began]
    kills = strikes(evidence, POWER_FAULTS | {FaultKind.KILL}, attempt.target_host)
    return any(began <= struck.began <= attempt.began for struck in kills for began in unheard)


def _of_ends(evidence: Evidence) -> Iterator[Violation]:
    ends: Counter[tuple[Life, str]] = Counter()
    for life, record in evidence.world.records:
        if not isinstance(record, Delivered | Failed):
            continue
        what = f"{type(record).__name__} of message {record.message_id}"
        if record.age_seconds < 0:
            yield _at(evidence, life, record, f"{what} says an age of {record.age_seconds:g} s")
        if isinstance(record, Delivered) or record.permanent:
            ends[life, record.message_id] += 1
            if ends[life, record.message_id] == 2:
                yield _at(evidence, life, record, f"{what}: it had ended before")


def _of_deliveries(evidence: Evidence) -> Iterator[Violation]:
    told = {
        (life.host.name, record.batch_id, address(record.forward_path))
        for life, record in evidence.world.records
        if isinstance(record, Delivered) or (isinstance(record, Failed) and (record.permanent or _in_doubt(record)))
    }
    whole = {
        plan.name
        for plan in evidence.scenario.hosts
        if plan.program is Program.ECELERITY and not any(strikes(evidence, _ENDING, plan.name))
    }
    arrived, attempts = copies(evidence), attempts_by_mail(evidence)
    for attempt in _accepted(evidence):
        once = len(attempts[attempt.mail.name]) == 1  # what arrived is of this attempt
        if attempt.target_host in whole and batch_id(attempt) and once:
            for path in map(address, attempt.forward_paths):
                if (attempt.mail.name, path) in arrived and (attempt.target_host, batch_id(attempt), path) not in told:
                    yield _of(attempt, f"arrived at {path}, and no record tells of its delivery")


def _in_doubt(record: Failed) -> bool:
    """Whether the server may have it: what it said of the content, if anything, was not heard."""
    return record.stage == Stage.READING_CONFIRMATION and "[internal]" in record.reason


def _accepted(evidence: Evidence) -> Iterator[Attempt]:
    return (attempt for attempt in evidence.attempts if attempt.told is Told.ACCEPTED)


def _of(attempt: Attempt, text: str) -> Violation:
    return Violation(NAME, f"{attempt.mail.name} {text}", attempt.ended, attempt.mail.name, attempt.target_host)


def _at(evidence: Evidence, life: Life, record: Delivered | Failed, text: str) -> Violation:
    return Violation(NAME, f"{life}: {text}", seconds_of(evidence, life, record), host=life.host.name)
