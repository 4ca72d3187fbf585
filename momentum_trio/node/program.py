"""Which program a host is: what the node and the manager of a cluster differ in, all else of them is the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from momentum_trio.cluster.log_service import LogService
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.command import Command
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.events.hub import Hub
from momentum_trio.limits.contract import SharedState
from momentum_trio.listener.kind import Generation, Generations, ListenerKind, Services
from momentum_trio.machine import Machine
from momentum_trio.node.link import MailEnd
from momentum_trio.protocol.cluster.membership import NodeType


class Mail(Protocol):
    """The mail half of a host, or what stands in its place, as the rest of the host sees it.

    generations: those of that half, moved on over the link. services: for conversations of its plane. outbound: its
    connections to other hosts. drain_until: trio's time up to which, at the end, what is under way is waited for.
    """

    generations: Generations
    services: Services
    outbound: OutboundConnections
    drain_until: float

    def next_id(self) -> str:
        """A new identifier, for a connection."""
        ...

    def serve_nodes(self, logs: LogService) -> None:
        """Let other nodes have what is theirs to have here: *logs*, and moves of mail."""
        ...


OpenMail = Callable[
    [Machine, SharedState, Generation, MailEnd, int, Hub, SharedState], AbstractAsyncContextManager[Mail]
]
"""``mail_plane.open_mail_plane``."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program. name: its command. node_type: what it is in its cluster.

    unfit: why a configuration is none for it, a sentence each, asked at the start.
    """

    name: str
    listeners: tuple[ListenerKind, ...]
    commands: tuple[Command, ...]
    node_type: NodeType
    open_mail: OpenMail
    unfit: Callable[[ConfigTree], tuple[str, ...]]
