"""From a domain to the places where its mail may be handed over (RFC 5321 section 5.1, RFC 7505).

In this order: a ``Gateway``, ``Routes``, the target of ``static_routes``, an address literal, the MX records of the
domain, its own address. Hosts that the configuration names are looked up as the system does; all others in DNS, by the
one resolver of the node. What was found is remembered per destination, as long as DNS says.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import dns.rdatatype
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.address_metrics import AddressMetrics
from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.delivery.exchanges import (
    EXCHANGES_MAX,
    Exchange,
    Host,
    best_only,
    better_than_ours,
    in_order,
)
from momentum_trio.delivery.host_options import DnsOptions, HostOptions, StaticRouteOptions
from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.resolver import Absent, Answer, Failed, Resolver, ResolverTerms
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.machine import Machine
from momentum_trio.net.netblock import parse_address
from momentum_trio.net.next_hop import NextHop
from momentum_trio.net.route_item import RouteItem
from momentum_trio.reception.reception_options import NameOptions, ReceptionOptions

A, AAAA, MX = dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.MX

DESTINATIONS_MAX = 20_000
"""Domains whose hosts are remembered."""

SYSTEM_SECONDS = 60.0
"""How long what the system's resolver said is remembered: it tells no time to live."""

SYSTEM_PATIENCE_SECONDS = 30.0

NO_ADDRESS = "454 4.4.4 [internal] no MX or A for domain"
LOOKUP_FAILED = "554 5.4.4 [internal] Domain Lookup Failed"
NULL_MX = "550 5.4.4 [internal] NULL MX domain does not accept mail"
PROHIBITED = "551 5.4.6 [internal] Private/Loopback Address"
LOOP = "554 5.4.6 [internal] mail for this domain loops back to this host"
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
    """A generation of the configuration."""

    @property
    def tree(self) -> GlobalTree: ...


