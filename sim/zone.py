"""What the nameservers of a scenario know: one zone, of the root, with every name of the world.

A host's name has its addresses. A ``Name`` has the addresses of its hosts, its MX and other records, and is answered as
it says. What nobody has is NXDOMAIN.
"""

from __future__ import annotations

from collections.abc import Iterator

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from momentum_trio.config.option import Option

from .nameserver import Nameserver, Treatment
from .scenario import DnsAnswer, NamePlan, Scenario
from .scenario_options import NameOptions

ADDRESS = "192.0.0.53"
"""Where a nameserver answers when no host of the scenario is one; no fault strikes it."""

NAME = "nameserver.invalid"
"""The name of its host."""

TTL_SECONDS, NEGATIVE_TTL_SECONDS = 300, 60

_RCODES = {
    DnsAnswer.TRUE: None,
    DnsAnswer.SERVFAIL: dns.rcode.SERVFAIL,
    DnsAnswer.REFUSED: dns.rcode.REFUSED,
    DnsAnswer.NXDOMAIN: dns.rcode.NXDOMAIN,
}


def nameserver_of(scenario: Scenario) -> Nameserver:
    """A nameserver that knows the names of *scenario*."""
    nameserver = Nameserver("\n".join(_zone(scenario)))
    for plan in scenario.names:
        treatment = Treatment(_RCODES[plan.answer], plan.after_seconds, plan.lost, truncated=plan.truncated)
        if treatment != Treatment():
            nameserver.treat(plan.name.removeprefix("*."), treatment)
    return nameserver


def wrong_records(plan: NamePlan) -> Iterator[tuple[Option[tuple[str, ...]], str]]:
    """What is no record: the option it stands in, and the problem."""
    for text in plan.mx:
        if problem := _problem("MX", text):
            yield NameOptions.mx, f"'{text}': {problem}"
    for text in plan.records:
        kind, _, data = text.strip().partition(" ")
        if problem := _problem(kind, data):
            yield NameOptions.records, f"'{text}': {problem}"


def _problem(kind: str, data: str) -> str:
    try:
        dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), data, origin=dns.name.root)
    except dns.exception.DNSException as wrong:
        return str(wrong) or type(wrong).__name__
    return ""


def _zone(scenario: Scenario) -> Iterator[str]:
    yield "$ORIGIN ."
    yield f"$TTL {TTL_SECONDS}"
    yield f". SOA {NAME}. postmaster.invalid. 1 3600 600 86400 {NEGATIVE_TTL_SECONDS}"
    addresses = {plan.name: plan.addresses for plan in scenario.hosts}
    for host in scenario.hosts:
        yield from _addresses(host.name, host.addresses)
    for plan in scenario.names:
        for name in plan.hosts:
            yield from _addresses(plan.name, addresses[name])
        yield from (f"{plan.name}. MX {text}" for text in plan.mx)
        yield from (f"{plan.name}. {text}" for text in plan.records)


def _addresses(name: str, addresses: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{name}. {'AAAA' if ':' in address else 'A'} {address}" for address in addresses)
