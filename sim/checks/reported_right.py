"""What a notification says is so: to whom, of whom, what became of it, and in the words of the server that refused.

The sinks are the witnesses of what was answered; where an answer came from elsewhere, its words are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..dsn import Report, Reported
from ..evidence import Evidence, Violation
from ..scenario import Mail
from .custody import address, attempts_by_mail, mails_by_name, may_have_left_a_copy
from .reports import FAILED

NAME = "reported_right"
ACTIONS = {FAILED: "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}  # and classes of status
OWN_WORDS = ("[internal]", "5.4.7", "4.4.7")  # of the node itself, or of its time


def reported_right(evidence: Evidence) -> Iterator[Violation]:
    """One for each thing that a notification says wrong."""
    mails = mails_by_name(evidence)
    for report in evidence.reports:
        for problem in _problems(evidence, report, mails.get(report.mail)):
            text = (
                f"the notification at {report.to}, {report.arrived.place}, about {report.mail or 'no mail'}: {problem}"
            )
            yield Violation(NAME, text, mail=report.mail, host=report.arrived.host)


def _problems(evidence: Evidence, report: Report, mail: Mail | None) -> Iterator[str]:
    if report.problem:
        yield report.problem
    elif report.about_report:
        return  # another check's
    elif mail is None:
        yield "it returns nothing that a client sent"
    elif address(report.to) != address(mail.reverse_path):
        yield f"the mail came from <{mail.reverse_path}>"
    else:
        for reported in report.recipients:
            yield from _of_recipient(evidence, mail, reported)


def _of_recipient(evidence: Evidence, mail: Mail, reported: Reported) -> Iterator[str]:
    path, said = address(reported.address), reported
    sent = [
        attempt for attempt in attempts_by_mail(evidence).get(mail.name, ()) if may_have_left_a_copy(evidence, attempt)
    ]
    mine = [attempt for attempt in sent if path in map(address, attempt.forward_paths)]
    if not mine:
        yield f"it tells of {reported.address}, for whom it was not accepted"
    if said.status[:1] not in ACTIONS.get(said.action, ""):
        yield f"{said.action} with status {said.status} for {path}"
    wishes = [attempt.notify.upper().split(",") for attempt in mine]
    if wishes and all(wish != [""] and _wish(said.action) not in wish for wish in wishes):
        yield f"{said.action} for {path}, and what was asked for is {mail.notify}"
    if said.action == FAILED and said.diagnostic[:1] == "5" and not _was_said(evidence, path, said.diagnostic):
        yield f"nobody said of {path}: {said.diagnostic}"


def _wish(action: str) -> str:
    return {FAILED: "FAILURE", "delayed": "DELAY"}.get(action, "SUCCESS")


def _was_said(evidence: Evidence, path: str, diagnostic: str) -> bool:
    """Whether a sink said so to somebody who came with mail for *path*, or to whoever came."""
    if any(word in diagnostic for word in OWN_WORDS):
        return True
    heard = [one for one in evidence.heard if one.reply[:1] == "5" and address(one.forward_path) in ("", path)]
    return any(" ".join(one.reply.split()) in diagnostic for one in heard) or not evidence.heard
