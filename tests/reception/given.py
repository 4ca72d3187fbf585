"""What the tests of reception begin with: a client, rules from settings, and a machine with a fixed clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Array, Position, Setting, Value, Word
from momentum_trio.reception.client import Client
from momentum_trio.reception.rules import Rules

HERE = Position("test.conf", 1, 1)
SYSTEM_HOSTNAME = "system.example"


@dataclass
class Scope:
    """A scope of a chain."""

    kind: str
    instance: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass
class OutboundTree:
    """A tree that knows one chain for each domain."""

    domains: Mapping[str, Chain] = field(default_factory=dict)

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        return self.domains.get(domain, Chain(()))


def value(given: object) -> Value:
    """A list as an array, anything else as a word."""
    if isinstance(given, list):
        return Array(tuple(Word(str(item), True) for item in given))
    return Word(str(given))


def scope(kind: str, **settings: object) -> Scope:
    """A scope of *kind* with *settings*."""
    return Scope(kind, "", {name.lower(): Setting(name, value(given), HERE) for name, given in settings.items()})


def client(address: str = "192.0.2.7", *, is_unix: bool = False) -> Client:
    """A client at *address*."""
    return Client("00/01-00000-00000000", ip_address(address), f"{address}:4711", "198.51.100.1:25", is_unix)


def rules(of: Client, *scopes: Scope, blackholes: Mapping[str, str] | None = None) -> Rules:
    """The rules of *scopes*, the most specific first."""
    domains = {domain: Chain((scope("domain", Blackhole=word),)) for domain, word in (blackholes or {}).items()}
    return Rules.of(OutboundTree(domains), Chain(scopes), of, SYSTEM_HOSTNAME)
