"""A sender hears once of each recipient that failed. A second notification needs the causes that a second copy does.

Nor does he hear of a failure and the recipient get the mail, without such a cause.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Attempt, Evidence, Violation
from .custody import address, attempts_by_mail, copies, mails_by_name, may_have_left_a_copy
from .delivered_once import broke, unsaid
from .reports import failures_by_delivery

NAME = "bounced_once"


def bounced_once(evidence: Evidence) -> Iterator[Violation]:
    """One for each recipient with more ends than there are causes."""
    mails, attempts, arrived = mails_by_name(evidence), attempts_by_mail(evidence), copies(evidence)
    for (name, path), reports in failures_by_delivery(evidence).items():
        if name not in mails:
            continue
        sent = [
            attempt
            for attempt in attempts.get(name, ())
            if may_have_left_a_copy(evidence, attempt) and path in map(address, attempt.forward_paths)
        ]
        got = arrived.get((name, path), [])
        ends = len(reports) + len(got)
        if ends <= max(len(sent), 1) or _excused(evidence, sent, name, path):
            continue
        text = f"{name} for {path}: {len(reports)} notifications of failure and {len(got)} copies, of {len(sent)} sent"
        yield Violation(NAME, text, mail=name, host=reports[0].arrived.host)


def _excused(evidence: Evidence, sent: list[Attempt], name: str, path: str) -> bool:
    """Whether something broke since, or a sink kept the mail and did not say so."""
    began = min((attempt.began for attempt in sent), default=0.0)
    hosts = [plan.name for plan in evidence.scenario.hosts]
    return unsaid(evidence)[name, path] > 0 or any(broke(evidence, host, began) for host in hosts)
