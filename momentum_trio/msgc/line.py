"""One connection of the bus at work: octets between a socket and its Link, and the messages that wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from momentum_trio.machine.contract import Wire
from momentum_trio.msgc.msgc_options import LineOptions
from momentum_trio.protocol.msgc.frame import BATCH_MESSAGES_MAX, BATCH_OCTETS_MAX, Code, RemoteProtocolError
from momentum_trio.protocol.msgc.link import Closed, Knocked, Link, Messages, Noop, State, Welcomed

RECEIVE_OCTETS = 64 * 1024
LAST_WORD_SECONDS = 1.0
_SLACK_SECONDS = 1.0  # a deadline of silence is moved when it is off by more

GONE = Closed(Code.CLOSING, "the connection was closed", by_peer=True)


class Traffic(Protocol):
    """Who counts octets, those of MACs and headers too."""

    octets_received: int
    octets_sent: int


class Uncounted:
    """Nobody asks for these."""

    octets_received = 0
    octets_sent = 0


class Line:
    """What *link* has to say goes out over *wire*, and what the other end says comes in.

    options: as they are now; a change acts at once. turn: awaited after each frame that came, before the next is looked
    at. is_paced: a frame takes no more than Messages_Per_Iter messages, else all that it can hold: a server has to keep
    up with all who speak at once. over: the connection has ended, ``closed`` says how.
    """

    def __init__(self, wire: Wire, link: Link, options: Callable[[], LineOptions], traffic: Traffic) -> None:
        self._wire, self.link, self._options, self._traffic = wire, link, options, traffic
        self.turn: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        self.is_paced = False
        self._waiting: deque[bytes] = deque()
        self._backlog_max = options().backlog_max
        self._stirred = trio.Event()
        self._scope = trio.CancelScope()
        self._last_word: tuple[Code, str] | None = None
        self._is_torn = False  # a frame was sent in part: nothing can be said any more
        self.closed: Closed | None = None
        self.over = trio.Event()

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiting) >= self._backlog_max

    def post(self, message: bytes) -> None:
        """Send *message*, as msgpack has it, after those that wait. Too many that wait end it: it is stuck."""
        if self.closed is not None or self._last_word is not None:
            return
        if len(self._waiting) >= self._backlog_max:
            self.end(Code.STUCK, f"{self.backlog} messages wait: the connection is stuck")
            return
        self._waiting.append(message)
        self._stirred.set()

    def end(self, code: Code, why: str) -> None:
        """The connection ends, and if it can still be said the other end hears why; a second time is nothing."""
        if self.closed is None:
            self.closed = Closed(code, why, by_peer=False)
            self._scope.cancel()

    def finish(self, code: Code, why: str) -> None:
        """As ``end``, once what waits was sent."""
        if self._last_word is None:
            self._last_word = code, why
            self._stirred.set()

    def knock(self) -> None:
        """Give a sign of life now."""
        self._stirred.set()

    async def opening(self) -> Knocked | Welcomed | Closed:
        """Converse until it is known who is there, for Connect_Timeout at most. A Closed has been said."""
        event: Knocked | Welcomed | Closed | None = None
        with trio.move_on_after(self._options().connect_timeout) as self._scope:
            try:
                event = await self._opening()
            except OSError as fault:
                event = Closed(Code.CLOSING, fault.strerror or str(fault), by_peer=True)
        if event is None:
            event = self.closed or Closed(Code.IDLE, "the opening took too long", by_peer=False)
            await self.refuse(event.code, event.why)
        return event

    async def _opening(self) -> Knocked | Welcomed | Closed:
        while True:
            event = self.link.next_event()
            await self._flush()
            if isinstance(event, Knocked | Welcomed | Closed):
                return event
            if not (octets := await self._wire.recv(RECEIVE_OCTETS)):
                return GONE
            self._take_octets(octets)

    async def refuse(self, code: Code, why: str) -> None:
        """Say why there is no conversation, or no more of it. Shielded, for as long as a last word may take."""
        self.link.refuse(code, why)
        if self._is_torn:
            return
        with trio.CancelScope(deadline=trio.current_time() + LAST_WORD_SECONDS, shield=True):
            try:
                await self._flush()
            except (OSError, trio.ClosedResourceError):
                pass

    async def run(self, take: Callable[[bytes], None]) -> Closed:
        """Send what is posted, and give what comes to *take*, until the connection is over; how it ended.

        take: one array of messages; it may raise RemoteProtocolError. Cancellation: the other end is told CLOSING.
        """
        assert self.link.state is State.OPEN
        try:
            with trio.CancelScope() as self._scope:
                if self.closed is not None:
                    self._scope.cancel()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._send)
                    await self._receive(take)
                    nursery.cancel_scope.cancel()
            if self.closed is None:
                self.closed = Closed(Code.IDLE, "nothing came for too long", by_peer=False)
        finally:
            closed = self.closed = self.closed or Closed(Code.CLOSING, "the server ends", by_peer=False)
            if not closed.by_peer:
                await self.refuse(closed.code, closed.why)
            self._waiting.clear()
            self.over.set()
        return closed

    # what goes out

    async def _send(self) -> None:
        try:
            await self._flush()  # the end of the opening
            while True:
                options = self._options()
                self._backlog_max = options.backlog_max
                await self._until_stirred(options.keepalive_interval)
                if self._last_word is not None and not self._waiting:
                    self.end(*self._last_word)
                    return
                if self.link.state is not State.OPEN:
                    return
                self._fill(options.messages_per_iter if self.is_paced else BATCH_MESSAGES_MAX)
                with trio.move_on_after(options.idle_timeout) as patience:
                    await self._flush()
                if patience.cancelled_caught:
                    self.end(Code.STUCK, "the other end does not read")
                await trio.lowlevel.checkpoint()
        except OSError as fault:
            self.closed = self.closed or Closed(Code.CLOSING, fault.strerror or str(fault), by_peer=True)
            self._scope.cancel()

    async def _until_stirred(self, seconds: float) -> None:
        """Wait for something to send; after so many *seconds* that is a sign of life."""
        if not self._waiting and self._last_word is None:
            self._stirred = trio.Event()
            with trio.move_on_after(seconds):
                await self._stirred.wait()

    def _fill(self, messages_max: int) -> None:
        """Put the next frame together."""
        waiting, octets, batch = self._waiting, 0, list[bytes]()
        while waiting and len(batch) < messages_max and octets < BATCH_OCTETS_MAX:
            batch.append(message := waiting.popleft())
            octets += len(message)
        if batch:
            self.link.messages(batch)
        else:
            self.link.noop()

    async def _flush(self) -> None:
        if not (octets := self.link.octets_to_send()):
            return
        self._is_torn = True
        rest = memoryview(octets)
        while rest:
            sent = await self._wire.send(rest)
            self._traffic.octets_sent += sent
            rest = rest[sent:]
        self._is_torn = False

    # what comes in

    async def _receive(self, take: Callable[[bytes], None]) -> None:
        self._heard()
        while await self._take_events(take):
            try:
                octets = await self._wire.recv(RECEIVE_OCTETS)
            except OSError as fault:
                self.closed = self.closed or Closed(Code.CLOSING, fault.strerror or str(fault), by_peer=True)
                return
            if not octets:
                self.closed = self.closed or GONE
                return
            self._heard()
            self._take_octets(octets)

    async def _take_events(self, take: Callable[[bytes], None]) -> bool:
        """All that has come whole; False: nothing comes any more."""
        link = self.link
        while (event := link.next_event()) is not None:
            match event:
                case Messages(octets):
                    try:
                        take(octets)
                    except RemoteProtocolError as error:
                        link.refuse(error.code, error.why)
                    else:
                        await self.turn()
                case Closed():
                    self.closed = self.closed or event
                    return False
                case _:
                    assert isinstance(event, Noop)
        return True

    def _take_octets(self, octets: bytes) -> None:
        self._traffic.octets_received += len(octets)
        self.link.receive(octets)

    def _heard(self) -> None:
        """Something came: silence begins anew."""
        due = trio.current_time() + self._options().idle_timeout
        if abs(due - self._scope.deadline) > _SLACK_SECONDS:
            self._scope.deadline = due
