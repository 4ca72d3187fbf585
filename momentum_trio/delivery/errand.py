"""One connection for a feed, whatever is spoken over it: to the first place that will have us.

As long as a server cannot have taken it, what was not decided may go to the next place, or to the same one again where
it closed a connection that had served before (RFC 5321 sections 3.8 and 5.1). Afterwards it waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import trio

from momentum_trio.delivery.custody import Contents
from momentum_trio.delivery.hosts import Found, Hosts
from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.outbound import OutboundConnection, OutboundConnections
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.signing import Signer
from momentum_trio.delivery.smtp_options import ANY_ADDRESS, NO_AUTH, SmtpOptions
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.delivery.tracing import Tracers
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.machine import Machine

NO_CONNECTION = "451 4.4.1 [internal] No valid hosts (unable to make any connections)"
NO_SEAT = "451 4.4.5 [internal] its hosts have all the connections they may have"
TIMED_OUT = "450 4.4.1 [internal] Connection Timed Out"


@dataclass(frozen=True, slots=True)
class Outfit:
    """What the carriers of one node share.

    deadlines: strike while somebody runs them. outbound: their connections. tracers: who listens to conversations.
    """

    machine: Machine
    contents: Contents
    hosts: Hosts
    signer: Signer | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    outbound: OutboundConnections = field(default_factory=OutboundConnections)
    tracers: Tracers | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A connection came to nothing, or ended with work in hand. failure: what to say of it.

    again: the same place may be tried at once. clear: without TLS.
    """

    failure: Deferred | Bounced
    again: bool = False
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """A socket that is connected to *place*.

    seen: what the console shows of it. clear: TLS is not to be begun, whatever *demand* asks for. seconds: that
    connecting took.
    """

    socket: trio.socket.SocketType
    place: Place
    demand: TlsDemand
    seen: OutboundConnection
    clear: bool
    seconds: float


class Errand(ABC):
    """What ``carry`` does for one feed. connect_seconds: for a connection to one address; infinity: no limit."""

    def __init__(self, outfit: Outfit, feed: Feed, port: int, connect_seconds: float) -> None:
        self._outfit, self._feed, self._port, self._connect_seconds = outfit, feed, port, connect_seconds
        self._options = SmtpOptions.resolve(feed.chain)
        self._reached = False
        self._turned_away = False  # from a host that has all the connections it may have

    @abstractmethod
    async def _converse(self, connected: Connected) -> Left | None:
        """Serve the feed over a connection. Why it came to nothing, if something is in hand then. Raises OSError."""

    @abstractmethod
    async def _put_off(self, failure: Deferred | Bounced) -> None:
        """Report *failure* for what is in hand."""

    async def run(self) -> None:
        """Serve the feed until it has nothing more, or no way is left."""
        failure = await self._go()
        await self._put_off(failure or Deferred(NO_SEAT))
        if failure is not None and not self._reached and not self._turned_away:
            self._feed.unreachable(failure)

    async def _go(self) -> Deferred | Bounced | None:
        """To one place after the other, until one has served the feed. Returns why none did, or None."""
        found = await self._find()
        if not isinstance(found, Found):
            return found
        failure: Deferred | Bounced | None = None
        for place in found.places:
            with self._feed.admit_host(place.host) as admitted:
                if not admitted:
                    self._turned_away = True
                    continue
                left = await self._serve_at(place, found.demand)
            if left is None:
                return None
            failure = left.failure
            if isinstance(failure, Bounced):
                break
        return failure

    async def _find(self) -> Found | Deferred | Bounced:
        gateway = self._feed.gateway
        if gateway is None or not gateway.is_path:
            return await self._outfit.hosts.find(self._feed, self._port)
        path = gateway.host
        place = Place(path, int(trio.socket.AF_UNIX), (path,), path, 0)
        return Found((place,), TlsDemand(OutboundTlsOptions.resolve(self._feed.chain), self._feed.domain))

    async def _serve_at(self, place: Place, demand: TlsDemand) -> Left | None:
        """Over connections to one place: a further one where that may do better. Returns why it came to nothing."""
        clear = False
        is_secret = self._options.auth_mechanism != NO_AUTH and not self._options.auth_in_clear
        demand = replace(demand, tells_password=is_secret)
        while (left := await self._serve_over_one(place, demand, clear)) is not None and left.again:
            clear = clear or left.clear
        return left

    async def _serve_over_one(self, place: Place, demand: TlsDemand, clear: bool) -> Left | None:
        began = trio.current_time()
        try:
            with (
                trio.socket.socket(place.family, trio.socket.SOCK_STREAM) as socket,
                self._outfit.outbound.connection(socket, self._feed, place) as seen,
            ):
                if not await self._connect(socket, place):
                    return self._failed(place, Deferred(TIMED_OUT, peer_address=place.address_text))
                seconds = trio.current_time() - began
                return await self._converse(Connected(socket, place, demand, seen, clear, seconds))
        except OSError as error:
            reason = f"{NO_CONNECTION}: {error.strerror or error}"
            return self._failed(place, Deferred(reason, peer_address=place.address_text))

    async def _connect(self, socket: trio.socket.SocketType, place: Place) -> bool:
        """Whether it was in time. Raises OSError."""
        if place.family == trio.socket.AF_UNIX:
            address: object = place.host
        else:
            address = place.address
            socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            if self._options.bind_address != ANY_ADDRESS:
                await socket.bind((self._options.bind_address, 0))
        with trio.move_on_after(self._connect_seconds) as scope:
            await socket.connect(address)
        return not scope.cancelled_caught

    def _failed(self, place: Place, failure: Deferred | Bounced) -> Left:
        self._outfit.hosts.failed(place, self._feed.binding)
        return Left(failure)

    def _worked(self, connected: Connected) -> None:
        """The server greeted us: others may try it too."""
        self._outfit.hosts.worked(connected.place, self._feed.binding, connected.seconds)

    def _has_reached(self) -> None:
        """Mail can be handed over: not to be said before the first parcel was asked for."""
        if not self._reached:
            self._reached = True
            self._feed.reached()
