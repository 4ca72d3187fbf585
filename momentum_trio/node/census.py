"""The connections of a node, as the objects that its cluster shares count them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from momentum_trio.cluster.cluster_options import (
    INBOUND_CIDR,
    OUTBOUND_BINDING_DOMAINS,
    OUTBOUND_CIDR,
    OUTBOUND_DOMAINS,
    SERIES,
)
from momentum_trio.cluster.plan import Planned
from momentum_trio.delivery.outbound import OutboundConnection, OutboundConnections
from momentum_trio.listener.esmtp import KIND
from momentum_trio.listener.kind import Connection, ListenerKind
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Record, SessionBegan, SessionEnded
from momentum_trio.net.netblock import LOOPBACK, parse_address
from momentum_trio.node.series import Count, Series


class Census:
    """Both directions of one node.

    inbound: all connections that are open, with what they are connections of.
    """

    def __init__(
        self,
        machine: Machine,
        inbound: Callable[[], Iterable[tuple[ListenerKind, Connection]]],
        outbound: OutboundConnections,
    ) -> None:
        self._machine, self._inbound, self._outbound = machine, inbound, outbound

    @contextmanager
    def counting(self, planned: Planned, count: Count) -> Iterator[None]:
        """Have what *planned* counts counted within the block."""
        if planned.kind == INBOUND_CIDR:
            with self._inbound_counted(count):
                yield
        elif planned.kind in SERIES:
            with self._series_counted(Series(planned.kind, count)):
                yield
        else:
            with self._outbound.watched(_watcher(planned, count)):
                yield

    @contextmanager
    def _inbound_counted(self, count: Count) -> Iterator[None]:
        open_now: dict[str, str] = {}

        def take(record: Record) -> None:
            match record:
                case SessionBegan(service=KIND.service):
                    begin(record.connection_id, _address(record.peer))
                case SessionEnded(service=KIND.service) if record.connection_id in open_now:
                    count(open_now.pop(record.connection_id), -1)

        def begin(connection_id: str, address: str) -> None:
            open_now[connection_id] = address
            count(address, 1)

        for kind, connection in self._inbound():
            if kind.service == KIND.service:
                begin(connection.connection_id, str(connection.peer_address))
        self._machine.events.subscribe(take)
        try:
            yield
        finally:
            self._machine.events.unsubscribe(take)

    @contextmanager
    def _series_counted(self, series: Series) -> Iterator[None]:
        self._machine.events.subscribe(series.take)
        try:
            yield
        finally:
            self._machine.events.unsubscribe(series.take)


def _address(peer: str) -> str:
    """The address in ``192.0.2.1:4711``; that of loopback for a Unix peer."""
    return str(parse_address(peer.rpartition(":")[0])) if peer else str(LOOPBACK)


def _watcher(planned: Planned, count: Count) -> Callable[[OutboundConnection, int], None]:
    def watch(connection: OutboundConnection, change: int) -> None:
        if planned.binding_group in ("", connection.binding_group):
            count(_key(planned.kind, connection), change)

    return watch


def _key(kind: str, connection: OutboundConnection) -> str:
    match kind:
        case _ if kind == OUTBOUND_CIDR:
            return connection.place.address_text
        case _ if kind == OUTBOUND_DOMAINS:
            return connection.domain
        case _:
            assert kind == OUTBOUND_BINDING_DOMAINS
            return f"{connection.binding}/{connection.domain}"
