"""What a domain published about TLS with its hosts, found before they are connected to: MTA-STS and DANE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import dns.rdatatype
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.dane import Tlsa, usable
from momentum_trio.delivery.destination import Destination
from momentum_trio.delivery.mta_sts import StsPolicies
from momentum_trio.delivery.mta_sts_policy import ENFORCE, Policy
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.resolver import Failed, Present, Resolver
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.target import Target
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.delivery.tls_contexts import ClientContexts
from momentum_trio.delivery.tls_options import NO, OutboundTlsOptions
from momentum_trio.machine import Machine

NOT_PERMITTED = "451 4.7.5 [internal] no host of the domain is one of its MTA-STS policy"
UNDECIDED = "451 4.7.5 [internal] TLSA look-up failed"

Shut = Mapping[str, str]


class TlsPolicies:
    """Those that one node knows. contexts: of its connections."""

    def __init__(self, machine: Machine) -> None:
        self.contexts = ClientContexts(machine)
        self._sts = StsPolicies(self.contexts)

    async def demand(
        self,
        target: Target,
        destination: Destination,
        places: Sequence[Place],
        chain: Chain,
        resolver: Resolver,
        may_connect: Callable[[str, Chain], bool],
    ) -> tuple[TlsDemand, Shut]:
        """What is asked of connections to *places*, and the hosts among them that are not to be gone to, with why."""
        options = OutboundTlsOptions.resolve(chain)
        if options.tls == NO or not target.is_published:
            return TlsDemand(options, target.domain, self.contexts), {}
        tlsa: dict[str, tuple[Tlsa, ...]] = {}
        shut: dict[str, str] = {}
        if options.dane and destination.authenticated:
            await self._ask_for_tlsa(_proved(destination, places), resolver, tlsa, shut)
        policy = await self._policy(target, chain, resolver, may_connect) if options.mta_sts else None
        enforced = policy is not None and policy.mode == ENFORCE
        if policy is not None and enforced:
            for place in places:
                if place.host not in tlsa and not policy.permits(place.host):
                    shut.setdefault(place.host, NOT_PERMITTED)
        return TlsDemand(options, target.domain, self.contexts, enforced, tlsa), shut

    def forget(self, domain: str | None) -> None:
        """Forget the MTA-STS policy of *domain*, or all."""
        self._sts.forget(domain)

    async def _policy(
        self, target: Target, chain: Chain, resolver: Resolver, may_connect: Callable[[str, Chain], bool]
    ) -> Policy | None:
        async def addresses(host: str) -> list[str]:
            kinds = (dns.rdatatype.A, dns.rdatatype.AAAA) if SmtpOptions.resolve(chain).use_ipv6 else (dns.rdatatype.A,)
            answers = [await resolver.ask(host, kind) for kind in kinds]
            found = [record.address for answer in answers if isinstance(answer, Present) for record in answer.records]
            return [address for address in found if may_connect(address, chain)]

        return await self._sts.policy(target.domain, resolver, addresses)

    async def _ask_for_tlsa(
        self,
        hosts: Sequence[tuple[str, int]],
        resolver: Resolver,
        tlsa: dict[str, tuple[Tlsa, ...]],
        shut: dict[str, str],
    ) -> None:
        """The TLSA records of *hosts*. Where a signed zone does not say, its host is shut (RFC 7672 section 2.1.2)."""

        async def ask(host: str, port: int) -> None:
            answer = await resolver.ask(f"_{port}._tcp.{host}", dns.rdatatype.TLSA)
            if isinstance(answer, Failed):
                shut[host] = f"{UNDECIDED} ({answer.reason})"
            elif isinstance(answer, Present) and answer.authenticated:
                tlsa[host] = usable(Tlsa(r.usage, r.selector, r.mtype, bytes(r.cert)) for r in answer.records)

        async with trio.open_nursery() as nursery:
            for host, port in hosts:
                nursery.start_soon(ask, host, port)


def _proved(destination: Destination, places: Sequence[Place]) -> Sequence[tuple[str, int]]:
    """The hosts among *places*, with their ports, whose addresses DNSSEC proved (RFC 7672 section 2.2.2)."""
    proved = {host.exchange.name for host in destination.hosts if host.authenticated}
    return list(dict.fromkeys((place.host, place.port) for place in places if place.host in proved))
