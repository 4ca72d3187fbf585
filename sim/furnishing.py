"""The hosts, links and names of a world, as a scenario has them."""

from __future__ import annotations

from . import certificates
from .host import Host
from .nameserver import Nameserver
from .scenario import HostPlan, Program, Scenario
from .sink import CERTIFICATE, KEY
from .world import World
from .zone import ADDRESS as NAMESERVER_ADDRESS
from .zone import NAME as NAMESERVER
from .zone import nameserver_of


def furnish(world: World, scenario: Scenario) -> dict[str, Host]:
    """Make the hosts of *scenario*, by name, and have the world know their names."""
    hosts = {plan.name: _furnished(world, plan) for plan in scenario.hosts}
    for name in scenario.names:
        world.names.add(name.name, [ip for host in name.hosts for ip in hosts[host].addresses])
    return hosts


def equip_with_names(world: World, hosts: dict[str, Host], scenario: Scenario) -> dict[str, Nameserver]:
    """The nameservers, by host, of which all *hosts* know: those of the scenario, or one of the world's own."""
    plans = [plan for plan in scenario.hosts if plan.program is Program.NAMESERVER]
    if not plans:
        world.host(NAMESERVER, NAMESERVER_ADDRESS)
    for host in hosts.values():
        host.nameservers = [plan.addresses[0] for plan in plans] or [NAMESERVER_ADDRESS]
    return {name: nameserver_of(scenario) for name in [plan.name for plan in plans] or [NAMESERVER]}


def lay_links(world: World, scenario: Scenario) -> None:
    """Have the links be as *scenario* says."""
    for link in scenario.links:
        for path in world.link(world.hosts[link.one], world.hosts[link.other]):
            path.latency_seconds, path.jitter_seconds = link.latency_seconds, link.jitter_seconds
            path.octets_per_second = link.octets_per_second


def _furnished(world: World, plan: HostPlan) -> Host:
    host = world.host(plan.name, *plan.addresses)
    host.skew_seconds, host.clock_rate = plan.clock_skew_seconds, plan.clock_rate
    host.environment.update(plan.environment)
    for name, number in plan.users:
        host.users[number] = host.groups[number] = name
    if "STARTTLS" in plan.sink.offers:
        host.store.put(CERTIFICATE, (certificates.HERE / certificates.SERVER).read_bytes())
        host.store.put(KEY, (certificates.HERE / certificates.SERVER_KEY).read_bytes())
    for path, octets in plan.files:
        host.store.put(path, octets)
    for path in plan.folders:
        host.store.make_folder(path)
    return host
