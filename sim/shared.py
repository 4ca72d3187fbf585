"""What the nodes of a cluster have of the objects they share, as each of them knows it, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from momentum_trio.cluster.replication import GLOBAL
from momentum_trio.net.group import node_of

if TYPE_CHECKING:  # checks are named where scenarios are read, long before there is a node
    from momentum_trio.node.node import Started


@dataclass(frozen=True, slots=True)
class Known:
    """One object, as one node knows it. ours: the node's own name; shares: of each node by its name; totals: of all."""

    ours: str
    shares: Mapping[str, Mapping[str, int]]
    totals: Mapping[str, int]


Shared = dict[str, dict[str, Known]]
"""By object, then by host."""


def known_by(node: Started | None) -> dict[str, Known]:
    """Each object that *node* shares, by its name; nothing of what is in no cluster."""
    life = None if node is None else node.administration.cluster_plane.life
    return {name: _known(shared.part.views()) for name, shared in (life.shared if life is not None else {}).items()}


def _known(views: Iterator[tuple[str, Mapping[str, int]]]) -> Known:
    found = [(name, dict(counts)) for name, counts in views]
    shares = {node_of(name): counts for name, counts in found if name != GLOBAL}
    return Known(next(iter(shares), ""), shares, dict(found)[GLOBAL])


def differences(shared: Shared) -> list[str]:
    """Where nodes know different things of an object, or the sum is none, in words."""
    return [text for name, by_host in shared.items() for text in _differences(name, by_host)]


def _differences(name: str, by_host: Mapping[str, Known]) -> Iterator[str]:
    own = {known.ours: known.shares[known.ours] for known in by_host.values() if known.ours}
    for host, known in by_host.items():
        if missing := sorted({*own} ^ {*known.shares}):
            yield f"{host} does not know the share of, or alone knows, {', '.join(missing)} in {name}"
        for node, counts in known.shares.items():
            if node in own and own[node] != counts:
                yield f"{host} has {dict(counts)} for the share of {node} in {name}, which counts {dict(own[node])}"
        total = Counter[str]()
        for counts in known.shares.values():
            total.update(counts)
        if dict(total) != dict(known.totals):
            yield f"{host} has {dict(known.totals)} for the sum of {name}, and it is {dict(total)}"
