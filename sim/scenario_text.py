"""Scenario files: text in the product's own configuration language (docs/scenario.md), read, checked and written.

One parser, one editor mode and one include mechanism serve a host's configuration and the world it is tried in.
Everything here happens before there is a world, with plain blocking reads of the real tree.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TextIO

from momentum_trio.cli import configuration
from momentum_trio.config.check import check as check_names
from momentum_trio.config.error import ConfigError, ConfigErrors, in_order, render
from momentum_trio.config.include import Loader
from momentum_trio.config.merged import Scope
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position
from momentum_trio.net.netblock import Netblock

from .measure import shown_seconds
from .missing import Lack, lacks
from .missing_domains import unknown_domains
from .production import Production, Reading, socket_folders
from .said import Said
from .scenario import CONFIGURED, HostPlan, Scenario
from .scenario_hosts import HostReader
from .scenario_options import SimulationOptions, schema
from .scenario_scopes import Cast, Reader
from .scenario_write import write

__all__ = ["EXIT_BAD_SCENARIO", "Checked", "ScenarioErrors", "check", "check_command", "read", "write"]

EXIT_BAD_SCENARIO = 2


class ScenarioErrors(ConfigErrors):
    """Everything that is wrong with a scenario, its hosts' configurations included, and all that these lack."""


@dataclass(slots=True)
class Checked:
    """What came of reading. problems: errors, each file from its top; with one of them there is no scenario.

    texts: the files they stand in, by name.
    """

    scenario: Scenario | None = None
    problems: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def add(self, production: Production, lacking: Sequence[Lack]) -> None:
        """What is to be said of a host's configuration; of one that two hosts share, once."""
        self.problems = _once((*self.problems, *production.errors, *(lack.error() for lack in lacking)))
        self.warnings = _once((*self.warnings, *production.warnings))
        self.texts.update(production.texts)


def read(path: str, reading: Reading = configuration.read) -> Scenario:
    """The scenario in the file *path*, with all it includes and every file of its hosts.

    reading: what is at a path of the real tree. Raises ScenarioErrors with everything that is wrong or lacking.
    """
    found = check(path, reading)
    if found.scenario is None:
        raise ScenarioErrors(found.problems, found.texts)
    return found.scenario


def check_command(path: str, out: TextIO) -> int:
    """``ec_sim check FILE``: tell *out* what is wrong with the scenario, or what is in it. 0 good, 2 not."""
    found = check(path)
    said = (*found.problems, *found.warnings)
    if said:
        print(render(said, found.texts), file=out)
    if found.scenario is None:
        print(f"{path}: {len(found.problems)} to put right", file=out)
        return EXIT_BAD_SCENARIO
    print("\n".join(_summary(path, found.scenario)), file=out)
    return 0


def check(path: str, reading: Reading = configuration.read) -> Checked:
    """What is wrong with the scenario in the file *path*, and the scenario when nothing is."""
    loader = Loader(path, schema())
    while wanted := loader.wanted():
        for wish in wanted:
            loader.supply(wish, reading(wish))
    try:
        tree, errors = loader.outcome()
    except ConfigErrors as missing:
        return Checked(problems=list(missing.errors))
    found = Checked(problems=list(errors), warnings=list(tree.text_warnings), texts=tree.sources())
    if not any(error.is_structural for error in errors):
        names = check_names(tree)
        found.problems += (error for error in names if not error.warning)
        found.warnings += (error for error in names if error.warning)
        scenario = _scenario(path, tree, reading, found)
        found.scenario = None if found.problems else scenario
    found.problems = in_order(found.problems, tree.files)
    return found


def _scenario(path: str, tree: ConfigTree, reading: Reading, found: Checked) -> Scenario | None:
    """The scenario as far as it goes; what is wrong is added to *found*."""
    said = Said(tree)
    simulation = tree.root.child("simulation")
    if simulation is None:
        said.wrong(Position(path, 1, 1), "Simulation", "there is none", "write Simulation { ... } around it all")
        found.problems += said.errors
        return None
    hosts = HostReader(said, posixpath.dirname(path), reading, configuration.schema())
    plans = hosts.hosts(simulation)
    cast = _cast(said, simulation, {name: plan for name, (plan, _) in plans.items()})
    reader = Reader(said, simulation, cast)
    scenario = Scenario(
        hosts=tuple(_loaded(hosts, plan, scope, cast, found) for plan, scope in plans.values()),
        links=reader.links(),
        names=cast.names,
        mails=reader.mails(),
        loads=reader.loads(),
        operators=reader.operators(),
        members=reader.members(),
        faults=reader.faults(),
        swarm=reader.swarm(),
        expect=reader.expect(),
        duration_seconds=said.value(simulation, SimulationOptions.duration),
        short_share=said.value(simulation, SimulationOptions.short),
        seed=said.value(simulation, SimulationOptions.seed),
        unreachable=said.value(simulation, SimulationOptions.unreachable),
        source=path,
    )
    if not found.problems and not said.errors:
        unknown_domains(said, simulation, scenario, cast)
    if not scenario.hosts:
        said.wrong(simulation.at, "Host", "there is no host", 'write Host "mx" { addresses = ( "10.0.0.1" ) ... }')
    found.problems += said.errors
    return scenario


def _cast(said: Said, simulation: Scope, plans: dict[str, HostPlan]) -> Cast:
    blocks = tuple(Netblock.parse(text) for text in said.value(simulation, SimulationOptions.unreachable))
    cast = Cast(plans, Reader(said, simulation, Cast(plans)).names(), blocks)
    Reader(said, simulation, cast).exchangers()
    return cast


def _loaded(hosts: HostReader, plan: HostPlan, scope: Scope, cast: Cast, found: Checked) -> HostPlan:
    """*plan* with the files of its configuration."""
    if plan.program not in CONFIGURED or not (plan.config_source or plan.config in dict(plan.files)):
        return plan
    production = hosts.production(plan, scope)
    if production is None:
        return plan
    found.add(production, lacks(production, plan, cast))
    read_files = sorted(production.files.read.items())
    return replace(
        plan,
        files=(*plan.files, *read_files),
        file_sources=(*plan.file_sources, *((at, "") for at, _ in read_files)),
        folders=() if production.tree is None else socket_folders(production.tree),
    )


def _once(errors: Iterable[ConfigError]) -> list[ConfigError]:
    return list({str(error): error for error in errors}.values())


def _summary(path: str, scenario: Scenario) -> Iterator[str]:
    yield f"{path}: good"
    for plan in scenario.hosts:
        files = f", {_count(len(plan.files), 'file')}" if plan.files else ""
        yield f"  {plan.name}: {plan.program.value} at {' '.join(plan.addresses)}{files}"
    mails = len(scenario.mails) + sum(load.count for load in scenario.loads)
    swarm = "" if scenario.swarm is None else f", a swarm of {_count(len(scenario.swarm.kinds), 'kind')}"
    faults = _count(len(scenario.faults), "fault")
    talks, acts = (sum(each.count for each in said) for said in (scenario.operators, scenario.members))
    talk = f", {_count(talks, 'conversation')}" if talks else ""
    talk += f", {_count(acts, 'act')} of members" if acts else ""
    yield f"  {_count(mails, 'message')}, {faults}{talk}{swarm}, {shown_seconds(scenario.duration_seconds)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
