"""The connections to servers that are open now, for whoever wants to see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import trio

from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.place import Place
from momentum_trio.machine.contract import TlsContext
from momentum_trio.mail.stage import Stage


class Talk(Protocol):
    """What is asked of a conversation. heard_at: trio's time at which the server last got somewhere."""

    @property
    def stage(self) -> Stage: ...
    @property
    def heard_at(self) -> float: ...
    @property
    def tls_context(self) -> TlsContext | None: ...


@dataclass(slots=True, eq=False)
class OutboundConnection:
    """One connection. place: where it goes; talk: its conversation, once it is connected; began_at: trio's time."""

    descriptor: int
    domain: str
    binding_group: str
    binding: str
    place: Place
    talk: Talk | None = None
    began_at: float = field(default_factory=trio.current_time)

    @property
    def stage(self) -> Stage:
        """Where its conversation stands."""
        return Stage.NOT_CONNECTED if self.talk is None else self.talk.stage

    @property
    def since(self) -> float:
        """Trio's time at which it last got somewhere."""
        return self.began_at if self.talk is None else self.talk.heard_at

    @property
    def tls_context(self) -> TlsContext | None:
        """Of the TLS it has, if it has any."""
        return None if self.talk is None else self.talk.tls_context


Watcher = Callable[[OutboundConnection, int], None]
"""Told of a connection that there is one more (1), or one less (-1)."""


class OutboundConnections:
    """Those of one node."""

    def __init__(self) -> None:
        self._open: set[OutboundConnection] = set()
        self._watchers: dict[Watcher, None] = {}

    @contextmanager
    def watched(self, watcher: Watcher) -> Iterator[None]:
        """Tell *watcher* of the connections there are, and of changes within the block."""
        for connection in self:
            watcher(connection, 1)
        self._watchers[watcher] = None
        try:
            yield
        finally:
            del self._watchers[watcher]

    def __iter__(self) -> Iterator[OutboundConnection]:
        """By descriptor."""
        return iter(sorted(self._open, key=lambda connection: connection.descriptor))

    @contextmanager
    def connection(self, socket: trio.socket.SocketType, feed: Feed, place: Place) -> Iterator[OutboundConnection]:
        """One more, for the block."""
        made = OutboundConnection(socket.fileno(), feed.domain, feed.binding_group, feed.binding, place)
        self._open.add(made)
        self._tell(made, 1)
        try:
            yield made
        finally:
            self._open.discard(made)
            self._tell(made, -1)

    def _tell(self, connection: OutboundConnection, change: int) -> None:
        for watcher in tuple(self._watchers):
            watcher(connection, change)
