"""What is typed, understood: verbs, times, faults, mails. Nothing here knows of a running world."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from momentum_trio.config.value import Word

from ..measure import DURATION, PLACE, SIZE, is_address
from ..said import nearest
from ..scenario import SAID, SPLITS, Fault, FaultKind, HostPlan, Mail, Program, Scenario
from ..scenario_options import FAULTS, is_between, is_one, lasts, may_last

LINE_MAX = 10_000  # characters of a line
OF_THE_PRODUCT = SAID | SPLITS | {FaultKind.BIT_ROT}
UNTIL_HEALED = math.inf  # seconds of a fault that nobody has ended yet


class Misunderstood(Exception):
    """The line asks for nothing that can be done: why, and what would be right."""


def verb_in(word: str, verbs: Iterable[str]) -> str:
    """The verb that *word* is, or the only one it begins."""
    known = list(verbs)
    if word in known:
        return word
    begun = [verb for verb in known if verb.startswith(word)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise Misunderstood(f"'{word}' begins {', '.join(sorted(begun))}: which?")
    raise Misunderstood(f"there is no command '{word}' ({_nearest(word, known)})")


def _nearest(word: str, known: list[str]) -> str:
    said = nearest(word, known)
    return said if said.startswith("did you mean") else "help lists them"


def seconds(text: str) -> float:
    """``5``, ``5s``, ``250ms``, ``2m``."""
    plain = text.replace(".", "", 1).isdecimal() and text.isascii()
    try:
        return DURATION.parse(Word(f"{text}s" if plain else text))
    except ValueError as wrong:
        raise Misunderstood(f"'{text}': {wrong}") from None


def count(text: str, most: int) -> int:
    """From 1 on."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise Misunderstood(f"'{text}' is no number from 1 to {most}")
    return int(text)


def host(name: str, scenario: Scenario, program: Program | None = None) -> HostPlan:
    """The host of that name, which runs *program* if that is said."""
    plans = {plan.name: plan for plan in scenario.hosts}
    if name not in plans:
        raise Misunderstood(f"there is no host '{name}' ({nearest(name, plans)})")
    if program is not None and plans[name].program is not program:
        raise Misunderstood(f"'{name}' is a {plans[name].program.value}: it runs no {program.value}")
    return plans[name]


# -- faults


def usage(kind: FaultKind) -> str:
    """How a fault of *kind* is typed."""
    form = FAULTS[kind]
    if form.has_text:
        return f"{kind.value} HOST TEXT"
    amount = "" if form.amount is None else f" {_amount_of(kind)}"
    time = " [for TIME]" if may_last(kind) else ""
    return f"{kind.value} {'ONE OTHER' if is_between(kind) else 'HOST...'}{amount}{time}"


def _amount_of(kind: FaultKind) -> str:
    amount = FAULTS[kind].amount
    assert amount is not None
    return {"count": "COUNT", "size": "OCTETS", "share": "SHARE"}.get(amount.name, "TIME")


def faults(kind: FaultKind, words: Sequence[str], scenario: Scenario) -> list[Fault]:
    """The faults that ``KIND *words*`` asks for; when they strike is not said yet. Without ``for``: until healed."""
    targets = list(words)
    lasting = UNTIL_HEALED if lasts(kind) else 0.0
    if len(targets) >= 2 and targets[-2] == "for":
        if not may_last(kind):
            raise Misunderstood(f"{kind.value} happens at once: it has no duration")
        lasting = seconds(targets[-1])
        del targets[-2:]
    amount = _amount(kind, targets)
    for target in targets:
        host(target, scenario, Program.ECELERITY if kind in OF_THE_PRODUCT else None)
    if is_between(kind):
        if len(targets) != 2 or targets[0] == targets[1]:
            raise Misunderstood(f"it lies between two hosts: {usage(kind)}")
        return [Fault(kind, 0.0, tuple(targets), lasting, amount)]
    if not targets:
        raise Misunderstood(f"which host? {usage(kind)}")
    once = tuple(dict.fromkeys(targets))
    return [Fault(kind, 0.0, each, lasting, amount) for each in ([once] if is_one(kind) else [(one,) for one in once])]


def _amount(kind: FaultKind, targets: list[str]) -> float:
    """The amount, which is the last of the words, taken off them."""
    form = FAULTS[kind]
    if form.amount is None:
        return 0.0
    text = targets.pop() if targets else ""
    try:
        return float(form.amount.parse(Word(text)))
    except ValueError as wrong:
        raise Misunderstood(f"'{text}': {wrong}, {form.unit}: {usage(kind)}") from None


# -- mail

SEND = "send FROM TO[:PORT] PATH... [octets N]"


def mail(words: Sequence[str], scenario: Scenario, name: str) -> Mail:
    """The mail that ``send *words*`` asks for, in a session of its own. FROM: a client or one of its addresses."""
    rest, octets = list(words), 400
    if len(rest) >= 2 and rest[-2] == "octets":
        octets = _size(rest[-1])
        del rest[-2:]
    if len(rest) < 3:
        raise Misunderstood(SEND)
    plan, address = _client(rest[0], scenario)
    target, port = _place(rest[1], scenario)
    for path in rest[2:]:
        if "@" not in path.strip("@"):
            raise Misunderstood(f"'{path}' is no forward-path such as alice@example.com: {SEND}")
    session = 1 + max((each.session for each in scenario.mails), default=0)
    return Mail(
        name, 0.0, plan.name, target, port, tuple(rest[2:]), octets=octets, session=session, source_address=address
    )


def _size(text: str) -> int:
    try:
        return SIZE.parse(Word(text))
    except ValueError as wrong:
        raise Misunderstood(f"'{text}': {wrong}") from None


def _client(text: str, scenario: Scenario) -> tuple[HostPlan, str]:
    if is_address(text):
        for plan in scenario.hosts:
            if text in plan.addresses and plan.program is Program.CLIENT:
                return plan, text
        raise Misunderstood(f"no client has the address {text}")
    return host(text, scenario, Program.CLIENT), ""


def _place(text: str, scenario: Scenario) -> tuple[str, int]:
    try:
        target, port = PLACE.parse(Word(text))
    except ValueError as wrong:
        raise Misunderstood(f"'{text}': {wrong}") from None
    if not is_address(target):
        host(target, scenario)
    elif not any(target in plan.addresses for plan in scenario.hosts):
        raise Misunderstood(f"no host has the address {target}")
    return target, port
