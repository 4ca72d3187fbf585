"""Why mail to a domain goes as it goes: by which method, to whom, with which options, and what it shares with whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from momentum_trio.config.binding import Binding, bindings_of
from momentum_trio.config.chain import AnsweringScope, Chain
from momentum_trio.config.instance import pattern_of
from momentum_trio.config.kind import INTEGER_MAX
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option, Options
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.delivery_options import (
    GATEWAY_METHODS,
    ClusterLimitOptions,
    ConnectionOptions,
    DelayNoticeOptions,
    DeliveryOptions,
    ResidentOptions,
)
from momentum_trio.delivery.dkim_options import OutboundSigningOptions
from momentum_trio.delivery.ecstream_options import EcstreamDeliveryOptions
from momentum_trio.delivery.host_options import DnsOptions, HostOptions, StaticRouteOptions, static_target
from momentum_trio.delivery.lmtp_options import LmtpOptions
from momentum_trio.delivery.maildir_options import MaildirOptions
from momentum_trio.delivery.report_options import ReportOptions
from momentum_trio.delivery.route import Route, Routes, meter_of
from momentum_trio.delivery.shared_limits import TOTAL, cluster_limits, shared_limits
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.target import Target, target_of
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.delivery.transcode_options import TranscodeOptions
from momentum_trio.limits.contract import Key
from momentum_trio.node.explanation.origin import Asking, Effective, asking, effective, effective_all, scope_words
from momentum_trio.node.explanation.question import Outbound
from momentum_trio.reception.reception_options import BlackholeOptions

OF_THE_MAIL: tuple[type[Options], ...] = (
    BlackholeOptions,
    DelayNoticeOptions,
    DeliveryOptions,
    ReportOptions,
    ResidentOptions,
    TranscodeOptions,
)
"""Read along the chain of the domain itself, also where its mail goes by a gateway."""
_SMTP: tuple[type[Options], ...] = (
    ClusterLimitOptions,
    ConnectionOptions,
    DnsOptions,
    HostOptions,
    OutboundSigningOptions,
    OutboundTlsOptions,
    SmtpOptions,
)
OF_THE_WAY: dict[str, tuple[type[Options], ...]] = {
    "ESMTP": _SMTP,
    "SMTP": _SMTP,
    "LMTP": (*_SMTP, LmtpOptions),
    "ECSTREAM": (*_SMTP, EcstreamDeliveryOptions),
    "MAILDIR": (ClusterLimitOptions, ConnectionOptions, MaildirOptions),
}
"""Read along the chain of the routing domain, by each method that is built."""
PORTS = {"LMTP": LmtpOptions.port, "ECSTREAM": EcstreamDeliveryOptions.port}
"""Where they are not SMTP's."""
BLACKHOLE = "BLACKHOLE"
BUILT = frozenset((*OF_THE_WAY, BLACKHOLE))

