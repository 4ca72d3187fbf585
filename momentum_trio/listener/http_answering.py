"""From a request to its answer: for whom it is, who asks, whether he may, and who answers."""

from __future__ import annotations

from typing import NamedTuple

from momentum_trio.console.authority import NOT_AUTHORIZED
from momentum_trio.console.roster import Roster
from momentum_trio.listener.http_admission import misdirected, unacceptable
from momentum_trio.listener.http_authentication import NOBODY, Proving
from momentum_trio.listener.http_authority import ConsoleAuthority
from momentum_trio.listener.http_standing import Standing
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.listener.web.exchange import Body, Exchange
from momentum_trio.listener.web.flawed import flawed
from momentum_trio.listener.web.injectors import Injectors
from momentum_trio.listener.web.lookup import OPTIONS, Found, Lookup, OtherMethods
from momentum_trio.listener.web.route import OPEN, Command, Route, Socket
from momentum_trio.protocol.http import upgrade
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.http.target import ASTERISK
from momentum_trio.protocol.injection.flaw import Flaws
from momentum_trio.reception.client import Identity

NOT_FOUND = refusal(404, "Not found", "There is nothing at this path.")


class Upgraded(NamedTuple):
    """The request is answered by a WebSocket."""

    socket: Socket
    exchange: Exchange


class Answering:
    """The answers to the requests of one connection. lookup: of the routes there are."""

    def __init__(
        self, connection: Connection, services: Services, standing: Standing, proving: Proving, lookup: Lookup
    ) -> None:
        self._connection, self._services, self._standing = connection, services, standing
        self._proving, self._lookup = proving, lookup
        self._roster = Roster(services.machine)
        self._injectors = Injectors(connection, services, standing.client)
        self.user = ""  # of the request that is, or was, answered last
        self._directed: tuple[int, str, str] | None = None  # generation, Host and Origin of a request that was for us

    async def answer(self, request: Request, body: Body) -> Response | Upgraded:
        """What *request* comes to. Raises: RemoteProtocolError, as *body*; faults of ours."""
        standing = self._standing
        self.user = ""
        if (refused := self._misdirected(request)) is not None:
            return refused
        found = self._lookup.find(request.method, request.path)
        is_open = isinstance(found, Found) and found.route.access is OPEN
        who = NOBODY if is_open else await self._proving.who(request, standing.terms)
        if isinstance(who, Response):
            return who
        self.user = who.user
        if isinstance(found, Found):
            return await self._answered(request, body, found, who)
        return _elsewhere(request, found)

    def _misdirected(self, request: Request) -> Response | None:
        """Why *request* is not for this host. Most of a connection say the same of that: it is judged once."""
        standing = self._standing
        said = (standing.generation.number, request.field("host"), request.field("origin"))
        if said == self._directed:
            return None
        refused = misdirected(request, standing.terms, standing.hostname, in_tls=self._connection.tls is not None)
        self._directed = None if refused is not None or not request.field("host") else said
        return refused

    async def _answered(self, request: Request, body: Body, found: Found, who: Identity) -> Response | Upgraded:
        route = found.route
        refused = unacceptable(request, route.consumes) if isinstance(route, Route) else _no_socket(request)
        if refused is not None:
            return refused
        exchange = self._exchange(request, body, found, who)
        if not await _may(exchange, route):
            return refusal(403, "Forbidden", NOT_AUTHORIZED)
        if not isinstance(route, Route):
            return Upgraded(route, exchange)
        try:
            return await route.answer(exchange)
        except Flaws as flaws:
            return flawed(flaws)

    def _exchange(self, request: Request, body: Body, found: Found, who: Identity) -> Exchange:
        standing, connection, services = self._standing, self._connection, self._services
        standing.is_asked_by(who)
        authority = ConsoleAuthority(
            connection,
            services,
            standing.generation,
            standing.terms,
            who,
            self._roster,
            is_near=self._proving.is_near,
        )
        return Exchange(
            request,
            found.parameters,
            body,
            connection,
            standing.client,
            services,
            standing.generation,
            standing.chain,
            who.user,
            who.is_proved,
            authority,
            self._injectors,
        )


def _elsewhere(request: Request, found: OtherMethods | None) -> Response:
    if isinstance(found, OtherMethods):
        allow = (("allow", ", ".join(found.allowed)),)
        if request.method == OPTIONS:
            return Response(204, media_type="", fields=allow)
        why = f"This path knows {', '.join(found.allowed)}."
        return refusal(405, "Method not allowed", why, fields=allow)
    return Response(204, media_type="") if request.path == ASTERISK else NOT_FOUND


def _no_socket(request: Request) -> Response | None:
    """Why no WebSocket begins with *request*; None: one does."""
    if upgrade.is_asked(request):
        return upgrade.fault(request)
    why = "At this path there is a WebSocket."
    return refusal(426, "Upgrade required", why, fields=(("upgrade", "websocket"), ("connection", "Upgrade")))


async def _may(exchange: Exchange, route: Route | Socket) -> bool:
    if not isinstance(route.access, Command):
        return True
    line = route.access.line
    for name, value in exchange.parameters.items():
        line = line.replace(f"{{{name}}}", value)
    return await (exchange.may(line) if exchange.request.is_safe else exchange.authorize(line))
