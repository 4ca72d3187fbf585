"""What arrived says truly who sent it: its reverse-path, once and on top, and below that the address it came from.

A sink writes the Return-Path as a Maildir does, so that the envelope can be told over any number of hops. What the
sender wants to hear of goes with it, where the next server knows DSN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..evidence import Arrived, Evidence, Violation
from ..letter import name_in, trace_of
from ..scenario import Mail, Program, Turn
from .custody import attempts_by_mail, mails_by_name

NAME = "envelope_kept"

_RETURN_PATH = re.compile(rb"^Return-Path: <([^\n]*)>\n", re.M)
_CAME_FROM = re.compile(rb"^Received: from \[(?:IPv6:)?([^\]\n]*)\]", re.M)


def envelope_kept(evidence: Evidence) -> Iterator[Violation]:
    """One for each message whose trace header fields speak of another envelope, or of none; or that lost its wishes."""
    yield from _of_wishes(evidence)
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


def _of_wishes(evidence: Evidence) -> Iterator[Violation]:
    """Of what the sender wants to hear (RFC 3461), which a server that knows DSN is to be told."""
    knowing = {plan.name for plan in evidence.scenario.hosts if "DSN" in plan.sink.offers}
    attempts = attempts_by_mail(evidence)
    for heard in evidence.heard:
        wishes = {attempt.notify.upper() for attempt in attempts.get(heard.mail, ())}
        if heard.host not in knowing or heard.turn is not Turn.STORED or len(wishes) != 1 or wishes == {""}:
            continue
        (wish,) = wishes
        if f"NOTIFY={wish}" not in heard.parameters.upper().split():
            text = f"{heard.mail} for {heard.forward_path} came with '{heard.parameters}', and asked for {wish}"
            yield Violation(NAME, text, heard.at - evidence.load_began, heard.mail, heard.host)


def _violation(arrived: Arrived, mail: Mail, text: str) -> Violation:
    return Violation(
        NAME, f"{mail.name} for {arrived.forward_path}: {text} ({arrived.place})", 0.0, mail.name, arrived.host
    )
