"""Nobody is told that a notification failed: its reverse-path is null, and what has a null one ends silently."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation
from .custody import mails_by_name

NAME = "no_bounce_of_a_bounce"


def no_bounce_of_a_bounce(evidence: Evidence) -> Iterator[Violation]:
    """One for each notification with a sender, or about something that has none."""
    mails = mails_by_name(evidence)
    for report in evidence.reports:
        mail, where = mails.get(report.mail), f"the notification at {report.to} ({report.arrived.place})"
        if report.reverse_path:
            text = f"{where} came from <{report.reverse_path}>: its reverse-path must be null"
        elif report.about_report:
            text = f"{where} is about another notification"
        elif mail is not None and not mail.reverse_path:
            text = f"{where} is about {mail.name}, which has a null reverse-path"
        else:
            continue
        yield Violation(NAME, text, mail=report.mail, host=report.arrived.host)
