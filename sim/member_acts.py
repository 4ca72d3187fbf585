"""What members of the bus do, act by act: from a random source to a line of text, and back. Pure.

A member is a process beside a node, which is connected to that node's bus. Most acts publish; some come in bursts, with
long messages, or while the process stands still, so that queues grow.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from momentum_trio.net.group import Service

BURST_MAX = 60  # messages that one act publishes
OCTETS = (40, 4_000)  # of a message: its name, and padding
STALL_SECONDS = (0.2, 20.0)
CRASH_SECONDS = (0.05, 5.0)
SHARES = {"publish": 0.66, "join": 0.12, "leave": 0.1, "tell": 0.06, "stall": 0.03, "crash": 0.03}


@dataclass(frozen=True, slots=True)
class Join:
    """It joins *group*."""

    group: str


@dataclass(frozen=True, slots=True)
class Leave:
    """It leaves *group*."""

    group: str


@dataclass(frozen=True, slots=True)
class Publish:
    """It publishes *count* messages of *octets* each, at once."""

    group: str
    service: Service
    count: int
    octets: int


@dataclass(frozen=True, slots=True)
class Tell:
    """It sends *count* messages to the member beside *host* alone."""

    host: str
    count: int


@dataclass(frozen=True, slots=True)
class Stall:
    """It stands still for so long (SIGSTOP): what comes for it queues."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Crash:
    """It is killed, and there again so much later."""

    seconds: float


MemberAct: TypeAlias = Join | Leave | Publish | Tell | Stall | Crash


def text_of(act: MemberAct) -> str:
    """The line that says *act* in a scenario."""
    match act:
        case Join(group) | Leave(group):
            return f"{type(act).__name__.lower()} {group}"
        case Publish(group, service, count, octets):
            return f"publish {group} {service.name.lower()} {count} {octets}"
        case Tell(host, count):
            return f"tell {host} {count}"
        case Stall(seconds) | Crash(seconds):
            return f"{type(act).__name__.lower()} {seconds:g}"


def act_of(text: str) -> MemberAct:
    """The act that the line *text* says. Raises ValueError with what would be right."""
    match text.split():
        case ["join", group]:
            return Join(group)
        case ["leave", group]:
            return Leave(group)
        case ["publish", group, service, count, octets] if service.upper() in Service.__members__:
            return Publish(group, Service[service.upper()], int(count), int(octets))
        case ["tell", host, count]:
            return Tell(host, int(count))
        case ["stall", seconds]:
            return Stall(float(seconds))
        case ["crash", seconds]:
            return Crash(float(seconds))
    raise ValueError(
        "expected join GROUP, leave GROUP, publish GROUP SERVICE COUNT OCTETS, tell HOST COUNT, stall SECONDS or"
        " crash SECONDS"
    )


def drawn_act(of: random.Random, groups: Sequence[str], hosts: Sequence[str]) -> MemberAct:
    """One act of a member that knows *groups* and that there are members beside *hosts*."""
    what = of.choices(list(SHARES), list(SHARES.values()))[0]
    return _DRAWN[what](of, groups, hosts)


def _publish(of: random.Random, groups: Sequence[str], hosts: Sequence[str]) -> MemberAct:
    count = of.choice((1, 1, 1, 2, 5, of.randint(1, BURST_MAX)))
    return Publish(of.choice(groups), of.choice(tuple(Service)), count, of.choice((OCTETS[0], of.randint(*OCTETS))))


_DRAWN: dict[str, Callable[[random.Random, Sequence[str], Sequence[str]], MemberAct]] = {
    "publish": _publish,
    "join": lambda of, groups, hosts: Join(of.choice(groups)),
    "leave": lambda of, groups, hosts: Leave(of.choice(groups)),
    "tell": lambda of, groups, hosts: Tell(of.choice(hosts), of.randint(1, 3)),
    "stall": lambda of, groups, hosts: Stall(round(of.uniform(*STALL_SECONDS), 3)),
    "crash": lambda of, groups, hosts: Crash(round(of.uniform(*CRASH_SECONDS), 3)),
}
