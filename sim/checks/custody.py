"""Who may have had custody of what: facts that several checks ask of the evidence.

An attempt *may have left a copy* when the server can have taken custody by it: it said 250, or the client never heard,
or it said 451 or 452 because its disk failed, when the record may be in the log though nobody vouches for it
(docs/protocols/spool.md). Nothing else the product says leaves a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from momentum_trio.mail.path import split
from momentum_trio.mail.record import Record

from ..evidence import Arrived, Attempt, Evidence, Struck, Told
from ..letter import name_in
from ..life import Life
from ..scenario import FaultKind, Mail, Program

DOUBTFUL = frozenset({FaultKind.DISK_ERROR, FaultKind.SYNC_ERROR, FaultKind.READ_ONLY})
"""Faults of a disk that leave the spool in doubt of what it wrote. A full disk does not: that is cut off again."""

DISK_FAULTS = DOUBTFUL | {FaultKind.DISK_FULL}
"""Faults after which the spool writes elsewhere."""

POWER_FAULTS = frozenset({FaultKind.POWER, FaultKind.POWER_AT_STEP})
ENDING = POWER_FAULTS | {FaultKind.KILL}
"""Faults that end a life with no more work done."""

_BATCH_ID = re.compile(r"^250 2\.0\.0 OK (\S+)")


def address(forward_path: str) -> str:
    """*forward_path* as mailboxes are told apart: the domain in lower case, the local-part as it is."""
    local_part, domain = split(forward_path)
    return f"{local_part}@{domain.lower()}" if domain else local_part


def mails_by_name(evidence: Evidence) -> dict[str, Mail]:
    """Every mail of the scenario."""
    return {mail.name: mail for mail in evidence.scenario.mails}


def copies(evidence: Evidence) -> dict[tuple[str, str], list[Arrived]]:
    """What arrived, by the mail's name and the address it lies at; what names no mail is under the empty name."""
    found: dict[tuple[str, str], list[Arrived]] = {}
    for arrived in evidence.arrived:
        found.setdefault((name_in(arrived.octets) or "", address(arrived.forward_path)), []).append(arrived)
    return found


def attempts_by_mail(evidence: Evidence) -> dict[str, list[Attempt]]:
    """The attempts of each mail, in the order in which they ended."""
    found: dict[str, list[Attempt]] = {}
    for attempt in evidence.attempts:
        found.setdefault(attempt.mail.name, []).append(attempt)
    return found


def batch_id(attempt: Attempt) -> str:
    """The id the server gave what it accepted; empty where it said none."""
    match = _BATCH_ID.match(attempt.reply)
    return match[1] if match is not None else ""


def strikes(evidence: Evidence, kinds: Iterable[FaultKind], host: str = "") -> Iterator[Struck]:
    """Faults of *kinds* that did strike; only those at *host*, if it is given."""
    wanted = frozenset(kinds)
    for struck in evidence.struck:
        if struck.did and struck.fault.kind in wanted and (not host or host in struck.fault.targets):
            yield struck


def seconds_of(evidence: Evidence, life: Life, record: Record) -> float:
    """When *record* was made: virtual seconds since the load began. Not exact where the clock was stepped."""
    host = life.host
    return (record.at - host.world.epoch - host.skew_seconds) / host.clock_rate - evidence.load_began


def overlaps(struck: Struck, began: float, ended: float) -> bool:
    """Whether the fault was there at some time from *began* to *ended*."""
    return struck.began <= ended and (struck.ended is None or struck.ended >= began)


def disturbed(evidence: Evidence, hosts: Iterable[str], began: float, ended: float) -> bool:
    """Whether something struck one of *hosts*, what lies between one and anything, or a nameserver, in that time."""
    names = {plan.name for plan in evidence.scenario.hosts if plan.program is Program.NAMESERVER}
    concerned = names.union(hosts)
    return any(
        overlaps(struck, began, ended) and not concerned.isdisjoint(struck.fault.targets)
        for struck in strikes(evidence, FaultKind)
    )


def may_have_left_a_copy(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether the server may have custody of the mail from *attempt*."""
    if attempt.told in (Told.ACCEPTED, Told.UNKNOWN):
        return True
    if attempt.told is not Told.DEFERRED or not attempt.reply.startswith(("451", "452")):
        return False
    return any(
        overlaps(struck, attempt.began, attempt.ended) for struck in strikes(evidence, DOUBTFUL, attempt.target_host)
    )
