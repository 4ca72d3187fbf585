"""The names of a scenario as its nameservers answer them to dnspython, over the network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dns_story import asked, resolver
from small_scenario import NAMES, SCENARIO, mails

from momentum_trio.machine import Machine
from sim import World
from sim.evidence import Verdict
from sim.run import run
from sim.scenario import DnsAnswer, Fault, FaultKind, NamePlan, Program, Scenario
from sim.zone import ADDRESS, nameserver_of

NAMED = replace(
    SCENARIO,
    names=(
        NamePlan("sink.example", ("sink",), ("10 mx1.sink.example", "20 sink"), ('TXT "v=spf1 -all"',)),
        NamePlan("mx1.sink.example", ("sink",)),
        NamePlan("*.many.example", mx=("10 sink",)),
        NamePlan("own.many.example", mx=("5 mx",)),
        NamePlan("broken.example", ("sink",), answer=DnsAnswer.SERVFAIL),
        NamePlan("nobody.example"),
        NamePlan("null.example", mx=("0 .",)),
        NamePlan("slow.example", ("sink",), after_seconds=3.0),
        NamePlan("long.example", ("sink",), truncated=True),
    ),
)


def answers(scenario: Scenario, *questions: tuple[str, str]) -> list[list[str] | str]:
    """What a client hears."""
    world = World(1)
    client, names = world.host("client", "10.0.0.7"), world.host("names", NAMES)

    async def ask(machine: Machine) -> list[list[str] | str]:
        return [await asked(resolver(NAMES, lifetime=8.0, timeout=5.0), *question) for question in questions]

    async def story() -> list[list[str] | str]:
        await names.start(nameserver_of(scenario).serve)
        return await client.call(ask)

    return world.run(story)


@pytest.mark.parametrize(
    ("name", "rdtype", "found"),
    [
        ("sink.example", "MX", ["10 mx1.sink.example.", "20 sink."]),
        ("sink.example", "A", ["10.0.0.99"]),
        ("sink.example", "TXT", ['"v=spf1 -all"']),
        ("mx1.sink.example", "AAAA", "NoAnswer"),
        ("mx", "A", ["10.0.0.25"]),
        ("d17.many.example", "MX", ["10 sink."]),
        ("own.many.example", "MX", ["5 mx."]),
        ("broken.example", "A", "NoNameservers"),
        ("nobody.example", "MX", "NXDOMAIN"),
        ("elsewhere.example", "A", "NXDOMAIN"),
        ("null.example", "MX", ["0 ."]),
        ("slow.example", "A", ["10.0.0.99"]),
        ("long.example", "A", ["10.0.0.99"]),
    ],
)
def test_names_are_answered_as_the_scenario_says(name: str, rdtype: str, found: list[str] | str) -> None:
    assert answers(NAMED, (name, rdtype)) == [found]


@pytest.mark.parametrize("kind", [FaultKind.DNS_SERVFAIL, FaultKind.DNS_LOST, FaultKind.DNS_SLOW])
def test_a_fault_strikes_a_nameserver_and_ends(kind: FaultKind) -> None:
    scenario = replace(NAMED, mails=mails(2), faults=(Fault(kind, 2.0, ("names",), 3.0, 1.0),), duration_seconds=10.0)
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert result.marks[f"fault.{kind.value}"] == 1


def test_without_a_nameserver_of_its_own_a_world_has_one() -> None:
    hosts = tuple(host for host in SCENARIO.hosts if host.program is not Program.NAMESERVER)
    result = run(replace(SCENARIO, hosts=hosts, mails=mails(1), duration_seconds=5.0), 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert result.evidence is not None
    assert {*result.evidence.world.hosts["mx"].nameservers} == {ADDRESS}
