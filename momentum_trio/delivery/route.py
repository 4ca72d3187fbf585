"""Which method delivers mail for a routing domain, and with what options. Resolved once per domain and generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.blackhole import Blackholed
from momentum_trio.delivery.delivery_options import GATEWAY_METHODS, METHOD_WORDS, DeliveryOptions
from momentum_trio.delivery.method import Method
from momentum_trio.delivery.unbuilt import Unbuilt
from momentum_trio.net.next_hop import NextHop
from momentum_trio.reception.reception_options import BlackholeOptions


class OutboundTree(Protocol):
    """What the queue asks of a configuration tree."""

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        """The scopes that answer for mail to *domain* (spec: config-language, section 7.1)."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """How mail of one domain goes out.

    options: the domain's own. domain: the routing domain, which is the gateway where there is one. chain: of the
    routing domain.
    """

    method: Method
    options: DeliveryOptions
    chain: Chain
    domain: str
    gateway: NextHop | None = None


class Routes:
    """Chooses routes: the methods that exist, by their word."""

    def __init__(self, methods: Sequence[Method]) -> None:
        built: Mapping[str, Method] = {method.word: method for method in methods}
        self._methods: Mapping[str, Method] = {word: built.get(word) or Unbuilt(word) for word in METHOD_WORDS}
        self._blackholed = Blackholed()

    @property
    def methods(self) -> tuple[Method, ...]:
        """Every method a route can have."""
        return (*self._methods.values(), self._blackholed)

    def choose(self, tree: OutboundTree, binding_group: str, binding: str, domain: str) -> Route:
        """The route of *domain* for mail of that binding."""
        chain = tree.chain_outbound(binding_group, binding, domain)
        options = DeliveryOptions.resolve(chain)
        dropped = BlackholeOptions.resolve(chain).blackhole != "false"
        method = self._blackholed if dropped else self._methods[options.method]
        gateway = options.gateway
        if gateway is None or method.word not in GATEWAY_METHODS:
            return Route(method, options, chain, domain)
        beyond = tree.chain_outbound(binding_group, binding, gateway.domain)
        return Route(method, options, beyond, gateway.domain, gateway)
