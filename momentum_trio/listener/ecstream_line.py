"""The line of one ECStream connection: octets between core and client, and the waits at which a drain may end it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from momentum_trio.limits.deadline import Deadline
from momentum_trio.listener.esmtp_line import FAREWELL_SECONDS, listen_out
from momentum_trio.listener.kind import Connection, Doing
from momentum_trio.machine.contract import Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.frame import WHY_OCTETS_MAX, Code
from momentum_trio.protocol.ecstream.server import Server, State
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.phase import Phase

PHASES = {
    State.SILENT: Phase.JUST_CONNECTED,
    State.READY: Phase.AWAITING_MAILFROM,
    State.DIALOGUE: Phase.AWAITING_MAILFROM,
    State.ANSWERED: Phase.AWAITING_MAILFROM,
    State.BATCHES: Phase.AWAITING_MAILFROM,
    State.CONTENT: Phase.READING_BODY,
    State.LEAVING: Phase.SENDING_BODY_RESPONSE,
    State.CLOSED: Phase.SENDING_BODY_RESPONSE,
}
"""What a connection is about in the manual's words, where it has no batch at work."""


def why_of(reply: Reply) -> bytes:
    """What ERROR and UNPROVED say where SMTP would say *reply*."""
    return str(reply).encode("ascii", "replace")[:WHY_OCTETS_MAX]


class Line:
    """What *server* has to say goes out here, and what the client says comes in.

    is_resting: nothing but the client is waited for. is_torn: a frame was sent in part, or TLS has begun in part:
    nothing can be said. has_ended: the last word was said, of our own accord. has_lost_turn: a drain has ended the wait
    for it. tls: the wire, once it is one of TLS.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_server",
        "_turn",
        "has_ended",
        "has_lost_turn",
        "is_resting",
        "is_torn",
        "tls",
        "wire",
    )

    def __init__(self, connection: Connection, wire: Wire, server: Server, deadline: Deadline) -> None:
        self._connection, self._server, self._deadline, self.wire = connection, server, deadline, wire
        self.is_resting = self.is_torn = self.has_ended = self.has_lost_turn = False
        self.tls: TlsWire | None = None
        self._turn: trio.CancelScope | None = None  # in which the client waits for his turn
        connection.on_drain, connection.doing = self._drain, self._doing

    async def receive(self) -> int:
        """Take what the client says next; how many octets. 0: he has said all. Raises OSError."""
        self.is_resting = True
        count = await self.wire.recv_into(self._server.room())
        self.is_resting = False
        self._connection.octets_received += count
        self._server.received(count)
        return count

    async def send(self) -> None:
        """All frames that wait. A client that is gone is found out by the next ``receive``."""
        pieces = self._server.octets_to_send()
        if not pieces:
            return
        rest = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        self.is_torn = True
        try:
            while rest:
                sent = await self.wire.send(rest)
                self._connection.octets_sent += sent
                rest = rest[sent:]
        except OSError:
            return
        self.is_torn = False

    async def in_turn(self, wait: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """``await wait(*arguments)`` while the client waits for his turn; a drain ends it."""
        with trio.CancelScope() as turn:
            self._turn = turn
            if self._connection.draining.is_set():
                turn.cancel()
            await wait(*arguments)
        self._turn = None
        self.has_lost_turn |= turn.cancelled_caught

    def end(self, code: Code, reply: Reply, why: str) -> None:
        """Nothing but ERROR, for what *reply* says, is said any more. why: for SessionEnded."""
        self.has_ended = True
        self._server.close(code, why_of(reply))
        self._connection.why = why

    async def farewell(self) -> None:
        """The deadline has cut the conversation: say why, if the client still listens."""
        if self._connection.draining.is_set():
            self.end(Code.CLOSING, replies.SHUTTING_DOWN, "drain")
        else:
            self.end(Code.IDLE, replies.idle_timeout(self._server.terms.name.decode()), "idle")
        if self.is_torn:
            return  # nothing can be said in the middle of a frame
        with trio.move_on_after(FAREWELL_SECONDS):
            await self.send()
            await self.linger()

    async def linger(self) -> None:
        """Let the client read our last frame: a close with octets of his unread would reset the connection under it."""
        if self.tls is not None:
            await self.tls.finish()
        await listen_out(self._connection.socket)

    @property
    def is_between_batches(self) -> bool:
        """Whether the connection may end now and nobody is left without an answer."""
        return not self._server.unanswered

    def _drain(self) -> None:
        """The node drains: a connection at rest between batches ends now, others once their batch is answered."""
        if self._turn is not None:
            self._turn.cancel()
        if self.is_resting and self.is_between_batches:
            self._deadline.expire()

    def _doing(self) -> Doing:
        """For ``show inbound``. Who neither rests nor sends while another task looks has work done for him."""
        at_work = not (self.is_resting or self.is_torn or self._server.state is State.CLOSED)
        phase = Phase.ASYNC_BODY_HANDLER if at_work and self._server.unanswered else PHASES[self._server.state]
        return Doing(phase.words, self._deadline.touched_at, at_work)