class Generations(Protocol):
    """Where the current one is found."""

    @property
    def current(self) -> Generation: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What leads to hosts: the routing domain, and what the configuration says of its way. Destinations go by it."""

    domain: str
    gateway: NextHop | None
    routes: tuple[RouteItem, ...] = ()


@dataclass(slots=True)
class Destination:
    """What is known of the hosts of a target.

    hosts: in the order of their ranks. verdict: why there is nothing to try. until: trio's time up to which that holds.
    failures: look-ups in a row that failed. complete: the addresses of all hosts were waited for.
    """

    hosts: Sequence[Host] = ()
    verdict: Deferred | Bounced | None = None
    until: float = -math.inf
    failures: int = 0
    counted_at: float = -math.inf
    authenticated: bool = False


class Hosts:
    """Finds hosts for one node.

    generations: for what is set in scopes that a feed's chain does not have; None: nothing is.
    """

    def __init__(self, machine: Machine, generations: Generations | None = None) -> None:
        self._machine, self._generations = machine, generations
        self._destinations: OrderedDict[Target, Destination] = OrderedDict()
        self._metrics = AddressMetrics()
        self._resolver: Resolver | None = None

    async def find(self, feed: Feed, port: int) -> Found | Deferred | Bounced:
        """Where mail of *feed* can be handed over, at *port* unless the configuration names another.

        Deferred when nobody could say, or no host can be reached now; Bounced when there is none, or none may be used.
        Raises: nothing for what DNS says.
        Cancellation: nothing is changed.
        """
        options = HostOptions.resolve(feed.chain)
        target = self._target(feed, options)
        destination = await self._destination(target, feed.chain, options)
        if destination.verdict is not None:
            return destination.verdict
        places = self._places(feed, destination, port, options)
        if isinstance(places, Deferred | Bounced):
            return places
        return Found(places, TlsDemand(OutboundTlsOptions.resolve(feed.chain), feed.domain))

    def failed(self, place: Place, binding: str) -> None:
        """No connection to *place* came about, or it ended before any mail: it is left alone for Host_Failure_Retry."""
        self._metrics.failed(_key(place, binding))

    def worked(self, place: Place, binding: str, connect_seconds: float) -> None:
        """A server greeted us at *place*; connecting took so long."""
        self._metrics.worked(_key(place, binding), connect_seconds)

    # -- what leads to hosts

    def _target(self, feed: Feed, options: HostOptions) -> Target:
        if feed.gateway is not None:
            return Target(feed.domain, feed.gateway)
        if options.routes:
            return Target(feed.domain, None, options.routes)
        return Target(feed.domain, self._static_target())

    def _static_target(self) -> NextHop | None:
        if self._generations is None:
            return None
        return StaticRouteOptions.resolve(self._generations.current.tree.chain_scope("static_routes")).target

    async def _destination(self, target: Target, chain: Chain, options: HostOptions) -> Destination:
        """What is known of *target*, looked up if that is due."""
        known = self._destinations.get(target)
        if known is None:
            known = self._destinations[target] = Destination()
            if len(self._destinations) > DESTINATIONS_MAX:
                self._destinations.popitem(last=False)
        self._destinations.move_to_end(target)
        if known.until <= trio.current_time():
            await Lookup(self, known, target, chain, options).look_up()
        return known

    def _places(
        self, feed: Feed, destination: Destination, port: int, options: HostOptions
    ) -> tuple[Place, ...] | Deferred | Bounced:
        """The addresses to try now."""
        lifetime = options.metrics_lifetime
        self._metrics.sweep(options.metrics_cleanse_interval, lifetime)

        def weight(host: Host, address: str) -> float:
            return self._metrics.weight((feed.binding, address, host.exchange.port or port), lifetime)

        places = []
        for host, address in in_order(destination.hosts, self._machine.entropy.fraction, weight):
            if not host.exchange.named:
                ip = parse_address(address.partition("%")[0])
                if ip in options.prohibited:
                    return Bounced(PROHIBITED)
                if ip in options.skipped:
                    continue
            place = Place.at(host.exchange.name, address, host.exchange.port or port)
            if not self._metrics.rests(_key(place, feed.binding), options.failure_retry):
                places.append(place)
        return tuple(places) or Deferred(UNREACHABLE)

    # -- for look-ups

    @property
    def machine(self) -> Machine:
        """The node's."""
        return self._machine

    def resolver(self, chain: Chain) -> Resolver:
        """The one resolver, over the nameservers that hold now."""
        options = DnsOptions.resolve(chain)
        assert self._machine.nameservers is not None
        terms = ResolverTerms(
            tuple(self._machine.nameservers.addresses()), options.trusted, tcp=options.fallback_to_tcp
        )
        if self._resolver is None or self._resolver.terms != terms:
            self._resolver = Resolver(terms)
        self._resolver.sweep(options.purge_interval)
        return self._resolver


