"""What arrived says truly who sent it: its reverse-path, once and on top, and below that the address it came from.

A sink writes the Return-Path as a Maildir does, so that the envelope can be told over any number of hops.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..evidence import Arrived, Evidence, Violation
from ..letter import name_in, trace_of
from ..scenario import Mail, Program
from .custody import attempts_by_mail, mails_by_name

NAME = "envelope_kept"

_RETURN_PATH = re.compile(rb"^Return-Path: <([^\n]*)>\n", re.M)
_CAME_FROM = re.compile(rb"^Received: from \[(?:IPv6:)?([^\]\n]*)\]", re.M)


def envelope_kept(evidence: Evidence) -> Iterator[Violation]:
    """One for each message whose trace header fields speak of another envelope, or of none."""
    mails, attempts = mails_by_name(evidence), attempts_by_mail(evidence)
    nodes = {plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY}
    for arrived in evidence.arrived:
        name = name_in(arrived.octets) or ""
        mail = mails.get(name)
        if mail is None:
            continue
        trace = trace_of(arrived.octets)
        told = _RETURN_PATH.findall(trace)
        if told != [mail.reverse_path.encode()] or not trace.startswith(b"Return-Path"):
            yield _violation(arrived, mail, f"its Return-Path is {told!r}, sent was <{mail.reverse_path}>")
        hops = _CAME_FROM.findall(trace)
        sources = {
            attempt.source_address.encode() for attempt in attempts.get(name, ()) if attempt.target_host in nodes
        }
        if sources - {b""} and (not hops or hops[-1] not in sources):
            yield _violation(
                arrived, mail, f"it came from {hops[-1:]!r}, as it says, and was sent from {sorted(sources)!r}"
            )


def _violation(arrived: Arrived, mail: Mail, text: str) -> Violation:
    return Violation(
        NAME, f"{mail.name} for {arrived.forward_path}: {text} ({arrived.place})", 0.0, mail.name, arrived.host
    )
