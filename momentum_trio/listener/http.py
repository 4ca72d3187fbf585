"""HTTP_Listener: HTTP/1.1 and WebSocket on one port. Octets between a socket and the core, requests to their routes.

The rules of HTTP are in ``protocol/http``, what is answered is in ``web``; here is when to read, send, wait and end.
"""

from __future__ import annotations

from contextlib import aclosing
from functools import partial

import trio
from msgspec.structs import replace

from momentum_trio.listener import http_socket
from momentum_trio.listener.address_limits import with_client
from momentum_trio.listener.esmtp_line import FAREWELL_SECONDS
from momentum_trio.listener.handshake import Secured, Who
from momentum_trio.listener.http_answering import Answering, Upgraded
from momentum_trio.listener.http_authentication import Proving
from momentum_trio.listener.http_body import NO_BODY, LineBody
from momentum_trio.listener.http_line import Line
from momentum_trio.listener.http_socket import Switched
from momentum_trio.listener.http_standing import Standing
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.listener.web.lookup import Lookup
from momentum_trio.listener.web.table import ROUTES
from momentum_trio.machine.contract import Wire
from momentum_trio.mail.date import DateOfSecond
from momentum_trio.mail.record import Requested
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.http import upgrade
from momentum_trio.protocol.http.refusal import RemoteProtocolError, refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.http.server import Begun, Broken, Event, Server, State, octets_of

LOOKUP = Lookup(ROUTES)

BUSY = refusal(503, "Busy", "There are too many connections.", fields=(("retry-after", "1"),), closes=True)
BROKEN = refusal(500, "Internal error", "A fault of ours: the paniclog has it.", closes=True)
GONE = refusal(503, "Reconfigured", "This Listen is not in the configuration any more.", closes=True)
TIMED_OUT = refusal(408, "Request timeout", "The request took too long to come.", closes=True)


async def converse(connection: Connection, services: Services, lookup: Lookup = LOOKUP) -> None:
    """One HTTP connection, from its first octet to its end; the caller closes the socket and records the end.

    lookup: of what is answered. Cancellation: a message whose commit was handed over is kept, whatever else is underway
    is given up.
    """
    await with_client(connection, services, KIND.service, partial(_converse, connection, services, lookup))


async def _converse(connection: Connection, services: Services, lookup: Lookup, too_many: Reply | None) -> None:
    if (switched := await _talk(connection, services, lookup, too_many)) is not None:
        await http_socket.converse(connection, services.machine, switched)


async def _talk(connection: Connection, services: Services, lookup: Lookup, too_many: Reply | None) -> Switched | None:
    """HTTP, to its end, or until the client and we agree on something else."""
    standing = Standing(connection, services)
    if too_many is not None:
        if not standing.terms.at_once:
            await connection.socket.send(KIND.refusal)
        return None
    if (wire := await _wire(connection, services, standing)) is None:
        connection.why = "fault"
        return None
    proving = Proving(connection, services, KIND.service, await _user(connection, services))
    session = Session(connection, services, standing, wire, Answering(connection, services, standing, proving, lookup))
    try:
        with session.line.deadline:
            await session.talk()
        if session.line.deadline.fired:
            await session.farewell()
    finally:
        connection.on_drain = connection.doing = None
    return session.switched


async def _wire(connection: Connection, services: Services, standing: Standing) -> Wire | None:
    """What the conversation goes over: the socket, or TLS above it where it is on; None where that comes to nothing."""
    terms = standing.terms
    if not terms.at_once:
        return services.machine.wire(connection.socket)
    connection.in_clear = False
    assert services.handshakes is not None
    who = Who(str(connection.listen), str(connection.peer_address))
    context = None if terms.tls is None else await services.handshakes.context(who, terms.tls)
    if context is None:
        return None
    with trio.CancelScope() as shaking:
        connection.on_drain = shaking.cancel
        made = await services.handshakes.shake(who, connection.socket, context)
        if isinstance(made, Secured):
            connection.tls = standing.client.tls = made.facts
            return made.wire
    return None


async def _user(connection: Connection, services: Services) -> str:
    """The login name of a Unix peer's process; the name service may block, so a worker asks it."""
    if connection.peer_uid is None:
        return ""
    return await services.machine.work.run(partial(services.machine.process.user_name, connection.peer_uid))


KIND = ListenerKind(
    "HTTP_Listener",
    "HTTP",
    Plane.MAIL,
    converse,
    refusal=octets_of(BUSY),
    fault=octets_of(BROKEN),
    gone=octets_of(GONE),
)


