"""A WebSocket on the line of an HTTP connection: who is served over it waits in ``receive``, one more task sends.

Nothing is kept for a client that is idle: the task that sends begins when there is something to send, and ends when
that is gone; pings are what ``receive`` does when nothing comes. Of HTTP nothing is left (``converse``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import trio
from msgspec.structs import replace

from momentum_trio.listener.esmtp_line import FAREWELL_SECONDS
from momentum_trio.listener.http_answering import Upgraded
from momentum_trio.listener.kind import Connection, Doing
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.mail.record import Requested
from momentum_trio.protocol.http.websocket import CUT, RECEIVE_OCTETS, Closed, Conversation, Message

MESSAGE_OCTETS_MAX = 1024 * 1024
"""Of a message of the client's."""
QUEUE_OCTETS_MAX = 1024 * 1024
"""Of what waits to be sent: a client that has so much to read yet is dropped."""
PING_SECONDS = 30.0
"""Of silence, before the client is asked whether he is there; after as much again he is not."""
SEND_SECONDS = 60.0
"""For the client to take what is sent at once."""
CLOSE_SECONDS = 5.0
"""For him to take the last, and to say that he has."""
SEND_OCTETS = 64 * 1024

NORMAL, GOING_AWAY, FAULT, TRY_AGAIN = 1000, 1001, 1011, 1013
TOO_SLOW = "what is sent is read too slowly"


class Switched(NamedTuple):
    """A connection that speaks WebSocket from here on.

    wire: what it goes over. held: what the client has sent already. record: of the request, for when it is over.
    """

    upgraded: Upgraded
    wire: Wire
    held: bytes
    record: Requested


async def converse(connection: Connection, machine: Machine, switched: Switched) -> None:
    """Serve the client until one of the two ends it, and record that."""
    began, (upgraded, wire, held, record) = trio.current_time(), switched
    sent = connection.octets_sent - record.octets
    try:
        async with trio.open_nursery() as senders:
            socket = LineSocket(connection, wire, senders, held)
            try:
                await upgraded.socket.serve(upgraded.exchange, socket)
                await socket.finish()
            except BaseException:
                socket.close(FAULT, "a fault of ours")
                with trio.move_on_after(FAREWELL_SECONDS, shield=True):
                    await socket.finish()
                raise
            senders.cancel_scope.cancel()
        if connection.draining.is_set():
            connection.why = "drain"
    finally:
        connection.on_drain = connection.doing = None
        now, octets = machine.clock.now(), connection.octets_sent - sent
        seconds = record.seconds + trio.current_time() - began
        machine.events.publish(replace(record, at=now, octets=octets, seconds=seconds))


