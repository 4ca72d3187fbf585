"""Mail that nothing disturbs goes out at once: no attempt fails, nothing waits.

Causes last: what was deferred in trouble is tried again later and later. So only mail counts that came when all had
been well for a while, and was ended in the same calm.
"""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.mail.path import split
from momentum_trio.mail.record import Delivered, Failed

from ..evidence import Evidence, Violation
from ..life import Life
from ..scenario import FaultKind, Program
from .configuration import root_of, words
from .custody import DOUBTFUL, overlaps, seconds_of, strikes
from .excuses import takes_no_mail

NAME = "prompt"
CALM_SECONDS = 70.0  # after a fault: a failing spool tries again each 64 s at most
PROMPT_SECONDS = 30.0  # beside the time that the slowest link takes for everything
LIMITS = ("421", "452 4.5.3")  # what another node says when a client asks too much of it
KEEPING = ("suspend_delivery", "outbound_throttle_messages", "outbound_throttle_connections")
ROUNDS = 4  # of all mail over one link: in, on, and again


def prompt(evidence: Evidence) -> Iterator[Violation]:
    """At most one for each message: an attempt that failed, or a delivery that took long, in a calm.

    None where the scenario has addresses that are nobody's.
    """
    if evidence.scenario.unreachable:
        return
    enough = PROMPT_SECONDS + _seconds_of_all(evidence)
    told: dict[tuple[str, str], None] = {}
    moody = {address for plan in evidence.scenario.hosts if plan.sink.behaviours for address in plan.addresses}
    for life, record in evidence.world.records:
        if not isinstance(record, Delivered | Failed) or _may_wait(evidence, life.host.name):
            continue
        message = life.host.name, record.message_id
        if record.peer_address in moody or _is_refused(evidence, life, record):
            told[message] = None  # from here on it may wait
            continue
        ended = seconds_of(evidence, life, record)
        if message in told or _disturbed(evidence, ended - record.age_seconds - CALM_SECONDS, ended):
            continue
        if isinstance(record, Failed) and not record.reason.startswith(LIMITS):
            told[message] = None
            yield _violation(life, f"an attempt failed though nothing was broken: {record.reason}", ended)
        elif record.age_seconds > enough:
            text = f"a message was under way for {record.age_seconds:g} s though nothing was broken"
            yield _violation(life, f"{text}, {enough:g} s were enough", ended)


def _is_refused(evidence: Evidence, life: Life, record: Delivered | Failed) -> bool:
    """Whether its domain takes no mail, and says so."""
    domain = split(record.forward_path)[1]
    return isinstance(record, Failed) and takes_no_mail(evidence.scenario, life, domain)


def _seconds_of_all(evidence: Evidence) -> float:
    """How long all the mail takes over the slowest link."""
    rates = [link.octets_per_second for link in evidence.scenario.links if link.octets_per_second]
    octets = sum(mail.octets for mail in evidence.scenario.mails)
    return ROUNDS * octets / min(rates) if rates else 0.0


def _may_wait(evidence: Evidence, host: str) -> bool:
    """Whether mail of *host* is kept back on purpose, or was damaged."""
    plan = evidence.scenario.host(host)
    kept = plan.program is Program.ECELERITY and any(any(words(root_of(plan), option)) for option in KEEPING)
    return kept or any(strikes(evidence, DOUBTFUL | {FaultKind.BIT_ROT, FaultKind.CLOCK_STEP}, host))


def _disturbed(evidence: Evidence, began: float, ended: float) -> bool:
    return any(overlaps(struck, began, ended) for struck in strikes(evidence, FaultKind))


def _violation(life: Life, text: str, seconds: float) -> Violation:
    return Violation(NAME, f"{life}: {text}", seconds, host=life.host.name)
