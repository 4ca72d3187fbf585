"""Looking up the hosts of a domain (RFC 5321 section 5.1, RFC 7505): what leads to them, and what is known of them.

Hosts that the configuration names are looked up as the system does, its hosts file included; all others in DNS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dns.rdatatype
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.delivery.exchanges import EXCHANGES_MAX, Exchange, Host, best_only, better_than_ours
from momentum_trio.delivery.host_options import DnsOptions
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.resolver import Absent, Answer, Failed, Present, Resolver
from momentum_trio.delivery.target import Target
from momentum_trio.net.netblock import parse_address
from momentum_trio.net.route_item import RouteItem

A, AAAA, MX = dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.MX

SYSTEM_SECONDS = 60.0
"""How long what the system's resolver said is remembered: it tells no time to live."""

SYSTEM_PATIENCE_SECONDS = 30.0

FAULT_RATIO = 10.0
"""A look-up that failed is not made again for so many times what it took: most of the time nobody waits for it."""

NO_ADDRESS = "454 4.4.4 [internal] no MX or A for domain"
LOOKUP_FAILED = "554 5.4.4 [internal] Domain Lookup Failed"
NULL_MX = "550 5.4.4 [internal] NULL MX domain does not accept mail"
LOOP = "554 5.4.6 [internal] mail for this domain loops back to this host"


@dataclass(slots=True)
class Destination:
    """What is known of the hosts of a target.

    hosts: in the order of their ranks. verdict: why there is nothing to try. until: trio's time up to which all that
    holds. authenticated: DNSSEC proved which hosts they are. failures: look-ups in a row that failed, as far as they
    count; counted_at: when the last of them did.
    """

    hosts: Sequence[Host] = ()
    verdict: Deferred | Bounced | None = None
    until: float = -math.inf
    authenticated: bool = False
    failures: int = 0
    counted_at: float = -math.inf