class Lookup:
    """One look-up of the hosts of a target: what it finds goes into *destination*."""

    def __init__(
        self, hosts: Hosts, destination: Destination, target: Target, chain: Chain, options: HostOptions
    ) -> None:
        self._owner, self._destination, self._target, self._chain = hosts, destination, target, chain
        self._options, self._dns = options, DnsOptions.resolve(chain)
        self._use_ipv6 = SmtpOptions.resolve(chain).use_ipv6
        self._authenticated = False
        self._faults: list[Failed] = []
        self._untils: list[float] = []

    async def look_up(self) -> None:
        """Find the exchanges, then their addresses; keep what came of it for as long as it holds."""
        exchanges = await self._exchanges()
        if isinstance(exchanges, Deferred | Bounced):
            self._keep((), exchanges)
            return
        hosts = await self._with_addresses(exchanges)
        if any(host.addresses for host in hosts):
            self._keep(hosts, None)
        else:
            self._faults += [Failed(host.fault) for host in hosts if host.fault]
            self._keep(hosts, self._failure(NO_ADDRESS))

    # -- exchanges

    async def _exchanges(self) -> Sequence[Exchange] | Deferred | Bounced:
        target = self._target
        if target.gateway is not None:
            return [Exchange(target.gateway.host, (0, 0, 0), port=target.gateway.port, named=True)]
        if target.routes:
            return await self._routed(target.routes)
        if target.domain.startswith("["):
            return _literal(target.domain)
        return await self._mx(target.domain)

    async def _routed(self, routes: Sequence[RouteItem]) -> Sequence[Exchange] | Deferred | Bounced:
        """What Routes names: by preference where any item has one, else in the order written."""
        by_preference = any(item.preference is not None for item in routes)
        exchanges: list[Exchange] = []
        verdict: Deferred | Bounced | None = None
        for place, item in enumerate(routes):
            row = 0 if by_preference else place
            if item.mx:
                found = await self._mx(self._target.domain if item.hop is None else item.hop.host)
                if isinstance(found, Deferred | Bounced):
                    verdict = verdict or found
                    continue
                port = None if item.hop is None else item.hop.port
                for exchange in found:
                    preference = exchange.preference if item.preference is None else item.preference
                    rank = (row, preference, exchange.preference)
                    exchanges.append(Exchange(exchange.name, rank, preference, port, False, item.ttl))
            else:
                assert item.hop is not None
                preference = place if item.preference is None else item.preference
                rank = (row, preference, 0)
                exchanges.append(Exchange(item.hop.host, rank, preference, item.hop.port, True, item.ttl))
        exchanges.sort(key=lambda exchange: exchange.rank)
        return exchanges or verdict or Deferred(NO_ADDRESS)

    async def _mx(self, domain: str) -> Sequence[Exchange] | Deferred | Bounced:
        """The MX set of *domain*, as far as it is to be used; the domain itself where it has none."""
        answer = await self._ask(domain, MX)
        if isinstance(answer, Failed):
            limit = self._dns.failures_fallback_to_a
            if not limit or self._destination.failures < limit:
                self._faults.append(answer)
                return self._failure(NO_ADDRESS)
            answer = Absent(True, trio.current_time(), trio.current_time())
        self._authenticated = answer.authenticated
        if isinstance(answer, Absent):
            if not answer.exists:
                return Bounced(LOOKUP_FAILED)
            return [Exchange(domain, (0, 0, 0))]
        records = sorted((record.preference, _host_name(record.exchange)) for record in answer.records)
        if [name for _, name in records] == [""]:
            return Bounced(NULL_MX)
        exchanges = [Exchange(name, (0, preference, 0), preference) for preference, name in records if name]
        return self._usable(domain, exchanges)

    def _usable(self, domain: str, exchanges: Sequence[Exchange]) -> Sequence[Exchange] | Deferred | Bounced:
        ours = frozenset(name.lower() for name in self._our_names())
        better = better_than_ours(exchanges, ours)
        if not better:
            return Bounced(LOOP) if exchanges else Deferred(NO_ADDRESS)
        reception = ReceptionOptions.resolve(self._chain)
        relayed = domain in reception.relay_domains or domain in reception.bounce_domains
        if relayed and self._options.use_best_only:
            better = best_only(better)
        return better[:EXCHANGES_MAX]

    def _our_names(self) -> tuple[str, ...]:
        return (NameOptions.resolve(self._chain).hostname, self._owner.machine.process.hostname)

    # -- addresses

    async def _with_addresses(self, exchanges: Sequence[Exchange]) -> Sequence[Host]:
        """Every exchange with its addresses; some of them only, if that is enough to begin with."""
        hosts: list[Host] = [Host(exchange, until=trio.current_time()) for exchange in exchanges]
        reception = ReceptionOptions.resolve(self._chain)
        waits = self._options.fully_resolve or self._target.domain in reception.relay_domains

        async def look_up(place: int) -> None:
            hosts[place] = await self._addresses(exchanges[place])
            if hosts[place].addresses and not waits:
                nursery.cancel_scope.cancel()

        if len(exchanges) == 1:
            return [await self._addresses(exchanges[0])]
        async with trio.open_nursery() as nursery:
            for place in range(len(exchanges)):
                nursery.start_soon(look_up, place)
        return hosts

    async def _addresses(self, exchange: Exchange) -> Host:
        try:
            literal = str(parse_address(exchange.name.partition("%")[0]))
        except ValueError:
            return await (self._by_system(exchange) if exchange.named else self._by_dns(exchange))
        return Host(exchange, (exchange.name if "%" in exchange.name else literal,))

    async def _by_system(self, exchange: Exchange) -> Host:
        """The addresses as the system's resolver has them, its hosts file included."""
        family = trio.socket.AF_UNSPEC if self._use_ipv6 else trio.socket.AF_INET
        seconds = SYSTEM_SECONDS if exchange.ttl is None else exchange.ttl
        until = trio.current_time() + seconds
        try:
            with trio.fail_after(SYSTEM_PATIENCE_SECONDS):
                found = await trio.socket.getaddrinfo(exchange.name, None, family, trio.socket.SOCK_STREAM)
        except (OSError, UnicodeError, trio.TooSlowError):
            return Host(exchange, (), trio.current_time())
        return Host(exchange, tuple(dict.fromkeys(str(entry[4][0]) for entry in found)), until)

    async def _by_dns(self, exchange: Exchange) -> Host:
        """The A records, and the AAAA records where IPv6 is used."""
        answers = [await self._ask(exchange.name, kind) for kind in ((AAAA, A) if self._use_ipv6 else (A,))]
        addresses = [record.address for answer in answers for record in _records(answer)]
        faults = [answer.reason for answer in answers if isinstance(answer, Failed)]
        held = [answer.until for answer in answers if not isinstance(answer, Failed)]
        until = min(held, default=trio.current_time())
        if exchange.ttl is not None:
            until = trio.current_time() + exchange.ttl
        proved = all(not isinstance(answer, Failed) and answer.authenticated for answer in answers)
        return Host(exchange, tuple(addresses), until, proved, "" if addresses or not faults else faults[0])

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> Answer:
        return await self._owner.resolver(self._chain).ask(name, kind, self._dns.ttl_max)

    # -- what is kept

    def _failure(self, reason: str) -> Deferred | Bounced:
        """A look-up that failed, counted at most once each Retry_Interval; too many in a row are the end."""
        destination, now = self._destination, trio.current_time()
        named = self._target.gateway is not None
        heard = not self._faults or any(fault.heard for fault in self._faults)
        if heard and not named and now - destination.counted_at >= DeliveryOptions.resolve(self._chain).retry_interval:
            destination.failures += 1
            destination.counted_at = now
        limit = self._dns.failures_to_purge
        if limit and destination.failures >= limit:
            return Bounced(LOOKUP_FAILED)
        detail = f" ({self._faults[0].reason})" if self._faults else ""
        return Deferred(reason + detail)

    def _keep(self, hosts: Sequence[Host], verdict: Deferred | Bounced | None) -> None:
        destination, now = self._destination, trio.current_time()
        destination.hosts, destination.verdict = hosts, verdict
        destination.authenticated = self._authenticated
        if verdict is not None:
            destination.until = now + self._dns.expire_interval
            return
        destination.failures = 0
        seconds = min((host.until for host in hosts), default=now) - now
        destination.until = now + min(max(seconds, self._dns.ttl_min), self._dns.ttl_max)


def _key(place: Place, binding: str) -> tuple[str, str, int]:
    return binding, place.address_text, place.port


def _records(answer: Answer) -> Sequence[Any]:
    return () if isinstance(answer, Absent | Failed) else answer.records


def _host_name(name: object) -> str:
    return str(name).lower().removesuffix(".")


def _literal(domain: str) -> Sequence[Exchange] | Bounced:
    """The one host of an address literal (RFC 5321 section 4.1.3)."""
    inner = domain[1:-1].lower()
    try:
        return [Exchange(str(parse_address(inner.removeprefix("ipv6:"))), (0, 0, 0))]
    except ValueError:
        return Bounced(LOOKUP_FAILED)
