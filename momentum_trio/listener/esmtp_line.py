"""The line of one SMTP session: octets between the core and the client, and the waits at which a drain may end it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from momentum_trio.limits.deadline import Deadline
from momentum_trio.listener.failure import DROPPED
from momentum_trio.listener.kind import Connection, Doing
from momentum_trio.machine.contract import Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.server import Server

RECEIVE_OCTETS = 64 * 1024
FAREWELL_SECONDS = 1.0  # for a last reply, and for the client to take it before the socket is closed
LINGER_OCTETS_MAX = 1024 * 1024

_T = TypeVar("_T")


async def listen_out(socket: trio.socket.SocketType) -> None:
    """Say by *socket* that nothing more comes, and let its peer go on until he has heard it."""
    try:
        socket.shutdown(trio.socket.SHUT_WR)
        left = LINGER_OCTETS_MAX
        while left > 0 and (octets := await socket.recv(RECEIVE_OCTETS)):
            left -= len(octets)
    except OSError:
        return


class Line:
    """What *server* has to say goes out here, and what the client says comes in.

    is_resting: nothing but the client, or his turn, is waited for. is_torn: a reply was sent in part, or TLS has begun
    in part: nothing can be said. tls: the wire, once it is one of TLS.
    """

    __slots__ = ("_connection", "_deadline", "_server", "is_resting", "is_torn", "tls", "wire")

    def __init__(self, connection: Connection, wire: Wire, server: Server, deadline: Deadline) -> None:
        self._connection, self._server, self._deadline, self.wire = connection, server, deadline, wire
        self.is_resting = self.is_torn = False
        self.tls: TlsWire | None = None
        connection.on_drain, connection.doing = self._drain, self._doing

    async def receive(self) -> bytes:
        """What the client says next; empty: he has said all. Raises OSError."""
        self.is_resting = True
        octets = await self.wire.recv(RECEIVE_OCTETS)
        self.is_resting = False
        self._connection.octets_received += len(octets)
        return octets

    async def send(self) -> None:
        """All replies that wait, in one send. A client that is gone is found out by the next ``receive``."""
        octets = self._server.octets_to_send()
        if not octets:
            return
        try:
            sent = await self.wire.send(octets)
            self._connection.octets_sent += sent
            if sent < len(octets):
                await self._send_rest(memoryview(octets)[sent:])
        except OSError:
            return

    async def _send_rest(self, rest: memoryview) -> None:
        self.is_torn = True
        while rest:
            sent = await self.wire.send(rest)
            self._connection.octets_sent += sent
            rest = rest[sent:]
        self.is_torn = False

    async def at_rest(self, wait: Callable[..., Awaitable[_T]], *arguments: object) -> _T:
        """``await wait(*arguments)`` while the client waits: he gets what is due to him before that, it costs him
        nothing of his time, and a drain ends it between transactions."""
        await self.send()
        self._deadline.park()
        self.is_resting = True
        outcome = await wait(*arguments)
        self.is_resting = False
        self._deadline.resume()
        return outcome

    def end(self, reply: Reply, why: str) -> None:
        """*reply* is the last of this session."""
        self._server.abort(reply)
        self._connection.why = why

    async def drop(self) -> None:
        """End the connection without a word; replies to what came before are sent."""
        await self.send()
        self.end(DROPPED, "drop")
        self._server.octets_to_send()

    async def farewell(self) -> None:
        """The deadline has cut the conversation: say why, if the client still listens."""
        if self._connection.draining.is_set():
            self.end(replies.SHUTTING_DOWN, "drain")
        else:
            self.end(replies.idle_timeout(self._server.terms.host), "idle")
        if self.is_torn:
            return  # nothing can be said in the middle of a reply
        with trio.move_on_after(FAREWELL_SECONDS):
            await self.send()
            await self.linger()

    async def linger(self) -> None:
        """Let the client read our last reply: a close with octets of his unread would reset the connection under it.

        Within TLS he is told that it was the last.
        """
        if self.tls is not None:
            await self.tls.finish()
            if self._connection.why == "quit":
                return
        await listen_out(self._connection.socket)

    def _drain(self) -> None:
        """The node drains: a session at rest between mail transactions ends now, others at the end of theirs."""
        if self.is_resting and not self._server.in_transaction:
            self._deadline.expire()

    def _doing(self) -> Doing:
        """For ``show inbound``. Who neither rests nor sends while another task looks has work done for him."""
        server, waits = self._server, self.is_resting or self.is_torn
        return Doing(server.phase.words, self._deadline.touched_at, not (waits or server.closed))
