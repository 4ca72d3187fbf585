"""What arrived was sent, to that address, by an attempt that may have left a copy.

A message that the server refused or deferred stays the client's: that it arrives is as wrong as one nobody sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Arrived, Evidence, Violation
from .custody import address, attempts_by_mail, copies, mails_by_name, may_have_left_a_copy

NAME = "nothing_invented"
SHOWN_OCTETS = 60


def nothing_invented(evidence: Evidence) -> Iterator[Violation]:
    """One for each message nobody sent there."""
    mails, attempts = mails_by_name(evidence), attempts_by_mail(evidence)
    for (name, path), found in copies(evidence).items():
        for arrived in found:
            if name not in mails:
                what = f"names no mail of the scenario: {arrived.octets[:SHOWN_OCTETS]!r}"
                yield _violation(name, arrived, what)
            elif path not in map(address, mails[name].forward_paths):
                yield _violation(name, arrived, f"is at {path}, where it was not sent")
            elif not any(
                may_have_left_a_copy(evidence, attempt) and path in map(address, attempt.forward_paths)
                for attempt in attempts.get(name, ())
            ):
                yield _violation(name, arrived, f"is at {path}, though no attempt to send it there was accepted")


def _violation(name: str, arrived: Arrived, what: str) -> Violation:
    return Violation(NAME, f"{name or 'a message'} {what} ({arrived.place})", mail=name, host=arrived.host)
