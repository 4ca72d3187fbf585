"""Which limits hold for a connection to a domain or a host, and who shares each: the key of one is what it counts."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.config.option import Option
from momentum_trio.delivery.delivery_options import (
    ClusterHostLimitOptions,
    ClusterLimitOptions,
    ConnectionOptions,
    HostLimitOptions,
    ServerOptions,
)
from momentum_trio.delivery.route import OutboundTree
from momentum_trio.limits.contract import Key

TOTAL: Key = ("server_max_outbound_connections",)

CLUSTER = "cluster"
"""The first word of what is counted over all nodes."""

_BINDING_MAX = ConnectionOptions.binding_connections_max
_SCOPE_MAX = ConnectionOptions.scope_connections_max
_HOST_SCOPE_MAX = HostLimitOptions.scope_connections_max


def shared_limits(
    tree: OutboundTree, chain: Chain, binding_group: str, binding: str, ceiling: int, *, connected: bool
) -> list[tuple[Key, int]]:
    """Every limit that a domain, whose *chain* it is, shares with others, with its maximum.

    ceiling: what the descriptors of the process allow. connected: the domain has a connection, and no right to the
    reserve.
    """
    options, root = ConnectionOptions.resolve(chain), tree.chain_outbound("", "", "")
    reserve = 0 if connected else ServerOptions.resolve(root).reserve
    total = ConnectionOptions.resolve(root).binding_connections_max + reserve
    limits = [(TOTAL, min(total, ceiling))]
    owner = chain.owner(_BINDING_MAX.key, _BINDING_MAX.scopes)
    if owner is not None and owner.kind != "global":
        limits.append((("binding", binding_group, binding), options.binding_connections_max))
    if options.scope_connections_max >= 0:
        owner = chain.owner(_SCOPE_MAX.key, _SCOPE_MAX.scopes)
        assert owner is not None  # it set a limit
        limits.append(((*tree.path_of(owner), _SCOPE_MAX.key), options.scope_connections_max))
    return limits


def host_limits(tree: OutboundTree, binding_group: str, binding: str, host: str) -> list[tuple[Key, int]]:
    """Every limit that holds for connections to *host*, with its maximum."""
    chain = tree.chain_host(binding_group, binding, host)
    options = HostLimitOptions.resolve(chain)
    limits: list[tuple[Key, int]] = []
    if options.connections_max >= 0:
        limits.append((("host", binding_group, binding, host.lower()), options.connections_max))
    if options.scope_connections_max >= 0:
        owner = chain.owner(_HOST_SCOPE_MAX.key, _HOST_SCOPE_MAX.scopes)
        assert owner is not None
        limits.append(((*tree.path_of(owner), _HOST_SCOPE_MAX.key), options.scope_connections_max))
    return limits


def cluster_limits(
    tree: OutboundTree, chain: Chain, binding_group: str, binding: str, domain: str
) -> list[tuple[Option[int], Key, int]]:
    """Every limit over all nodes that holds for a connection to *domain*: the option, what it counts, its maximum."""
    options, of_domain = ClusterLimitOptions.resolve(chain), ClusterLimitOptions.connections_max
    limits: list[tuple[Option[int], Key, int]] = []
    if options.connections_max >= 0:
        path = _of_binding(tree, chain, of_domain, binding_group, binding)
        limits.append((of_domain, (CLUSTER, "domain", *path, domain), options.connections_max))
    if options.binding_connections_max >= 0:
        of_server = ClusterLimitOptions.binding_connections_max
        owner = chain.owner(of_server.key, of_server.scopes)
        path = () if owner is None or owner.kind == "global" else ("binding", binding_group, binding)
        limits.append((of_server, (CLUSTER, "server", *path), options.binding_connections_max))
    if options.scope_connections_max >= 0:
        of_scope = ClusterLimitOptions.scope_connections_max
        limits.append((of_scope, _of_owner(tree, chain, of_scope), options.scope_connections_max))
    return limits


def cluster_host_limits(tree: OutboundTree, binding_group: str, binding: str, host: str) -> list[tuple[Key, int]]:
    """Every limit over all nodes that holds for connections to *host*, with its maximum."""
    chain = tree.chain_host(binding_group, binding, host)
    options = ClusterHostLimitOptions.resolve(chain)
    limits: list[tuple[Key, int]] = []
    if options.connections_max >= 0:
        path = _of_binding(tree, chain, ClusterHostLimitOptions.connections_max, binding_group, binding)
        limits.append(((CLUSTER, "host", *path, host.lower()), options.connections_max))
    if options.scope_connections_max >= 0:
        owned = _of_owner(tree, chain, ClusterHostLimitOptions.scope_connections_max)
        limits.append((owned, options.scope_connections_max))
    return limits


def _of_binding(tree: OutboundTree, chain: Chain, option: Option[int], binding_group: str, binding: str) -> Key:
    """The binding, if *option* is set in one or in what stands in it: then its connections alone are counted."""
    owner = chain.owner(option.key, option.scopes)
    is_within = owner is not None and "binding" in tree.path_of(owner)[::2]
    return ("binding", binding_group, binding) if is_within else ()


def _of_owner(tree: OutboundTree, chain: Chain, option: Option[int]) -> Key:
    """What the scope that sets *option* counts."""
    owner = chain.owner(option.key, option.scopes)
    assert owner is not None  # it set a limit
    return (CLUSTER, *tree.path_of(owner), option.key)
