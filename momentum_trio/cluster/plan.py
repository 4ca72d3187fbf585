"""Which objects a configuration has replicated, and what each is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.cluster.cluster_options import (
    OUTBOUND_CIDR,
    OUTBOUND_DOMAINS,
    TYPES,
    ReplicateOptions,
)
from momentum_trio.config.tree import ConfigTree
from momentum_trio.protocol.cluster.envelope import TOPIC_OCTETS_MAX

CLUSTER = "cluster"
REPLICATE = "replicate"
TOPIC_PREFIX = "share:"
NAME_OCTETS_MAX = TOPIC_OCTETS_MAX - len(TOPIC_PREFIX)
OBJECTS_MAX = 64
"""Of one node."""
OUTBOUND_DOMAIN = "outbound_domain"
"""What the manual's console page calls ``outbound_domains``."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One ``Replicate`` scope. kind: its type, in lower case."""

    name: str
    kind: str
    binding_group: str
    max_delay_seconds: float
    max_pending: int


def planned(tree: ConfigTree) -> Iterator[Planned | str]:
    """The objects of *tree*, in its order; a sentence for each scope that makes none."""
    scope = tree.root.child(CLUSTER)
    for number, inner in enumerate(() if scope is None else scope.all(REPLICATE)):
        name = canonical(inner.instance)
        options = ReplicateOptions.resolve(tree.chain_path(((CLUSTER, ""), (REPLICATE, inner.key))))
        kind = options.type or options.kind or name.lower()
        if (why := _refusal(number, name, kind, options)) is not None:
            yield f'Replicate "{name}" ({inner.at}) {why}'
        else:
            yield Planned(name, kind, options.binding_group, options.max_delay, options.max_pending)


def _refusal(number: int, name: str, kind: str, options: ReplicateOptions) -> str | None:
    if number >= OBJECTS_MAX:
        return f"is one too many: there may be {OBJECTS_MAX}"
    if kind not in TYPES:
        return f"has no type: set Type to one of {', '.join(TYPES)}"
    if len(name) > NAME_OCTETS_MAX or not name.isascii() or not name.isprintable() or " " in name:
        return f"has a name that cannot be told: expected a word of at most {NAME_OCTETS_MAX} characters"
    if options.binding_group and kind not in (OUTBOUND_CIDR, OUTBOUND_DOMAINS):
        return "takes no Binding_Group: outbound_cidr and outbound_domains do"
    return None


def canonical(name: str) -> str:
    """*name* of an object as it is kept: the manual has two for one."""
    return OUTBOUND_DOMAINS if name.lower() == OUTBOUND_DOMAIN else name
