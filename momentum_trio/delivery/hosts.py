"""From a domain to the places where its mail may be handed over.

In this order: a ``Gateway``, ``Routes``, the target of ``static_routes``, an address literal, the MX records of the
domain, its own address. What was found is remembered per destination, as long as DNS says; which addresses failed
lately, and how quick they are, per binding and address.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.address_metrics import AddressMetrics
from momentum_trio.delivery.cache_counts import CacheCounts, CacheReport
from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.delivery.destination import Destination, Lookup
from momentum_trio.delivery.exchanges import Host, in_order
from momentum_trio.delivery.host_options import DnsOptions, HostOptions, static_target
from momentum_trio.delivery.host_report import AddressReport, DomainReport, HostReport
from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.nameservers import ConfiguredNameservers
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.resolver import Counts, Resolver, ResolverTerms
from momentum_trio.delivery.target import Target, target_of
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.delivery.tls_contexts import ClientContexts
from momentum_trio.delivery.tls_policies import TlsPolicies
from momentum_trio.machine import Machine
from momentum_trio.net.netblock import parse_address
from momentum_trio.net.next_hop import NextHop

DESTINATIONS_MAX = 20_000
"""Domains whose hosts are remembered."""

PROHIBITED = "551 5.4.6 [internal] Private/Loopback Address"
UNREACHABLE = "421 4.4.0 [internal] no MXs for this domain could be reached at this time"


@dataclass(frozen=True, slots=True)
class Found:
    """Where to go. places: in the order to try them, none of which failed lately. demand: what TLS has to be there."""

    places: tuple[Place, ...]
    demand: TlsDemand


class GlobalTree(Protocol):
    """What is asked of a configuration tree beyond the chain of a feed."""

    def chain_global(self) -> Chain: ...
    def chain_scope(self, kind: str, instance: str = "") -> Chain: ...


class Generation(Protocol):
    """What of a generation of the configuration is asked here."""

    @property
    def tree(self) -> GlobalTree: ...


class Generations(Protocol):
    """Where the current one is found."""

    @property
    def current(self) -> Generation: ...


class Hosts:
    """Finds hosts for one node.

    generations: for what is set in scopes that a feed's chain does not have; None: nothing is.
    """

    def __init__(self, machine: Machine, generations: Generations | None = None) -> None:
        self._machine, self._generations = machine, generations
        self._destinations: OrderedDict[Target, Destination] = OrderedDict()
        self._metrics = AddressMetrics()
        self._nameservers = ConfiguredNameservers(machine)
        self._policies = TlsPolicies(machine)
        self._resolver: Resolver | None = None
        self._counts = Counts()  # of all resolvers, one after the other
        self._cache_counts = CacheCounts()

    async def find(self, feed: Feed, port: int) -> Found | Deferred | Bounced:
        """Where mail of *feed* can be handed over, at *port* unless the configuration names another.

        Deferred when nobody could say, or no host can be reached now; Bounced when there is none, or none may be used.
        Raises: nothing for what DNS says.
        Cancellation: nothing has changed but what is remembered.
        """
        chain = feed.chain
        options = HostOptions.resolve(chain)
        resolver = await self.resolver(chain)
        target = self._target(feed.domain, feed.gateway, chain)
        destination = await self._destination(target, chain, resolver)
        if destination.verdict is not None:
            return destination.verdict
        places = self._places(feed.binding, destination, port, options)
        if isinstance(places, Deferred | Bounced):
            return places
        demand, shut = await self._policies.demand(target, destination, places, chain, resolver, self._may_connect)
        return _open(places, shut, demand)

    def failed(self, place: Place, binding: str) -> None:
        """No connection to *place* came about, or it ended before any mail: it is left alone for Host_Failure_Retry."""
        self._metrics.failed(_key(binding, place))

    def worked(self, place: Place, binding: str, connect_seconds: float) -> None:
        """A server greeted us at *place*; connecting took so long."""
        self._metrics.worked(_key(binding, place), connect_seconds)

    # -- for the console

    async def resolver(self, chain: Chain) -> Resolver:
        """The one resolver, over the nameservers that hold now."""
        options = DnsOptions.resolve(chain)
        conf = await self._nameservers.current(options.resolv_conf)
        terms = ResolverTerms(conf.nameservers, options.trusted, conf.timeout, conf.attempts, options.fallback_to_tcp)
        if self._resolver is None or self._resolver.terms != terms:
            self._resolver = Resolver(terms, self._counts)
        self._resolver.sweep(options.purge_interval)
        return self._resolver

    @property
    def questions(self) -> Counter[str]:
        """Questions asked since the start, by type."""
        return self._counts.questions

    @property
    def pending(self) -> int:
        """Questions not answered yet."""
        return 0 if self._resolver is None else self._resolver.pending

    @property
    def last_resolver(self) -> Resolver | None:
        """The resolver as it was last used; None: it was not yet."""
        return self._resolver

    async def dig(self, domain: str, chain: Chain) -> None:
        """Look up the hosts of *domain*, unless they are known. chain: the outbound scopes that hold for it."""
        gateway = DeliveryOptions.resolve(chain).gateway
        target = self._target(domain if gateway is None else gateway.domain, gateway, chain)
        await self._destination(target, chain, await self.resolver(chain))

    def refresh(self, domain: str | None = None) -> int:
        """Forget the hosts of *domain*, or of all, and what DNS and MTA-STS said of them; how many domains that was.

        What failed lately may be tried again.
        """
        gone = [target for target in self._destinations if domain in (None, target.domain)]
        for target in gone:
            hosts = self._destinations.pop(target).hosts
            if self._resolver is not None:
                for name in (target.domain, *(host.exchange.name for host in hosts)):
                    self._resolver.forget(name)
            self._metrics.forgive({address for host in hosts for address in host.addresses})
        self._cache_counts.forced += len(gone)
        self._policies.forget(domain)
        return len(gone)

    @property
    def contexts(self) -> ClientContexts:
        """The TLS contexts of connections to hosts."""
        return self._policies.contexts

    def caches(self) -> tuple[CacheReport, ...]:
        """How full the caches of DNS answers, hosts and TLS contexts are, and how often they had an answer."""
        hosts = CacheReport("hosts", DESTINATIONS_MAX, len(self._destinations), self._cache_counts)
        dns = () if self._resolver is None else (self._resolver.report(),)
        return (*dns, hosts, self.contexts.report())

    def uses(self) -> Counter[str]:
        """How many destinations name a host or domain."""
        counted: Counter[str] = Counter()
        for target, destination in self._destinations.items():
            counted.update({target.domain, *(host.exchange.name for host in destination.hosts)})
        return counted

    def report(self, domain: str, binding: str, port: int = 25) -> DomainReport | None:
        """What is known of the hosts of *domain*, as seen from *binding*; None: nothing is."""
        known = [(target, found) for target, found in self._destinations.items() if target.domain == domain]
        if not known:
            return None
        target, destination = known[-1]
        chain_seconds = max(destination.until - trio.current_time(), 0.0)
        hosts = tuple(self._host_report(target, host, binding, port) for host in destination.hosts)
        verdict = "" if destination.verdict is None else destination.verdict.reason
        return DomainReport(domain, chain_seconds, hosts, verdict, destination.failures)

    def _host_report(self, target: Target, host: Host, binding: str, port: int) -> HostReport:
        exchange, now = host.exchange, trio.current_time()
        addresses = []
        for address in host.addresses:
            metric = self._metrics.known((binding, address, exchange.port or port))
            failed = None if metric is None or metric.failed_at < 0 else now - metric.failed_at
            addresses.append(AddressReport(address, metric.connect_seconds if metric else 0.0, failed))
        others = [
            (other.domain, found.exchange.preference)
            for other, destination in self._destinations.items()
            for found in destination.hosts
            if found.exchange.name == exchange.name and other.domain != target.domain
        ]
        seconds = max(host.until - now, 0.0)
        return HostReport(exchange.name, exchange.preference, seconds, tuple(addresses), tuple(others))

    # -- what leads to hosts

    def _target(self, domain: str, gateway: NextHop | None, chain: Chain) -> Target:
        """What leads to the hosts of *domain*."""
        return target_of(domain, gateway, chain, self._static_target(), self._machine.process.hostname)

    def _static_target(self) -> NextHop | None:
        if self._generations is None:
            return None
        return static_target(self._generations.current.tree.chain_scope("static_routes"))

    async def _destination(self, target: Target, chain: Chain, resolver: Resolver) -> Destination:
        """What is known of *target*, looked up if that is due."""
        known = self._destinations.get(target)
        counts = self._cache_counts
        if known is None:
            known = self._destinations[target] = Destination()
            if len(self._destinations) > DESTINATIONS_MAX:
                self._destinations.popitem(last=False)
                counts.displaced += 1
        self._destinations.move_to_end(target)
        if known.until <= trio.current_time():
            counts.misses += 1
            await Lookup(known, target, chain, resolver).look_up()
            counts.stores += 1
        else:
            counts.hits += 1
        return known

    # -- where to go

    def _places(
        self, binding: str, destination: Destination, port: int, options: HostOptions
    ) -> tuple[Place, ...] | Deferred | Bounced:
        """The addresses to try now."""
        metrics, lifetime = self._metrics, options.metrics_lifetime
        metrics.sweep(options.metrics_cleanse_interval, lifetime)

        def weight(host: Host, address: str) -> float:
            return metrics.weight((binding, address, host.exchange.port or port), lifetime)

        places = []
        for host, address in in_order(destination.hosts, self._machine.entropy.fraction, weight):
            if not host.exchange.named:
                if parse_address(address) in options.prohibited:
                    return Bounced(PROHIBITED)
                if parse_address(address) in options.skipped:
                    continue
            place = Place.at(host.exchange.name, address, host.exchange.port or port)
            if not metrics.rests(_key(binding, place), options.failure_retry):
                places.append(place)
        return tuple(places) or Deferred(UNREACHABLE)

    def _may_connect(self, address: str, chain: Chain) -> bool:
        options, ip = HostOptions.resolve(chain), parse_address(address)
        return ip not in options.prohibited and ip not in options.skipped


def _open(places: Sequence[Place], shut: Mapping[str, str], demand: TlsDemand) -> Found | Deferred:
    """Those of *places* whose host is not *shut*."""
    left = tuple(place for place in places if place.host not in shut)
    return Found(left, demand) if left else Deferred(shut[places[0].host])


def _key(binding: str, place: Place) -> tuple[str, str, int]:
    return binding, place.address_text, place.port
