"""A message lies at its end once. A second copy needs a cause, and there are two kinds.

A client that was not told of a success sends again: so many copies are permitted as attempts may have left one
(custody.py). They come in batches of their own. One batch may come twice to an SMTP server, when the node that relays
it or that server, or what is between them, broke while the mail was under way, or where the server kept it and did not
say so; to a Maildir never, for there the name
of the file is made from the message's id, and a repeated delivery replaces the first. A batch of which messages have
moved between nodes of a cluster may, when a node ended meanwhile: whoever had it has forgotten then that another may
have them too, and they may go another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from momentum_trio.mail.record import Transferred

from ..evidence import Arrived, Evidence, Struck, Violation
from ..letter import batches_of
from ..scenario import PAIRS, FaultKind, Program, Turn
from .custody import ENDING, address, attempts_by_mail, copies, mails_by_name, may_have_left_a_copy, strikes

NAME = "delivered_once"

HARMLESS = frozenset({FaultKind.CLOCK_STEP, FaultKind.CONSOLE, FaultKind.BIT_ROT})
"""Kinds after which nobody sends anything again."""


def delivered_once(evidence: Evidence) -> Iterator[Violation]:
    """One for each mailbox with more copies of a mail than there are causes."""
    mails, attempts, silent = mails_by_name(evidence), attempts_by_mail(evidence), unsaid(evidence)
    moved = frozenset(
        record.batch_id.encode() for _, record in evidence.world.records if isinstance(record, Transferred)
    )
    for (name, path), found in copies(evidence).items():
        if name not in mails or len(found) < 2:
            continue
        sent = [
            attempt
            for attempt in attempts.get(name, ())
            if may_have_left_a_copy(evidence, attempt) and path in map(address, attempt.forward_paths)
        ]
        began = min((attempt.began for attempt in sent), default=0.0)
        by_batch: dict[bytes, list[Arrived]] = {}
        for arrived in found:
            by_batch.setdefault(batch_of(arrived), []).append(arrived)
        for batch, same in by_batch.items():
            said = len(same) - silent[name, path]
            relayed = _relayed(evidence, same[0]) and broke(evidence, same[0].host, began)
            if said > 1 and not relayed and not (batch in moved and _ended(evidence, began)):
                yield _violation(name, same, f"as one batch, {batch.decode('ascii', 'replace')}")
        by_one = silent[name, path] if _hops(found) > 1 else 0
        if len(by_batch) - by_one > max(len(sent), 1) and not (
            _hops(found) > 1 and broke(evidence, found[0].host, began)
        ):
            yield _violation(name, found, f"by {len(sent)} attempts that may have left one")


def unsaid(evidence: Evidence) -> Counter[tuple[str, str]]:
    """How often a sink kept a mail for an address and then did not say so, by the mail's name and the address."""
    return Counter(
        (heard.mail, address(heard.forward_path))
        for heard in evidence.heard
        if heard.turn is Turn.STORED and not heard.reply.startswith("2")
    )


def batch_of(arrived: Arrived) -> bytes:
    """The id that the last node gave it: of the first Received field. Empty where no node says one."""
    return next(iter(batches_of(arrived.octets)), b"")


def _hops(found: list[Arrived]) -> int:
    """Through how many nodes the copy that went through most of them came."""
    return max(len(batches_of(arrived.octets)) for arrived in found)


def _relayed(evidence: Evidence, arrived: Arrived) -> bool:
    """Whether it was handed on over SMTP, and not written by the node that had it."""
    return evidence.scenario.host(arrived.host).program is Program.SINK


def broke(evidence: Evidence, last: str, began: float) -> bool:
    """Whether a node, the *last* host or what lies between two of them was broken at some time from *began* on."""
    places = [plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY] + [last]
    kinds = [kind for kind in FaultKind if kind not in HARMLESS]
    return any(_touches(struck, places) for struck in strikes(evidence, kinds) if _lasted_to(struck, began))


def _ended(evidence: Evidence, began: float) -> bool:
    """Whether the life of a node ended at some time from *began* on."""
    return any(_lasted_to(struck, began) for struck in strikes(evidence, [FaultKind.STOP, *ENDING]))


def _touches(struck: Struck, places: list[str]) -> bool:
    asked = all if struck.fault.kind in PAIRS else any
    return asked(target in places for target in struck.fault.targets)


def _lasted_to(struck: Struck, began: float) -> bool:
    return struck.ended is None or struck.ended >= began


def _violation(name: str, found: list[Arrived], how: str) -> Violation:
    places = ", ".join(arrived.place for arrived in found)
    text = f"{name} lies {len(found)} times at {found[0].forward_path}, {how}: {places}"
    return Violation(NAME, text, mail=name, host=found[0].host)
