"""A mail host that looks for the hosts of domains, nameservers, and whatever else answers in the story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from delivery_world import AT, DictionaryScope

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Array, Setting, Word
from momentum_trio.delivery.hosts import Found, Hosts
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.machine import Machine
from momentum_trio.net.next_hop import NextHop
from sim.host import current_life
from sim.nameserver import Nameserver, Treatment
from sim.world import World

T = TypeVar("T")

NS, SECOND_NS, MX = "10.0.0.53", "10.0.0.54", "10.0.0.2"


@dataclass
class LaneFeed:
    """A feed, as far as hosts are looked for; nothing is taken from it."""

    domain: str
    chain: Chain
    gateway: NextHop | None = None
    binding: str = "default"
    binding_group: str = "default"

    async def take(self, recipients_max: int, idle_seconds: float) -> Any:
        raise AssertionError

    async def more(self, recipients_max: int) -> Any:
        raise AssertionError

    async def report(self, parcel: Any, outcomes: Any) -> None:
        raise AssertionError

    def admit_host(self, host: str) -> Any:
        raise AssertionError

    def reached(self) -> None:
        raise AssertionError

    def unreachable(self, failure: Deferred | Bounced) -> None:
        raise AssertionError


Settings = Mapping[str, str | tuple[str, ...]]


def scope(kind: str, settings: Settings) -> DictionaryScope:
    """A scope that sets *settings*: a tuple is a list of the language."""
    values = {
        name: Word(value) if isinstance(value, str) else Array(tuple(map(Word, value)))
        for name, value in settings.items()
    }
    return DictionaryScope(kind, "", {name.lower(): Setting(name, value, AT) for name, value in values.items()})


@dataclass
class Search:
    """One mail host with options, and a nameserver with zones. nameservers: those it asks."""

    zones: tuple[str, ...]
    options: Settings = field(default_factory=dict)
    nameservers: tuple[str, ...] = (NS,)
    seed: int = 1
    files: Mapping[str, bytes] = field(default_factory=dict)
    static_target: str = ""
    static_enabled: str = "true"

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.ns = self.world.host("ns", NS)
        self.mx = self.world.host("mx", MX, "fd00::2")
        self.mx.nameservers = list(self.nameservers)
        for path, octets in self.files.items():
            self.mx.store.put(path, octets, 0o644)
        self.nameserver: Nameserver
        self.hosts: Hosts
        self.machine: Machine

    def chain(self) -> Chain:
        return Chain([scope("global", self.options)])

    def feed(self, domain: str, gateway: str = "", binding: str = "default") -> LaneFeed:
        return LaneFeed(domain, self.chain(), NextHop.parse(gateway) if gateway else None, binding)

    async def find(self, domain: str, gateway: str = "", binding: str = "default") -> Found | Deferred | Bounced:
        return await self.hosts.find(self.feed(domain, gateway, binding), 25)

    async def names(self, domain: str) -> list[str]:
        """The hosts found, each once, in their order."""
        found = await self.find(domain)
        assert isinstance(found, Found), found
        return list(dict.fromkeys(place.host for place in found.places))

    async def reason(self, domain: str) -> str:
        """Why nothing was found."""
        found = await self.find(domain)
        assert not isinstance(found, Found), found
        return found.reason

    def run(self, story: Callable[[], Awaitable[T]], treat: Mapping[str, Treatment] | None = None) -> T:
        """*story*, as a program of the mail host."""

        async def drive() -> T:
            self.nameserver = await self.world.nameserver(self.ns, *self.zones)
            for name, treatment in (treat or {}).items():
                self.nameserver.treat(name, treatment)
            return await self.mx.call(self._run, story)

        return self.world.run(drive)

    async def _run(self, machine: Machine, story: Callable[[], Awaitable[T]]) -> T:
        self.machine = machine
        self.hosts = Hosts(machine, _Generations(self) if self.static_target else None)
        result = await story()
        assert current_life().descriptors() == []  # nothing is left open
        return result

    def asked(self, kind: str = "") -> list[str]:
        """The questions that came to the nameserver."""
        return [asked.name.removesuffix(".") for asked in self.nameserver.asked if kind in ("", asked.type)]


class _Generations:
    """A configuration with ``static_routes`` in it."""

    def __init__(self, search: Search) -> None:
        self._search = search

    @property
    def current(self) -> _Generations:
        return self

    @property
    def tree(self) -> _Generations:
        return self

    def chain_global(self) -> Chain:
        return self._search.chain()

    def chain_scope(self, kind: str, instance: str = "") -> Chain:
        return Chain([scope(kind, {"Target": self._search.static_target, "enabled": self._search.static_enabled})])