class LineSocket:
    """As ``web.websocket.WebSocket``. senders: a nursery around all of it, for the task that sends.

    code, why: how it ended, once it has.
    """

    __slots__ = (
        "_began",
        "_connection",
        "_core",
        "_has_room",
        "_is_asked",
        "_is_closing",
        "_is_sending",
        "_queue",
        "_queued_octets",
        "_reading",
        "_senders",
        "_wire",
        "code",
        "why",
    )

    def __init__(self, connection: Connection, wire: Wire, senders: trio.Nursery, held: bytes) -> None:
        self._connection, self._wire, self._senders = connection, wire, senders
        self._core = Conversation(MESSAGE_OCTETS_MAX)
        if held:
            self._core.receive(held)
        self._queue: list[bytes] = []
        self._queued_octets = 0
        self._is_sending = self._is_closing = self._is_asked = False
        self._has_room: trio.Event | None = None  # while somebody waits for it
        self._reading: trio.CancelScope | None = None
        self._began = trio.current_time()
        self.code, self.why = 0, ""
        connection.on_drain, connection.doing = self._drain, self._doing
        if connection.draining.is_set():
            self._drain()

    # as who serves sees it

    async def receive(self) -> str | bytes | None:
        """As WebSocket's."""
        while not self._core.is_over:
            event = self._core.next_event()
            self._put(self._core.octets_to_send())
            if isinstance(event, Message):
                if not self._is_closing:
                    await trio.lowlevel.checkpoint()
                    return event.content
            elif isinstance(event, Closed):
                self._ended(event.code, event.reason)
            elif event is None and not await self._hear():
                self._is_gone()
        await trio.lowlevel.checkpoint()
        return None

    def offer(self, message: str | bytes) -> bool:
        """As WebSocket's."""
        if self._is_closing or self._core.is_over:
            return False
        frame = self._core.message(message)
        if self._queued_octets and self._queued_octets + len(frame) > QUEUE_OCTETS_MAX:
            self._drop(TRY_AGAIN, TOO_SLOW)
            return False
        self._put(frame)
        return True

    async def send(self, message: str | bytes) -> bool:
        """As WebSocket's."""
        while self._queued_octets > QUEUE_OCTETS_MAX // 2 and not (self._is_closing or self._core.is_over):
            self._has_room = self._has_room or trio.Event()
            await self._has_room.wait()
        await trio.lowlevel.checkpoint()
        return self.offer(message)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """As WebSocket's."""
        if self._is_closing or self._core.is_over:
            return
        self._put(self._core.close(code, reason))
        self._ended(code, reason)
        self._is_closing = True
        self._let_on()
        if self._reading is not None:
            self._reading.cancel()  # its patience is another now

    def beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """As WebSocket's."""
        self._senders.start_soon(work)

    # how it goes on

    async def finish(self) -> None:
        """Who served is done: say so, if nobody has, and wait a moment for the client to agree."""
        self.close()
        with trio.move_on_after(CLOSE_SECONDS):
            await self.receive()

    async def _hear(self) -> bool:
        """Have the core take what comes; False: nothing does, and nothing will."""
        was_closing = self._is_closing
        patience = CLOSE_SECONDS if was_closing else PING_SECONDS
        octets: bytes | None = None
        with trio.move_on_after(patience) as self._reading:
            try:
                octets = await self._wire.recv(RECEIVE_OCTETS)
            except OSError:
                octets = b""
        self._reading = None
        if octets is None:
            return not was_closing and (self._is_closing or self._ask())
        self._is_asked = False
        self._connection.octets_received += len(octets)
        self._core.receive(octets)
        return True

    def _ask(self) -> bool:
        """Whether there is hope: the client was silent, and is asked now whether he is there."""
        if self._is_asked:
            return False
        self._is_asked = True
        self._put(self._core.ping())
        return True

    def _put(self, frames: bytes) -> None:
        if not frames:
            return
        self._queue.append(frames)
        self._queued_octets += len(frames)
        if not self._is_sending:
            self._is_sending = True
            self._senders.start_soon(self._send_queue)

    async def _send_queue(self) -> None:
        """Send what waits until nothing does."""
        while self._queue:
            frames = b"".join(self._queue)
            self._queue.clear()
            if not await self._sent(frames):
                self._is_gone()
                break
            self._queued_octets -= len(frames)
            self._let_on()
        self._is_sending = False

    async def _sent(self, frames: bytes) -> bool:
        rest = memoryview(frames)
        while rest:
            sent = 0
            with trio.move_on_after(CLOSE_SECONDS if self._is_closing else SEND_SECONDS):
                try:
                    sent = await self._wire.send(rest[:SEND_OCTETS])
                except OSError:
                    pass
            if not sent:
                return False
            self._connection.octets_sent += sent
            rest = rest[sent:]
        return True

    def _drop(self, code: int, reason: str) -> None:
        """End it, and let what waits go: only the frame that is being sent, and the reason, are sent yet."""
        self._queued_octets -= sum(map(len, self._queue))
        self._queue.clear()
        self.close(code, reason)

    def _is_gone(self) -> None:
        """The client is not there any more: nobody is told anything."""
        self._ended(CUT, "")
        self._core.is_over = True
        self._queue.clear()
        self._let_on()
        if self._reading is not None:
            self._reading.cancel()

    def _let_on(self) -> None:
        """There is room, or nothing to wait for any more."""
        if self._has_room is not None:
            self._has_room.set()
            self._has_room = None

    def _ended(self, code: int, why: str) -> None:
        if not self.code:
            self.code, self.why = code, why

    def _drain(self) -> None:
        """The node drains: the client may come to another, or to the next life of this one."""
        self.close(GOING_AWAY, "the host shuts down")

    def _doing(self) -> Doing:
        """For ``show inbound``."""
        return Doing("answering", self._began, floating=True)
