"""The line of one HTTP connection: octets between the core and the client, in the time he has for them."""

from __future__ import annotations

import trio

from momentum_trio.limits.deadline import Deadline
from momentum_trio.listener.esmtp_line import FAREWELL_SECONDS, listen_out
from momentum_trio.listener.kind import Connection, Doing
from momentum_trio.machine.contract import Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.protocol.http.server import RECEIVE_OCTETS, Server

HEAD_SECONDS = 30.0
"""From the first octet of a head to its last."""

_IDLE, _READING, _ANSWERING = "idle", "reading the request", "answering"  # phases, for operators


class Line:
    """What *server* has to say goes out here, and what the client says comes in.

    wire: the socket, or TLS above it. deadline: of the client's silence; while our own work is waited for it is parked
    (``works``). is_torn: an answer was sent in part, so that nothing else can be said.
    """

    __slots__ = ("_connection", "_is_resting", "_phase", "_server", "deadline", "is_torn", "wire")

    def __init__(self, connection: Connection, wire: Wire, server: Server, deadline: Deadline) -> None:
        self._connection, self._server, self.wire, self.deadline = connection, server, wire, deadline
        self._is_resting = self.is_torn = False
        self._phase = _IDLE
        connection.on_drain, connection.doing = self._drain, self._doing

    async def receive(self) -> None:
        """Have the core take what the client says next. Raises OSError."""
        server = self._server
        rested = server.is_at_rest
        self._is_resting = rested
        octets = await self.wire.recv(RECEIVE_OCTETS)
        self._is_resting = False
        self._connection.octets_received += len(octets)
        server.receive(octets)
        if rested:
            self._phase = _READING
            self.deadline.touch(min(HEAD_SECONDS, self.deadline.tolerance_seconds))

    async def receive_body(self) -> None:
        """The same, of a body that somebody here works on: it is the client's time that passes now. Raises nothing: a
        reset is an end like any other."""
        self.deadline.resume()
        try:
            octets = await self.wire.recv(RECEIVE_OCTETS)
        except OSError:
            octets = b""
        self.deadline.credit(len(octets))
        self.deadline.park()
        self._connection.octets_received += len(octets)
        self._server.receive(octets)

    async def send(self) -> None:
        """All that the core has to say. Raises ConnectionError."""
        rest = memoryview(self._server.octets_to_send())
        try:
            await self._send(rest)
        except OSError as fault:
            raise ConnectionResetError from fault

    async def _send(self, rest: memoryview) -> None:
        while rest:
            sent = await self.wire.send(rest)
            self._connection.octets_sent += sent
            rest = rest[sent:]
            if rest:
                self.is_torn = True
                self.deadline.credit(sent)
        self.is_torn = False

    def works(self, idle_seconds: float) -> None:
        """A request has come, and is worked on: then the client has all of his time anew."""
        self._phase = _ANSWERING
        self.deadline.park_anew(idle_seconds)

    def rests(self, idle_seconds: float) -> None:
        """It is answered: the client has all of his time anew."""
        self._phase = _IDLE
        self.deadline.touch(idle_seconds)

    async def linger(self) -> None:
        """Let the client read our last answer: a close with octets of his unread would reset it away."""
        with trio.move_on_after(FAREWELL_SECONDS):
            if isinstance(self.wire, TlsWire):
                await self.wire.finish()
            await listen_out(self._connection.socket)

    def _drain(self) -> None:
        """The node drains: who is between two requests ends now, others with their answer."""
        if self._is_resting:
            self.deadline.expire()

    def _doing(self) -> Doing:
        """For ``show inbound``."""
        return Doing(self._phase, self.deadline.touched_at, floating=self._phase is _ANSWERING)
