"""Which way mail for a routing domain goes, and with what options. Resolved once per domain and generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.config.chain import AnsweringScope, Chain
from momentum_trio.config.kind import Throttle
from momentum_trio.config.option import Option
from momentum_trio.delivery.blackhole import Blackholed
from momentum_trio.delivery.delivery_options import (
    GATEWAY_METHODS,
    METHOD_WORDS,
    ClusterLimitOptions,
    ConnectionOptions,
    DeliveryOptions,
    ResidentOptions,
)
from momentum_trio.delivery.meter import Meter
from momentum_trio.delivery.method import Carrier, Method
from momentum_trio.delivery.unbuilt import Unbuilt
from momentum_trio.limits.contract import Key
from momentum_trio.net.next_hop import NextHop
from momentum_trio.reception.reception_options import BlackholeOptions


class OutboundTree(Protocol):
    """What the queue asks of a configuration tree."""

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        """The scopes that answer for mail to *domain* (spec: config-language, section 7.1)."""
        ...

    def chain_host(self, binding_group: str, binding: str, host: str) -> Chain:
        """The Host scopes that answer for connections to *host*: binding_group>binding>host, binding>host,
        binding_group>host, host.
        """
        ...

    def path_of(self, scope: AnsweringScope) -> Key:
        """Where *scope*, one of a chain of this tree, stands: the same words in every generation."""
        ...


ROUTES_MAX = 16_384
"""Routes remembered per generation."""


@dataclass(frozen=True, slots=True)
class Route:
    """How mail of one domain goes out: by a method, or over the connections of a carrier.

    options: the domain's own. own_chain: where they are from. domain: the routing domain, which is the gateway where
    there is one. chain: of the routing domain. meter: what its messages are counted in. resident_max: envelopes kept
    of the front of the lane.
    """

    method: Method | None
    carrier: Carrier | None
    options: DeliveryOptions
    own_chain: Chain
    chain: Chain
    domain: str
    meter: Meter | None
    resident_max: int
    gateway: NextHop | None = None

    @property
    def word(self) -> str:
        """What ``Delivery_Method`` calls the way."""
        way = self.method or self.carrier
        assert way is not None
        return way.word


class Routes:
    """Chooses routes: the ways that exist, by their word."""

    def __init__(self, methods: Sequence[Method | Carrier]) -> None:
        built: Mapping[str, Method | Carrier] = {method.word: method for method in methods}
        self._ways: Mapping[str, Method | Carrier] = {word: built.get(word) or Unbuilt(word) for word in METHOD_WORDS}
        self._carriers = {word: way for word, way in self._ways.items() if isinstance(way, Carrier)}
        self._methods = {word: way for word, way in self._ways.items() if not isinstance(way, Carrier)}
        self._blackholed = Blackholed()
        self._chosen: dict[tuple[str, str, str], Route] = {}
        self._chosen_of: OutboundTree | None = None

    @property
    def methods(self) -> tuple[Method, ...]:
        """Every method that a route can have."""
        return (*self._methods.values(), self._blackholed)

    def choose(self, tree: OutboundTree, binding_group: str, binding: str, domain: str) -> Route:
        """The route of *domain* for mail of that binding, remembered for a while."""
        if self._chosen_of is not tree or len(self._chosen) >= ROUTES_MAX:
            self._chosen_of, self._chosen = tree, {}
        key = (binding_group, binding, domain)
        route = self._chosen.get(key)
        if route is None:
            route = self._chosen[key] = self._choose(tree, *key)
        return route

    def _choose(self, tree: OutboundTree, binding_group: str, binding: str, domain: str) -> Route:
        own_chain = chain = tree.chain_outbound(binding_group, binding, domain)
        options = DeliveryOptions.resolve(own_chain)
        dropped = BlackholeOptions.resolve(own_chain).blackhole != "false"
        word = self._blackholed.word if dropped else options.method
        gateway = options.gateway if word in GATEWAY_METHODS else None
        if gateway is not None:
            domain = gateway.domain
            chain = tree.chain_outbound(binding_group, binding, domain)
        meter = both_meters(tree, chain, ConnectionOptions.messages_throttle, ClusterLimitOptions.messages_throttle)
        resident_max = ResidentOptions.resolve(own_chain).lane_max
        method = self._blackholed if dropped else self._methods.get(word)
        carrier = None if dropped else self._carriers.get(word)
        return Route(method, carrier, options, own_chain, chain, domain, meter, resident_max, gateway)


def both_meters(
    tree: OutboundTree, chain: Chain, option: Option[Throttle | None], everywhere: Option[Throttle | None]
) -> Meter | None:
    """The throttle *option* and that over all nodes, *everywhere*, as far as they hold along *chain*."""
    own, shared = meter_of(tree, chain, option), meter_of(tree, chain, everywhere, is_everywhere=True)
    return shared if own is None else own.with_beside(shared)


def meter_of(
    tree: OutboundTree, chain: Chain, option: Option[Throttle | None], *, is_everywhere: bool = False
) -> Meter | None:
    """The throttle *option* that holds along *chain*; the scope that sets it owns its counter."""
    throttle = option.resolve(chain)
    owner = None if throttle is None else chain.owner(option.key, option.scopes)
    if throttle is None or owner is None:
        return None
    return Meter.of((*tree.path_of(owner), option.key), throttle, is_everywhere=is_everywhere)
