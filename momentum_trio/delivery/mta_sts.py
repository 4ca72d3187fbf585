"""The MTA-STS policies of domains (RFC 8461): found, fetched, remembered.

They are in memory alone: after a start each is fetched anew, when mail for its domain is first due.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import dns.rdatatype
import trio

from momentum_trio.delivery.mta_sts_policy import POLICY_OCTETS_MAX, Policy, policy, policy_id
from momentum_trio.delivery.resolver import Present, Resolver
from momentum_trio.delivery.tls_contexts import ClientContexts
from momentum_trio.https.client import Request, RequestFault, Response, Server, exchange
from momentum_trio.machine.contract import ClientTlsTerms

POLICIES_MAX = 10_000
FETCHES_MAX = 50
"""Policies fetched at the same time; more wait."""

FETCH_SECONDS = 20.0
FETCH_AGAIN_SECONDS = 300.0  # section 3.3: no sooner after a fetch that failed
REFRESH_SECONDS = 86_400.0  # section 3.3: once a day, whatever the id says
ADDRESSES_MAX = 4

PORT = 443
PATH = "/.well-known/mta-sts.txt"


@dataclass(slots=True)
class Known:
    """What is known of one domain. identifier: of the policy. fetched_at, until, tried_at: trio's time.

    fetching: only one does, the others wait.
    """

    policy: Policy | None = None
    identifier: str = ""
    fetched_at: float = -math.inf
    until: float = -math.inf
    tried_at: float = -math.inf
    tried_identifier: str = ""
    fetching: trio.Lock = field(default_factory=trio.Lock)

    @property
    def current(self) -> Policy | None:
        """The policy, while it holds."""
        return self.policy if trio.current_time() < self.until else None


class StsPolicies:
    """The policies one node knows."""

    def __init__(self, contexts: ClientContexts) -> None:
        self._contexts = contexts
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._seats = trio.CapacityLimiter(FETCHES_MAX)

    async def policy(
        self, domain: str, resolver: Resolver, addresses: Callable[[str], Awaitable[list[str]]]
    ) -> Policy | None:
        """The policy that holds for *domain*; None: it has none, or none that could be had (section 3.3).

        addresses: where a host of https is; none of those that are not to be gone to.
        Takes at most FETCH_SECONDS and two look-ups, once it has a seat. Raises: nothing for what the world does.
        """
        identifier = await self._identifier(domain, resolver)
        known = self._known.get(domain)
        if identifier is None:
            return known.current if known is not None else None
        if known is None:
            known = self._known[domain] = Known()
            if len(self._known) > POLICIES_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end(domain)
        async with known.fetching:
            if _is_due(known, identifier):
                await self._fetch(domain, known, identifier, addresses)
        return known.current

    def forget(self, domain: str | None) -> None:
        """Look for the policy of *domain*, or for all, anew; what is known holds on until another is found."""
        for name, known in self._known.items():
            if domain in (None, name):
                known.identifier, known.tried_at = "", -math.inf

    async def _identifier(self, domain: str, resolver: Resolver) -> str | None:
        answer = await resolver.ask(f"_mta-sts.{domain}", dns.rdatatype.TXT)
        if not isinstance(answer, Present):
            return None
        return policy_id(b"".join(record.strings).decode("latin-1") for record in answer.records)

    async def _fetch(
        self, domain: str, known: Known, identifier: str, addresses: Callable[[str], Awaitable[list[str]]]
    ) -> None:
        """Fetch the policy; where that fails, what was known holds on."""
        known.tried_at, known.tried_identifier = trio.current_time(), identifier
        host = f"mta-sts.{domain}"
        try:
            async with self._seats:
                places = (await addresses(host))[:ADDRESSES_MAX]
                context = await self._contexts.context(ClientTlsTerms(verify=True))
                server = Server(host, PORT, places, context)
                answer = await exchange(
                    server, Request("GET", PATH), octets_max=POLICY_OCTETS_MAX, seconds=FETCH_SECONDS
                )
            found = policy(_text(answer))
        except (RequestFault, OSError, ValueError):
            return
        known.policy, known.identifier = found, identifier
        known.fetched_at = trio.current_time()
        known.until = known.fetched_at + found.max_age


def _text(answer: Response) -> bytes:
    """The text that *answer* is (section 3.3). Raises ValueError."""
    media = answer.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if answer.status != 200 or media != b"text/plain" or not answer.is_whole:
        raise ValueError("not a whole text")
    return answer.body


def _is_due(known: Known, identifier: str) -> bool:
    """Whether the policy is to be fetched now."""
    now = trio.current_time()
    if known.tried_identifier == identifier and now - known.tried_at < FETCH_AGAIN_SECONDS:
        return False
    if known.current is None or known.identifier != identifier:
        return True
    return now - known.fetched_at > min(REFRESH_SECONDS, known.until - known.fetched_at - FETCH_AGAIN_SECONDS)
