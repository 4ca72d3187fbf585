"""The policy that a configuration names: its modules loaded before it holds, its milters, and DNS for what asks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Any

import dns.rdatatype

from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.resolver import Absent, Failed, Present
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Question, Records, RecordType, Unanswered
from momentum_trio.reception.binding import Tree
from momentum_trio.reception.policy.desk import Ask
from momentum_trio.reception.policy.dnsbl import Lookup
from momentum_trio.reception.policy.loading import Loaded, Named, load
from momentum_trio.reception.policy.milter import Milter, Milters
from momentum_trio.reception.policy.plugin import Plugin
from momentum_trio.webhook.reach import Resolve

POLICY, MILTER = "policy", "milter"
RECORDS_MAX = 100
"""Of one answer, that are looked at."""


async def load_policies(machine: Machine, tree: ConfigTree, running: Sequence[Plugin] = ()) -> Loaded:
    """The modules that *tree* names, in the order of its text. As ``reception.policy.loading.load`` has it."""
    named = [
        Named(scope.instance, tree.chain_scope(POLICY, scope.instance), str(scope.at))
        for scope in tree.root.all(POLICY)
    ]
    return await load(machine, named, running) if named else Loaded()


def named_by(milters: Milters) -> Callable[[Tree], Sequence[Milter]]:
    """Those of *milters* that a tree names, in the order of its text."""

    def named(tree: Tree) -> Sequence[Milter]:
        assert isinstance(tree, ConfigTree)
        scopes = tree.root.all(MILTER)
        return milters.of([(scope.instance, tree.chain_scope(MILTER, scope.instance)) for scope in scopes])

    return named


def lookup_with(hosts: Hosts, generations: Generations) -> Lookup:
    """Questions to DNS lists, through the resolver of *hosts*."""

    async def lookup(name: str) -> Sequence[IPv4Address] | None:
        resolver = await hosts.resolver(generations.current.tree.chain_global())
        answer = await resolver.ask(name, dns.rdatatype.RdataType.A)
        if isinstance(answer, Failed):
            return None
        return () if isinstance(answer, Absent) else [IPv4Address(record.address) for record in answer.records]

    return lookup


def addresses_with(hosts: Hosts, generations: Generations) -> Resolve:
    """The addresses of a host, through the resolver of *hosts*."""

    async def addresses(host: str) -> Sequence[str]:
        resolver = await hosts.resolver(generations.current.tree.chain_global())
        answers = [await resolver.ask(host, kind) for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)]
        return [record.address for answer in answers if isinstance(answer, Present) for record in answer.records]

    return addresses


def questions_with(hosts: Hosts, generations: Generations) -> Ask:
    """The questions of mail authentication, through the resolver of *hosts*."""

    async def ask(question: Question) -> DnsAnswer:
        resolver = await hosts.resolver(generations.current.tree.chain_global())
        name = question.name.replace("\\", "\\\\")  # which dnspython would take for the beginning of an escape
        answer = await resolver.ask(name, dns.rdatatype.from_text(question.kind.value))
        match answer:
            case Present():
                return Records(_texts(question.kind, answer.records[:RECORDS_MAX]))
            case Absent():
                return NoRecords(answer.exists)
            case Failed():
                return Unanswered(answer.reason)

    return ask


def _texts(kind: RecordType, records: Sequence[Any]) -> tuple[str, ...]:
    """*records* as ``Records`` has them."""
    match kind:
        case RecordType.A | RecordType.AAAA:
            return tuple(record.address for record in records)
        case RecordType.MX:
            by_preference = sorted(records, key=lambda record: record.preference)
            return tuple(record.exchange.to_text(omit_final_dot=True) for record in by_preference)
        case RecordType.PTR:
            return tuple(record.target.to_text(omit_final_dot=True) for record in records)
        case RecordType.TXT:
            return tuple(b"".join(record.strings).decode("latin-1") for record in records)