class Lookup:
    """One look-up of *target*: what it finds goes into *destination*."""

    def __init__(self, destination: Destination, target: Target, chain: Chain, resolver: Resolver) -> None:
        self._destination, self._target, self._chain, self._resolver = destination, target, chain, resolver
        self._options = DnsOptions.resolve(chain)
        self._began = trio.current_time()
        self._until = math.inf
        self._authenticated = False
        self._fault: Failed | None = None

    async def look_up(self) -> None:
        """Find the exchanges, then their addresses; keep what came of it for as long as it holds."""
        hosts: Sequence[Host] = ()
        exchanges = await self._exchanges()
        if not isinstance(exchanges, Deferred | Bounced):
            hosts = await self._with_addresses(exchanges)
        if any(host.addresses for host in hosts):
            self._keep(hosts)
        elif isinstance(exchanges, Bounced):
            self._give_up(exchanges)
        else:
            self._give_up(self._failure())

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
        verdicts: list[Deferred | Bounced] = []
        for place, item in enumerate(routes):
            row, preference = (0 if by_preference else place), (place if item.preference is None else item.preference)
            port = None if item.hop is None else item.hop.port
            if not item.mx:
                assert item.hop is not None
                exchanges.append(Exchange(item.hop.host, (row, preference, 0), preference, port, True, item.ttl))
                continue
            found = await self._mx(self._target.domain if item.hop is None else item.hop.host)
            if isinstance(found, Deferred | Bounced):
                verdicts.append(found)
                continue
            for exchange in found:
                preference = exchange.preference if item.preference is None else item.preference
                rank = (row, preference, exchange.preference)
                exchanges.append(replace(exchange, rank=rank, preference=preference, port=port, ttl=item.ttl))
        exchanges.sort(key=lambda exchange: exchange.rank)
        return exchanges or (verdicts[0] if verdicts else Deferred(NO_ADDRESS))

    async def _mx(self, domain: str) -> Sequence[Exchange] | Deferred | Bounced:
        """The MX set of *domain*, as far as it is to be used; the domain itself where it has none."""
        answer = await self._ask(domain, MX)
        if isinstance(answer, Failed):
            limit = self._options.failures_fallback_to_a
            if not limit or self._destination.failures < limit:
                return Deferred(NO_ADDRESS)
            return [Exchange(domain, (0, 0, 0))]
        self._authenticated = answer.authenticated
        self._until = min(self._until, answer.until)
        if isinstance(answer, Absent):
            return [Exchange(domain, (0, 0, 0))] if answer.exists else Bounced(LOOKUP_FAILED)
        return self._usable(answer)

    def _usable(self, answer: Present) -> Sequence[Exchange] | Deferred | Bounced:
        """Those of the MX records to go to."""
        records = sorted({(record.preference, _host_name(record.exchange)) for record in answer.records})
        if [name for _, name in records] == [""]:
            return Bounced(NULL_MX)
        exchanges = [Exchange(name, (0, preference, 0), preference) for preference, name in records if name]
        better = better_than_ours(exchanges, self._target.ours)
        if not better:
            return Bounced(LOOP) if exchanges else Deferred(NO_ADDRESS)
        return (best_only(better) if self._target.best_only else better)[:EXCHANGES_MAX]

    # -- addresses

    async def _with_addresses(self, exchanges: Sequence[Exchange]) -> Sequence[Host]:
        """Every exchange with its addresses; for the first connection those known first, if that is enough for it."""
        if len(exchanges) == 1:
            return [await self._addresses(exchanges[0])]
        waits = self._target.waits or bool(self._destination.hosts)
        hosts = [Host(exchange, until=self._began) for exchange in exchanges]

        async def look_up(place: int) -> None:
            hosts[place] = await self._addresses(exchanges[place])
            if hosts[place].addresses and not waits:
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            for place in range(len(exchanges)):
                nursery.start_soon(look_up, place)
        return hosts

    async def _addresses(self, exchange: Exchange) -> Host:
        """*exchange* with its addresses; an MX record that has one in place of a name has none."""
        if self._target.domain.startswith("[") or (exchange.named and _is_address(exchange.name)):
            return Host(exchange, (exchange.name,))
        host = await (self._by_system(exchange) if exchange.named else self._by_dns(exchange))
        return host if exchange.ttl is None else replace(host, until=trio.current_time() + exchange.ttl)

    async def _by_system(self, exchange: Exchange) -> Host:
        """The addresses as the system's resolver has them."""
        family = trio.socket.AF_UNSPEC if self._target.use_ipv6 else trio.socket.AF_INET
        try:
            with trio.fail_after(SYSTEM_PATIENCE_SECONDS):
                found = await trio.socket.getaddrinfo(exchange.name, None, family, trio.socket.SOCK_STREAM)
        except (OSError, UnicodeError, trio.TooSlowError):
            return Host(exchange, until=self._retry_at())
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        return Host(exchange, addresses, trio.current_time() + SYSTEM_SECONDS)

    async def _by_dns(self, exchange: Exchange) -> Host:
        """The A records, and the AAAA records where IPv6 is used."""
        kinds = (AAAA, A) if self._target.use_ipv6 else (A,)
        answers = [await self._ask(exchange.name, kind) for kind in kinds]
        addresses = tuple(record.address for answer in answers for record in _records(answer))
        until = min(self._retry_at() if isinstance(answer, Failed) else answer.until for answer in answers)
        authenticated = all(not isinstance(answer, Failed) and answer.authenticated for answer in answers)
        return Host(exchange, addresses, until, authenticated)

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> Answer:
        answer = await self._resolver.ask(name, kind, self._options.ttl_max)
        if isinstance(answer, Failed):
            self._fault = answer
        return answer

    def _retry_at(self) -> float:
        """When what failed just now is tried again."""
        now = trio.current_time()
        return now + max(self._options.expire_interval, FAULT_RATIO * (now - self._began))

    # -- what is kept

    def _failure(self) -> Deferred | Bounced:
        """No address was found. That counts once each Retry_Interval; too often in a row is the end.

        It does not count where the configuration names the host, nor while our own nameservers are silent.
        """
        destination, now, fault = self._destination, trio.current_time(), self._fault
        counts = self._target.gateway is None and (fault is None or fault.heard)
        if counts and now - destination.counted_at >= DeliveryOptions.resolve(self._chain).retry_interval:
            destination.failures, destination.counted_at = destination.failures + 1, now
        limit = self._options.failures_to_purge
        if limit and destination.failures >= limit:
            destination.failures = 0  # mail that comes later has as much time
            return Bounced(LOOKUP_FAILED)
        return Deferred(NO_ADDRESS if fault is None else f"{NO_ADDRESS} ({fault.reason})")

    def _give_up(self, verdict: Deferred | Bounced) -> None:
        destination = self._destination
        destination.hosts, destination.verdict, destination.until = (), verdict, self._retry_at()

    def _keep(self, hosts: Sequence[Host]) -> None:
        destination, now = self._destination, trio.current_time()
        destination.hosts, destination.verdict, destination.failures = hosts, None, 0
        destination.authenticated = self._authenticated
        seconds = min(self._until, *(host.until for host in hosts)) - now
        destination.until = now + min(max(seconds, self._options.ttl_min), self._options.ttl_max)


def _records(answer: Answer) -> Sequence[Any]:
    return answer.records if isinstance(answer, Present) else ()


def _host_name(name: object) -> str:
    return str(name).lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        parse_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _literal(domain: str) -> Sequence[Exchange] | Bounced:
    """The one host of an address literal (RFC 5321 section 4.1.3)."""
    try:
        return [Exchange(str(parse_address(domain[1:-1].lower().removeprefix("ipv6:"))), (0, 0, 0))]
    except ValueError:
        return Bounced(LOOKUP_FAILED)
