"""A row of the table of policy: a built-in check that waits for somebody, or a user's plug-in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Verdict


class Row(Protocol):
    """One that is asked. name: as the rejectlog's module. phases: those it has something to say in."""

    @property
    def name(self) -> str: ...
    @property
    def phases(self) -> frozenset[PolicyPhase]: ...

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """Its verdict, of the kinds that *phase* has. Raises nothing; takes a bounded time."""
        ...

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """What it has said cannot be done: tell the operator. Returns what the client is told instead."""
        ...


Rows = Mapping[PolicyPhase, tuple[Row, ...]]

NO_ROWS: Rows = {}

HELO, DNSBL = "helo", "dnsbl"
"""The names of built-in ones; those of mail authentication are named as their modules (modules.py)."""

BYPASS = "__bypass_"
"""Begins a name in Context that, being true, leaves out the row it ends with (the manual, section 62.1.2)."""


def bypassed(context: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names of rows that *context* leaves out."""
    names = (name.removeprefix(BYPASS) for name, value in context if name.startswith(BYPASS) and value == "true")
    return frozenset(names)


def by_phase(rows: Iterable[Row]) -> Rows:
    """*rows*, in their order, by the phases in which they are asked; phases without one are left out."""
    held = tuple(rows)
    found = {phase: tuple(row for row in held if phase in row.phases) for phase in PolicyPhase} if held else NO_ROWS
    return {phase: asked for phase, asked in found.items() if asked}
