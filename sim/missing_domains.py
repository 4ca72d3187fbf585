"""Domains that mail goes to by MX and that no name of the scenario has: said at load, as ``missing`` says the rest."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.config.kind import quoted
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option
from momentum_trio.mail.path import split

from .checks.configuration import goes_by_mx
from .draw import NUMBERS
from .said import Said
from .scenario import Program, Scenario
from .scenario_options import LoadOptions, MailOptions
from .scenario_scopes import Cast


def unknown_domains(said: Said, simulation: Scope, scenario: Scenario, cast: Cast) -> None:
    """Say of each domain once where it stands, and what to add.

    Where the domain is routed by something else than its own ``Gateway`` or method, nothing is said.
    """
    nodes = [plan for plan in scenario.hosts if plan.program is Program.ECELERITY]
    sink = next((plan.name for plan in scenario.hosts if plan.program is Program.SINK), "HOST")
    told: dict[str, None] = {}
    for scope, option, path in _recipients(said, simulation):
        domain = NUMBERS.sub(lambda found: found[1], split(path)[1]).lower()
        if not domain or domain in told or domain.startswith("[") or cast.has_name(domain):
            continue
        if any(goes_by_mx(plan, domain) for plan in nodes):
            told[domain] = None
            name = domain if "{" not in path else f"*.{domain.partition('.')[2]}"
            line = f'add to Simulation: Name {quoted(name)} {{ is = "{sink}" }}, with mx = "10 NAME" if it has one'
            said.wrong_value(
                scope, option, f"no name of this world is '{domain}', and mail goes there by MX", line, path
            )


def _recipients(said: Said, simulation: Scope) -> Iterator[tuple[Scope, Option[tuple[str, ...]], str]]:
    for kind, option in (("load", LoadOptions.recipients), ("mail", MailOptions.recipients)):
        for scope in simulation.all(kind):
            for path in said.value(scope, option):
                yield scope, option, path
