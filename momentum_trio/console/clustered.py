"""The cluster as the console of one node sees it (spec/console.md section 10): reports, and what may be asked.

``node/cluster_plane.py`` is the real one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.console.broadcast import Broadcasting
from momentum_trio.console.floating import Floating
from momentum_trio.protocol.series.answer import SeriesAnswer


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """How a node stands in its cluster.

    port: of the server of the bus that it is connected to. connections: ``m:#ec0-22787#n1``; none while it is cut off.
    leader: the node that is first in the view of cluster_group, empty where there is no view. is_primary: most of the
    servers of the bus are in that view.
    """

    port: int
    connections: tuple[str, ...]
    control_group: str
    cluster_group: str
    log_group: str
    leader: str
    is_primary: bool


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member. What it has not said (yet) is empty."""

    private_name: str
    nodename: str
    subcluster: str
    type: str
    version: str
    address: str
    groups: tuple[str, ...]
    is_leader: bool


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One replicated object. structure: ``cidrtree``, ``gauge table``. snapshots: newcomers are sent all there is."""

    name: str
    structure: str
    has_snapshots: bool


@dataclass(frozen=True, slots=True)
class SharedView:
    """What an object holds: as one member counts, or (``global``) the sum of all."""

    row: SharedRow
    view: str
    counts: Mapping[str, int]


class Clustered(Protocol):
    """What the console may ask of the cluster module of its node."""

    @property
    def nodename(self) -> str:
        """This node's."""
        ...

    @property
    def nodeaddr(self) -> str:
        """``10.0.0.1:4802``, where others reach it; ``0.0.0.0:0`` where they cannot."""
        ...

    @property
    def floating(self) -> Floating:
        """What the console may ask and order about floating addresses."""
        ...

    @property
    def broadcasting(self) -> Broadcasting:
        """Commands for other nodes, and their answers."""
        ...

    def info(self) -> ClusterInfo:
        """How it stands."""
        ...

    def members(self) -> Sequence[MemberRow]:
        """All members, the leader first; none while the node is cut off."""
        ...

    def reset(self) -> None:
        """Leave all groups and come anew."""
        ...

    def abort(self, job: int) -> bool:
        """End the job of that number; False where there is none."""
        ...

    def shared(self) -> Sequence[SharedRow]:
        """The objects that are replicated, in the order of the configuration."""
        ...

    def shared_view(self, name: str, node: str = "") -> SharedView | str:
        """Object *name* as *node* counts, or the sum; a sentence where there is no such object or node."""
        ...

    async def series(self, question: str) -> SeriesAnswer:
        """The answer to *question*, as ``cidr_cli`` takes it, by the journals of this manager's as_logger."""
        ...
