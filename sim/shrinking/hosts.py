"""Fewer hosts, and plainer ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..scenario import Behaviour, Fault, HostPlan, Mail, NamePlan, Program, Scenario
from .search import Search


def fewer_hosts(search: Search) -> None:
    """Leave a host out with all that mentions it; then have one take the part of another of the same program."""
    for host in search.best.hosts:
        if len(search.best.hosts) > 1:
            candidate = without_host(search.best, host.name)
            if search.sensible(candidate):
                search.try_(candidate, f"without {host.name}")
    for host in search.best.hosts:
        search.first_of(each for each in _merged(search.best, host) if search.sensible(each[0]))


def without_host(scenario: Scenario, name: str) -> Scenario:
    """*scenario* without that host and everything that mentions it, by name or address."""
    expect, names = scenario.expect, (name, *scenario.host(name).addresses)
    return replace(
        scenario,
        hosts=tuple([host for host in scenario.hosts if host.name != name]),
        links=tuple([link for link in scenario.links if name not in (link.one, link.other)]),
        names=_without_name(scenario.names, name),
        mails=tuple([mail for mail in scenario.mails if mail.source != name and mail.target not in names]),
        faults=tuple([fault for fault in scenario.faults if name not in fault.targets]),
        expect=replace(expect, sufficient=tuple([each for each in expect.sufficient if each != name])),
    )


def _without_name(names: tuple[NamePlan, ...], host: str) -> tuple[NamePlan, ...]:
    """*names* that do not lead to *host* any more; one that led there alone is gone."""
    fewer = [
        replace(
            plan,
            hosts=tuple([each for each in plan.hosts if each != host]),
            mx=tuple([each for each in plan.mx if each.split()[-1].removesuffix(".").lower() != host]),
        )
        for plan in names
    ]
    pairs = zip(fewer, names, strict=True)
    return tuple([plan for plan, before in pairs if plan.hosts or plan.mx or plan.records or plan == before])


def _merged(scenario: Scenario, host: HostPlan) -> Iterator[tuple[Scenario, str]]:
    """Another of the same program takes the part of *host*; not a client whose mails have the keys of that one's."""
    for other in scenario.hosts:
        if other.program is host.program is not Program.SINK and other.name != host.name:
            mails = tuple([_moved(mail, host, other) for mail in scenario.mails])
            keys = [(mail.source, mail.key) for mail in mails if mail.key]
            if len(keys) == len(set(keys)):
                merged = replace(scenario, mails=mails, faults=_moved_faults(scenario.faults, host.name, other.name))
                yield without_host(merged, host.name), f"{other.name} instead of {host.name}"


def _moved_faults(faults: tuple[Fault, ...], name: str, other: str) -> tuple[Fault, ...]:
    """*faults* of the other host; not those that lay between the two."""
    moved = [
        replace(fault, targets=tuple([other if target == name else target for target in fault.targets]))
        for fault in faults
    ]
    return tuple([fault for fault in moved if len(set(fault.targets)) == len(fault.targets)])


def _moved(mail: Mail, host: HostPlan, other: HostPlan) -> Mail:
    return replace(
        mail,
        source=other.name if mail.source == host.name else mail.source,
        target=other.name if mail.target in (host.name, *host.addresses) else mail.target,
        source_address="" if mail.source == host.name else mail.source_address,
    )


def plainer_sinks(search: Search) -> None:
    """Sinks that behave in fewer ways."""
    for name in [host.name for host in search.best.hosts if host.sink.behaviours]:
        for behaviour in search.best.host(name).sink.behaviours:
            search.try_(with_behaviour(search.best, name, behaviour, ()), f"{name} without {behaviour.name}")


def with_behaviour(scenario: Scenario, name: str, behaviour: Behaviour, instead: tuple[Behaviour, ...]) -> Scenario:
    """*scenario* whose sink *name* has *instead* where it had *behaviour*."""

    def other(host: HostPlan) -> HostPlan:
        if host.name != name:
            return host
        place = host.sink.behaviours.index(behaviour)
        behaviours = (*host.sink.behaviours[:place], *instead, *host.sink.behaviours[place + 1 :])
        return replace(host, sink=replace(host.sink, behaviours=behaviours))

    return replace(scenario, hosts=tuple([other(host) for host in scenario.hosts]))
