"""What an operator does at the console of a cluster's manager, act by act: from a random source to lines. Pure.

He has a few commands that he uses again and again (``Bureau``), some of them good on one node alone or on none. So he
may ask for answers to what was never asked, was asked twice, was asked before the manager was started anew, or is
forgotten, and is told so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .operator_acts import NOBODYS, Lines
from .scenario import Act, Program, Scenario

COMMANDS_COUNT = 12
SUBCLUSTER, NO_SUBCLUSTER = "default", "nowhere"
VALUES = (1000, 9999)  # of an option: no operator of a node sets such a one
PORTS = (20_000, 29_999)
SOON_SECONDS, LATER_SECONDS = (0.0, 0.3), (0.3, 8.0)  # after asking, before the answers are looked at
OPTIONS = ("Retry_Interval", "Max_Retry_Interval")  # what the mail of a scenario does not depend on
QUESTIONS = ("version", "config get Retry_Interval", "config get Max_Retry_Interval")


@dataclass(frozen=True, slots=True)
class Bureau:
    """What he knows. nodes: names of the hosts that run the product. commands: those he uses."""

    nodes: tuple[str, ...]
    commands: tuple[str, ...]


def bureau_of(scenario: Scenario, of: random.Random) -> Bureau:
    """The bureau of a manager of *scenario*'s nodes."""
    nodes = {plan.name: plan.addresses[0] for plan in scenario.hosts if plan.program is Program.ECELERITY}
    addresses = (*nodes.values(), NOBODYS)
    changes = tuple(_change(of, addresses) for _ in range(COMMANDS_COUNT))
    return Bureau(tuple(nodes), (*QUESTIONS, *changes))


def _change(of: random.Random, addresses: tuple[str, ...]) -> str:
    """One that changes something: on all nodes, on that which has an address, or on none."""
    value = of.randint(*VALUES)
    good = f"config set {of.choice(OPTIONS)} {value}"
    here = f"config set esmtp_listener listen {of.choice(addresses)}:{of.randint(*PORTS)} enable true"
    wrong = of.choice((f"config set Retry_Intervall {value}", f"config set Retry_Interval soon{value}"))
    return of.choices((good, here, wrong), (4, 2, 1))[0]


def _wait(of: random.Random) -> Lines:
    """Nothing, a moment, or longer."""
    way = of.random()
    if way < 0.3:
        return []
    return [f"wait {of.uniform(*(SOON_SECONDS if way < 0.7 else LATER_SECONDS)):.3f}"]


# the acts


def _broadcasts(of: random.Random, bureau: Bureau) -> Lines:
    """One to three commands to all, and their answers, in any order."""
    commands = of.sample(bureau.commands, of.randint(1, 3))
    if of.random() < 0.15:
        return [f"leave: broadcast {commands[0]}", *_wait(of), f"retrieve {commands[0]}"]
    if of.random() < 0.15:
        return [f"both: broadcast {commands[0]}", *_wait(of), f"retrieve {commands[0]}"]
    asked = [f"broadcast {command}" for command in commands]
    return [*asked, *_wait(of), *(f"retrieve {command}" for command in of.sample(commands, len(commands)))]


def _asks_some(of: random.Random, bureau: Bureau) -> Lines:
    """Those of a subcluster, of none, or one node."""
    command, node = of.choice(bureau.commands), of.choice(bureau.nodes)
    ways: list[Lines] = [
        [f"subcluster broadcast {SUBCLUSTER} {command}", *_wait(of), f"subcluster retrieve {SUBCLUSTER} {command}"],
        [f"subcluster broadcast {NO_SUBCLUSTER} {command}"],
        [f"unicast {node} {command}", *_wait(of), f"retrieve_node {node} {command}"],
        [f"unicast {node} {command}", *_wait(of), f"retrieve {command}"],
    ]
    return of.choice(ways)


def _retrieves(of: random.Random, bureau: Bureau) -> Lines:
    """What may have been asked before, or not."""
    command = of.choice(bureau.commands)
    ways = (f"retrieve {command}", f"retrieve_node {of.choice(bureau.nodes)} {command}")
    return [of.choice(ways)]


def _flushes(of: random.Random, bureau: Bureau) -> Lines:
    command = of.choice(bureau.commands)
    asked = [f"broadcast {command}", *_wait(of)] if of.random() < 0.5 else []
    return [*asked, "flush control cache", f"retrieve {command}"]


def _looks(of: random.Random, bureau: Bureau) -> Lines:
    return of.sample(["info", "show cluster membership"], 2)


def _comes_anew(of: random.Random, bureau: Bureau) -> Lines:
    """The manager leaves its groups and comes again, while commands are under way."""
    command, other = of.sample(bureau.commands, 2)
    anew = f"config set cluster Heartbeat_Start_Delay {of.randint(1, 5)}"
    return [f"broadcast {command}", anew, *_wait(of), f"broadcast {other}", *_wait(of), f"retrieve {other}"]


ACTS: Mapping[Act, Callable[[random.Random, Bureau], Lines]] = {
    Act.BROADCAST: _broadcasts,
    Act.SOME: _asks_some,
    Act.RETRIEVE: _retrieves,
    Act.FLUSH: _flushes,
    Act.MEMBERSHIP: _looks,
    Act.ANEW: _comes_anew,
}
"""What each act is."""