_THROTTLES = (ConnectionOptions.messages_throttle, ConnectionOptions.connections_throttle)
_CLUSTER_THROTTLES = (ClusterLimitOptions.messages_throttle, ClusterLimitOptions.connections_throttle)
_EVERYWHERE = ", on all nodes of the cluster"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way of mail in one line. deciding: the options that chose it, as they hold."""

    domain: str
    binding: str
    method: str
    words: str
    deciding: tuple[Effective, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """A throttle or a limit on connections. counts: what is counted together, in words."""

    what: str
    option: Effective
    counts: str


@dataclass(frozen=True, slots=True)
class OutboundExplanation:
    """Why mail to *domain* by *binding* goes as it goes.

    routing_domain: whose options hold for the conversation; the gateway where there is one. suspended: its mail waits.
    chain, routing_chain: the scopes asked for the domain, and for the routing domain where that is another.
    of_mail, of_way: the options of the mail itself, and of how it is carried.
    """

    domain: str
    binding: str
    delivery: Delivery
    suspended: bool
    routing_domain: str
    chain: tuple[Asking, ...]
    routing_chain: tuple[Asking, ...]
    shared: tuple[Shared, ...]
    of_mail: tuple[Effective, ...]
    of_way: tuple[Effective, ...]


def explain_outbound(tree: ConfigTree, asked: Outbound, system_hostname: str) -> OutboundExplanation:
    """The explanation of *asked* by *tree*. Raises ValueError: there is no such binding, or no such option."""
    binding = bindings_of(tree.root, asked.binding or "default")[0]
    domain = asked.domain.lower().removesuffix(".")
    route = route_of(tree, binding, domain)
    of_mail = effective_all(tree, route.own_chain, _options(OF_THE_MAIL))
    of_way = effective_all(tree, route.chain, _options(OF_THE_WAY.get(route.word, ())))
    return OutboundExplanation(
        domain,
        binding_words(binding),
        deliver(tree, domain, binding, system_hostname),
        route.options.suspended,
        route.domain,
        asking(tree, route.own_chain),
        asking(tree, route.chain) if route.chain is not route.own_chain else (),
        tuple(_shared(tree, route, binding)),
        of_mail,
        of_way,
    )


def route_of(tree: ConfigTree, binding: Binding, domain: str) -> Route:
    """The route that the queue would choose."""
    return Routes(()).choose(tree, binding.group, binding.name, domain)


def deliver(tree: ConfigTree, domain: str, binding: Binding, system_hostname: str) -> Delivery:
    """The way of mail to *domain* by *binding*."""
    route = route_of(tree, binding, domain)
    deciding = tuple(effective(tree, chain, option) for chain, option in _deciding(tree, route))
    words = _way(tree, route, system_hostname)
    return Delivery(domain, binding_words(binding), route.word, words, deciding)


def binding_words(binding: Binding) -> str:
    """``name``, or ``group/name``."""
    return binding.name if binding.group == "default" else f"{binding.group}/{binding.name}"


def _deciding(tree: ConfigTree, route: Route) -> Iterator[tuple[Chain, Option[Any]]]:
    """What the choice of the way depends on."""
    if BlackholeOptions.resolve(route.own_chain).blackhole != "false":
        yield route.own_chain, BlackholeOptions.blackhole
        return
    yield route.own_chain, DeliveryOptions.method
    if route.word == "MAILDIR":
        yield route.chain, MaildirOptions.path
    if route.word not in GATEWAY_METHODS:
        return
    if route.gateway is not None:
        yield route.own_chain, DeliveryOptions.gateway
    elif HostOptions.resolve(route.chain).routes:
        yield route.chain, HostOptions.routes
    elif static_target(tree.chain_scope("static_routes")) is not None:
        yield tree.chain_scope("static_routes"), StaticRouteOptions.target


def _way(tree: ConfigTree, route: Route, system_hostname: str) -> str:
    """The way in words."""
    if BlackholeOptions.resolve(route.own_chain).blackhole != "false":
        return "nowhere: it is taken and fails"
    if route.word not in BUILT:
        return f"kept: delivery by {route.word} is not built here"
    if route.word == BLACKHOLE:
        return "nowhere: it counts as delivered"
    if route.word == "MAILDIR":
        return f"into {path}" if (path := MaildirOptions.resolve(route.chain).path) else "kept: Maildir_Path is not set"
    if route.word == "ECSTREAM" and route.gateway is None:
        return "kept: delivery by ECSTREAM needs a Gateway"
    static = static_target(tree.chain_scope("static_routes"))
    target = target_of(route.domain, route.gateway, route.chain, static, system_hostname)
    port = PORTS.get(route.word, SmtpOptions.port).resolve(route.chain)
    return f"by {route.word} to {_next_hop(target, port)}"


def _next_hop(target: Target, port: int) -> str:
    if target.gateway is not None:
        hop = target.gateway
        return str(hop) if hop.port is not None or hop.is_path else f"{hop}, port {port}"
    if target.routes:
        return f"the hosts of its Routes, port {port} unless they say another"
    if target.domain.startswith("["):
        return f"that address, port {port}"
    best = "the best of " if target.best_only else ""
    return f"{best}the hosts that DNS has for it (MX, else its own address), port {port}"


def _options(groups: tuple[type[Options], ...]) -> list[Option[Any]]:
    return [option for group in groups for option in group.declared]


# what is shared


def _shared(tree: ConfigTree, route: Route, binding: Binding) -> Iterator[Shared]:
    """The throttles and limits of the way, with those who share each."""
    chain, connects = route.chain, route.word in GATEWAY_METHODS and route.word in BUILT
    for options, where in ((_THROTTLES, ""), (_CLUSTER_THROTTLES, _EVERYWHERE)):
        for option in options if connects else options[:1]:
            if meter_of(tree, chain, option) is not None:
                owner = chain.owner(option.key, option.scopes)
                assert owner is not None
                yield Shared("throttle", effective(tree, chain, option), _falls_to(tree, owner) + where)
    if not connects:
        return
    own = ConnectionOptions.connections_max
    yield Shared("limit", effective(tree, chain, own), f"{route.domain} in binding {binding_words(binding)} alone")
    limits = shared_limits(tree, chain, binding.group, binding.name, INTEGER_MAX, connected=True)
    for key, _ in limits:
        yield _limit(tree, chain, key, binding)
    for limit_option, key, _ in cluster_limits(tree, chain, binding.group, binding.name, route.domain):
        yield Shared(
            "limit", effective(tree, chain, limit_option), _cluster_words(tree, chain, limit_option, key, binding)
        )


def _cluster_words(tree: ConfigTree, chain: Chain, option: Option[int], key: Key, binding: Binding) -> str:
    """What a limit over all nodes counts."""
    if option is ClusterLimitOptions.scope_connections_max:
        owner = chain.owner(option.key, option.scopes)
        assert owner is not None
        return _falls_to(tree, owner) + _EVERYWHERE
    mail = f"mail to {key[-1]}" if key[1] == "domain" else "all mail"
    whose = f" of binding {binding_words(binding)}" if "binding" in key[2:3] else ""
    return f"{mail}{whose}{_EVERYWHERE}"


def _limit(tree: ConfigTree, chain: Chain, key: Key, binding: Binding) -> Shared:
    server, scope = ConnectionOptions.binding_connections_max, ConnectionOptions.scope_connections_max
    if key == TOTAL:
        return Shared(
            "limit", effective(tree, tree.chain_global(), server), "all mail of this host; its open files may be fewer"
        )
    if key[-1] != scope.key:
        return Shared("limit", effective(tree, chain, server), f"all mail of binding {binding_words(binding)}")
    owner = chain.owner(scope.key, scope.scopes)
    assert owner is not None
    return Shared("limit", effective(tree, chain, scope), _falls_to(tree, owner))


def _falls_to(tree: ConfigTree, owner: AnsweringScope) -> str:
    """Whose mail is counted together where *owner* sets the most."""
    words = scope_words(tree, owner)
    if isinstance(owner, Scope) and owner.kind == "domain":
        return f"mail to every domain that {words} matches" if pattern_of(owner.key) is not None else f"mail to {words}"
    return f"all mail of {'this host' if owner.kind == 'global' else words} for which nothing more specific sets one"