class Session:
    """One client's connection: what the core understands is answered, one request after the other.

    line: between the core and him. switched: what he and we have agreed on instead of HTTP, if anything.
    """

    def __init__(
        self, connection: Connection, services: Services, standing: Standing, wire: Wire, answering: Answering
    ) -> None:
        self._connection, self._services, self._standing = connection, services, standing
        self._answering = answering
        self._server = Server()
        self.line = Line(connection, wire, self._server, services.deadlines.after(standing.terms.idle_seconds))
        self.switched: Switched | None = None
        self._dates = DateOfSecond()
        self._endpoint = str(connection.listen)
        self._request: Request | None = None  # that is under way
        self._began = trio.current_time()  # it, or what is none

    async def talk(self) -> None:
        """Converse until one of the two is done, or the deadline cuts it."""
        server, connection = self._server, self._connection
        while server.is_open and not (connection.draining.is_set() and server.is_at_rest):
            event = await self._next_event()
            if isinstance(event, Begun):
                await self._answer(event.request)
            elif isinstance(event, Broken) and server.may_answer:
                await self._refuse(event.refusal)
            else:
                return
            if not server.is_at_rest:
                await trio.lowlevel.checkpoint()  # who pipelines without end lets others have their turn
        if connection.draining.is_set():
            connection.why = "drain"
        if server.state is not State.OTHER:
            await self.line.linger()

    async def farewell(self) -> None:
        """The deadline has cut the conversation: say why, if a request was under way and the client still listens."""
        connection, server = self._connection, self._server
        connection.why = "drain" if connection.draining.is_set() else "idle"
        if server.is_at_rest or self.line.is_torn or not server.may_answer:
            return
        with trio.move_on_after(FAREWELL_SECONDS):
            await self._refuse(TIMED_OUT)
            await self.line.linger()

    async def _next_event(self) -> Event | None:
        """The next event between requests, by what holds now; None: the connection is good for nothing any more."""
        server, standing = self._server, self._standing
        while server.is_open:
            standing.renew()
            server.body_octets_max, server.chunks = standing.terms.request_octets_max, standing.terms.chunks
            if (event := server.next_event()) is not None:
                return event
            try:
                await self.line.receive()
            except OSError:  # a reset: an end like any other
                return None
        return None

    async def _answer(self, request: Request) -> None:
        """Answer *request*, and record it whatever becomes of it; that of one whose client was too slow comes later."""
        line, sent, status = self.line, self._connection.octets_sent, BROKEN.status
        line.works(self._standing.terms.idle_seconds)
        self._request, self._began = request, line.deadline.touched_at
        try:
            answer = await self._answered(request)
            if isinstance(answer, Upgraded):
                status = 101
                await self._switch(answer, sent)
                status = 0  # it is recorded when it is over
                return
            status = answer.status
            await self._say(answer)
        except trio.Cancelled:
            status = 0
            raise
        finally:
            if status:
                self._record(status, sent)
        line.rests(self._standing.terms.idle_seconds)

    async def _answered(self, request: Request) -> Response | Upgraded:
        if self._standing.is_gone:
            return GONE
        body = LineBody(request, self._server, self.line) if request.has_body else NO_BODY
        try:
            return await self._answering.answer(request, body)
        except RemoteProtocolError as broken:
            return broken.refusal

    async def _refuse(self, refused: Response) -> None:
        """Say why what has come is no request, or the one that is under way too slow."""
        sent = self._connection.octets_sent
        await self._say(refused)
        self._record(refused.status, sent)

    async def _say(self, response: Response) -> None:
        """Send *response*; a client that is gone is found out by the next ``receive``. It is the client's time then."""
        server, line = self._server, self.line
        if self._connection.draining.is_set():
            response = replace(response, closes=True)
        if isinstance(response.content, bytes):
            server.answer(response, self._date())
        else:
            await self._stream(response)
        line.deadline.resume()
        await line.send()

    async def _stream(self, response: Response) -> None:
        """Send *response* as its octets come. A fault on the way is not said: it would be taken for more of them."""
        server, line, content = self._server, self.line, response.content
        assert not isinstance(content, bytes)
        server.begin(response, self._date())
        in_clear, self._connection.in_clear = self._connection.in_clear, False
        try:
            async with aclosing(content):
                while not server.omits_content and (part := await anext(content, None)) is not None:
                    server.part(part)
                    line.deadline.resume()
                    await line.send()
                    line.deadline.park()
        except RemoteProtocolError:  # the request broke off while it was answered
            server.abandon()
            return
        server.finish()
        self._connection.in_clear = in_clear

    async def _switch(self, upgraded: Upgraded, sent: int) -> None:
        """Agree to a WebSocket. sent: octets on this connection before."""
        held = self._server.switch(upgrade.accepted(upgraded.exchange.request))
        self.line.deadline.resume()
        await self.line.send()
        upgraded.exchange.request = replace(upgraded.exchange.request, fields={})  # nobody asks for them any more
        self.switched = Switched(upgraded, self.line.wire, held, self._requested(101, sent))

    def _date(self) -> str:
        """For the Date field (RFC 9110 section 5.6.7)."""
        return self._dates.at(self._services.machine.clock.now()).removesuffix("+0000") + "GMT"

    def _record(self, status: int, sent: int) -> None:
        """What is under way was answered. sent: octets on this connection before."""
        self._services.machine.events.publish(self._requested(status, sent))
        self._request = None

    def _requested(self, status: int, sent: int) -> Requested:
        connection, request = self._connection, self._request
        return Requested(
            self._services.machine.clock.now(),
            connection.connection_id,
            self._endpoint,
            connection.peer,
            "" if request is None else request.method,
            "" if request is None else request.target,
            "" if request is None else request.version,
            status,
            connection.octets_sent - sent,
            trio.current_time() - self._began,
            self._answering.user,
            self._standing.terms.log_to_paniclog,
        )
