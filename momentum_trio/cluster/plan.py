"""Which objects a configuration has replicated, and what each is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.cluster.as_logger_options import AsLoggerOptions
from momentum_trio.cluster.cluster_options import (
    CACHE,
    COUNTED,
    METRICS,
    OF_SCRIPTS,
    OUTBOUND_CIDR,
    OUTBOUND_DOMAINS,
    SERIES,
    SNAPSHOT,
    TYPES,
    ReplicateOptions,
)
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position
from momentum_trio.protocol.cluster.envelope import TOPIC_OCTETS_MAX

AS_LOGGER = "as_logger"
CLUSTER = "cluster"
REPLICATE = "replicate"
TOPIC_PREFIX = "share:"
NAME_OCTETS_MAX = TOPIC_OCTETS_MAX - len(TOPIC_PREFIX)
SERIES_OCTETS_MAX = max(map(len, SERIES)) + 1
"""What the name of a series adds to that of its object."""
OBJECTS_MAX = 64
"""Of one node."""
OUTBOUND_DOMAIN = "outbound_domain"
"""What the manual's console page calls ``outbound_domains``."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One replicated object. kind: what it counts, an object of connections or a series of metrics."""

    name: str
    kind: str
    binding_group: str
    max_delay_seconds: float
    max_pending: int


def planned(tree: ConfigTree) -> Iterator[Planned | str]:
    """The objects of *tree*, in its order; a sentence for each scope that makes none."""
    for number, (name, at, kind, options) in enumerate(_scopes(tree)):
        if (why := _refusal(number, name, kind, options)) is not None:
            yield f'Replicate "{name}" ({at}) {why}'
            continue
        for what in _counted(name, kind, options):
            yield Planned(*what, options.binding_group, options.max_delay, options.max_pending)


def _counted(name: str, kind: str, options: ReplicateOptions) -> Iterator[tuple[str, str]]:
    """The objects of one scope, each with its kind: of metrics one for each series; of throttles, which are held by
    leases, and of caches none.
    """
    if kind in COUNTED:
        yield name, kind
    elif kind in METRICS:
        yield from ((f"{name}.{series}", series) for series in SERIES if series in _words(options))


def _words(options: ReplicateOptions) -> list[str]:
    return [word.strip().lower() for word in options.parameters.split(";") if word.strip()]


def cluster_warnings(tree: ConfigTree) -> Iterator[str]:
    """What an operator should know of the objects of *tree*: those that nothing here fills, or that are missing."""
    for name, at, kind, _ in _scopes(tree):
        if kind == CACHE:
            yield f'Replicate "{name}" ({at}) is not shared: this host has no cache of ds_core'
    if journalled(tree) is not None and not any(isinstance(it, Planned) and it.kind in SERIES for it in planned(tree)):
        yield f'{AS_LOGGER} journals nothing: cluster has no Replicate "metrics" with Parameters'


def journalled(tree: ConfigTree) -> AsLoggerOptions | None:
    """What ``as_logger`` of *tree* says; None: nothing is journalled."""
    if tree.root.child(AS_LOGGER) is None:
        return None
    options = AsLoggerOptions.resolve(tree.chain_scope(AS_LOGGER, ""))
    return options if options.enabled else None


def _scopes(tree: ConfigTree) -> Iterator[tuple[str, Position, str, ReplicateOptions]]:
    """Each Replicate scope: its name, where it stands, its type."""
    scope = tree.root.child(CLUSTER)
    for inner in () if scope is None else scope.all(REPLICATE):
        name = canonical(inner.instance)
        options = ReplicateOptions.resolve(tree.chain_path(((CLUSTER, ""), (REPLICATE, inner.key))))
        yield name, inner.at, options.type or options.kind or name.lower(), options


def _refusal(number: int, name: str, kind: str, options: ReplicateOptions) -> str | None:
    if number >= OBJECTS_MAX:
        return f"is one too many: there may be {OBJECTS_MAX}"
    if kind not in TYPES:
        return f"has no type: set Type to one of {', '.join(TYPES)}"
    name_max = NAME_OCTETS_MAX - (SERIES_OCTETS_MAX if kind in METRICS else 0)
    if len(name) > name_max or not name.isascii() or not name.isprintable() or " " in name:
        return f"has a name that cannot be told: expected a word of at most {name_max} characters"
    if kind in METRICS and (wrong := [w for w in _words(options) if w not in (*SERIES, *OF_SCRIPTS, SNAPSHOT)]):
        return f"has no Parameters '{wrong[0]}'; there are: {', '.join(SERIES)}"
    if options.binding_group and kind not in (OUTBOUND_CIDR, OUTBOUND_DOMAINS):
        return "takes no Binding_Group: outbound_cidr and outbound_domains do"
    return None


def canonical(name: str) -> str:
    """*name* of an object as it is kept: the manual has two for one."""
    return OUTBOUND_DOMAINS if name.lower() == OUTBOUND_DOMAIN else name
