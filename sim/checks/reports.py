"""Who must hear that a mail failed, and whether he did: facts that several checks ask of the evidence."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.mail.path import split

from ..dsn import Report, Reported
from ..evidence import Attempt, Evidence
from ..scenario import Program
from .configuration import is_false, root_of, words
from .custody import address

FAILED = "failed"


def due(evidence: Evidence, attempt: Attempt) -> bool:
    """Whether who sent by *attempt* must hear of a failure: he has an address, wants to, and is promised to."""
    mail = attempt.mail
    domain = split(mail.reverse_path)[1].lower()
    if not mail.reverse_path or domain not in evidence.scenario.expect.reported:
        return False
    if attempt.notify and "FAILURE" not in attempt.notify.upper():
        return False
    nodes = (plan for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY)
    return not any(any(map(is_false, words(root_of(plan), "generate_bounces"))) for plan in nodes)


def failures(evidence: Evidence) -> Iterator[tuple[Report, Reported]]:
    """Each recipient that a notification says has failed."""
    for report in evidence.reports:
        for reported in report.recipients:
            if reported.action == FAILED:
                yield report, reported


def failures_by_delivery(evidence: Evidence) -> dict[tuple[str, str], list[Report]]:
    """The notifications of failure that arrived, by the mail's name and the address that failed."""
    found: dict[tuple[str, str], list[Report]] = {}
    for report, reported in failures(evidence):
        found.setdefault((report.mail, address(reported.address)), []).append(report)
    return found
