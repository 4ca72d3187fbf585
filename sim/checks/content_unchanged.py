"""What arrived is what was sent, but for trace header fields and line ends.

Nothing permits a change, not bit rot either: damaged content is to be noticed and kept back.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Evidence, Violation
from ..letter import content_of, name_in, unchanged, without_trace
from .custody import mails_by_name

NAME = "content_unchanged"
SHOWN_OCTETS = 40


def content_unchanged(evidence: Evidence) -> Iterator[Violation]:
    """One for each message that has a mail's name and another content."""
    mails = mails_by_name(evidence)
    for arrived in evidence.arrived:
        mail = mails.get(name_in(arrived.octets) or "")
        if mail is not None and not unchanged(mail, arrived.octets):
            where = _difference(content_of(mail).replace(b"\r\n", b"\n"), without_trace(arrived.octets))
            text = f"{mail.name} for {arrived.forward_path} is changed {where} in {arrived.place}"
            yield Violation(NAME, text, mail=mail.name, host=arrived.host)


def _difference(sent: bytes, arrived: bytes) -> str:
    """Where two contents part, in words."""
    at = next((place for place, pair in enumerate(zip(sent, arrived, strict=False)) if pair[0] != pair[1]), -1)
    if at < 0:
        at = min(len(sent), len(arrived))
    wanted, found = sent[at : at + SHOWN_OCTETS], arrived[at : at + SHOWN_OCTETS]
    return f"at octet {at} of {len(sent)} ({len(arrived)} arrived): {found!r}, sent was {wanted!r}"
