"""Relaying is denied to whom the configuration denies it, and to nobody else (reference_acl.py judges).

Of a node that was told at its console to change what this depends on, what may have held from then on (in_force.py)
judges: a session of which that is certain, and the Listens have been the same since it connected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ..evidence import Attempt, Evidence, Violation
from ..measure import is_address
from ..reference_acl import Asker, RawScope, may_relay
from ..scenario import FaultKind, Program
from .configuration import root_of
from .custody import address, attempts_by_mail, copies, strikes
from .in_force import InForce, in_force

NAME = "relay_denied"
DENIED = "550 5.7.1 relaying denied"

Asked = dict[tuple[int, Asker, str, str], tuple[RawScope, bool]]
"""What the reference said, by the identity of a configuration, the client, reverse-path and forward-path."""

_CONCERNS = re.compile(r"(?i)\breload|(?:\bset|\bunset)\b.*(?:relay|peer|pathway|bounce_domains|listen|unqualified)")


def relay_denied(evidence: Evidence) -> Iterator[Violation]:
    """One for each forward-path that was answered wrongly, or arrived though every attempt had to be denied."""
    may: dict[tuple[int, str], bool] = {}  # by the identity of an attempt: to hash its values would cost more
    asked: Asked = {}
    held = {plan.name: in_force(evidence, plan.name) for plan in evidence.scenario.hosts}
    for attempt in evidence.attempts:
        for path in attempt.mail.forward_paths:
            if (permitted := _permitted(evidence, held, attempt, path, asked)) is None:
                continue
            may[id(attempt), path] = permitted
            yield from _misjudged(attempt, path, permitted)
    attempts, arrived = attempts_by_mail(evidence), copies(evidence)
    for name, tries in attempts.items():
        for path in tries[0].mail.forward_paths:
            if (name, address(path)) in arrived and not any(may.get((id(each), path), True) for each in tries):
                yield _violation(tries[-1], f"{path} got it, though relaying there was to be denied each time")


def _misjudged(attempt: Attempt, path: str, permitted: bool) -> Iterator[Violation]:
    """At most one, where *path* was answered otherwise than *permitted* says."""
    denied = dict(attempt.refused_paths).get(path, "").startswith(DENIED)
    if path in attempt.forward_paths and not permitted:
        yield _violation(attempt, f"{path} was accepted from {attempt.source_address}, who may not relay there")
    if denied and permitted:
        yield _violation(attempt, f"{path} was denied to {attempt.source_address}, who may relay there")


def _permitted(evidence: Evidence, held: dict[str, InForce], attempt: Attempt, path: str, asked: Asked) -> bool | None:
    """Whether the configuration lets *attempt* send to *path*; None where that is not known."""
    plans = {plan.name: plan for plan in evidence.scenario.hosts}
    plan = plans.get(attempt.target_host)
    if plan is None or plan.program is not Program.ECELERITY or not attempt.source_address:
        return None
    root: RawScope | None = root_of(plan)
    if attempt.ended >= _changed_at(evidence, plan.name):
        root = _since(held[plan.name], attempt)
    if root is None:
        return None
    reached = attempt.mail.target if is_address(attempt.mail.target) else plan.addresses[0]
    asker = Asker(reached, attempt.mail.port, attempt.source_address)
    question = id(root), asker, attempt.mail.reverse_path, path
    if question not in asked:
        asked[question] = root, may_relay(root, asker, attempt.mail.reverse_path, path)
    return asked[question][1]


def _since(held: InForce, attempt: Attempt) -> RawScope | None:
    """What held during *attempt*; None where that is not certain, or the Listens have changed since it connected."""
    now = held.at(attempt.began, attempt.ended)
    if now is None or attempt.connected is None:
        return None
    before = held.during(attempt.connected, attempt.ended)
    return now.view() if all(each.sockets() == now.sockets() for each in before) else None


def _changed_at(evidence: Evidence, host: str) -> float:
    """When the console of *host* was first told something that changes who may relay."""
    said = (struck for struck in strikes(evidence, [FaultKind.CONSOLE], host) if _CONCERNS.search(struck.fault.text))
    return min((struck.began for struck in said), default=math.inf)


def _violation(attempt: Attempt, text: str) -> Violation:
    return Violation(NAME, f"{attempt.mail.name}: {text}", attempt.ended, attempt.mail.name, attempt.target_host)
