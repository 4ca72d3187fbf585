"""One connection to one ECStream server: octets between a wire and the core. One task sends, another hears."""

from __future__ import annotations

import math
from contextlib import suppress

import trio

from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.machine.contract import TlsContext, Wire
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.ecstream.batch import Encoded
from momentum_trio.protocol.ecstream.client import Client, Closed, Event, State
from momentum_trio.protocol.ecstream.frame import HEADER, Code, Welcome
from momentum_trio.protocol.ecstream.gathering import gathered
from momentum_trio.protocol.ecstream.opening import Credentials, Opening
from momentum_trio.spool.fault import ContentDamaged

CHUNK_OCTETS = 256 * 1024


class Torn(Exception):
    """The connection takes no more octets; what is heard of it says why."""


class Conversation:
    """A conversation over *wire*, which stays its owner's to close.

    patience_seconds: how long nothing may come while results are awaited. tls_context: of its TLS, if it has any.
    closed: how it ended, once it has. octets_sent: all that the connection took. heard_at: trio's time at which
    something last came.
    """

    def __init__(self, wire: Wire, name: str, patience_seconds: float, tls_context: TlsContext | None) -> None:
        self._wire, self._patience_seconds = wire, patience_seconds
        self._client = Client(name.encode("ascii", "replace"))
        self._hearing = trio.CancelScope()
        self._sending = trio.Lock()
        self._came = trio.Event()  # something that may have brought credit, or the end
        self.tls_context = tls_context
        self.closed: Closed | None = None
        self.octets_sent = 0
        self.heard_at = trio.current_time()

    @property
    def stage(self) -> Stage:
        """Where it stands, in SMTP's words."""
        if self._client.state in (State.WAITING, State.DIALOGUE, State.CHALLENGED):
            return Stage.DURING_EHLO
        if self._client.state is State.CONTENT:
            return Stage.SENDING_BODY
        return Stage.READING_CONFIRMATION if self._client.unresolved else Stage.IDLE

    @property
    def welcome(self) -> Welcome:
        """What the server said, when it has."""
        assert self._client.welcome is not None
        return self._client.welcome

    @property
    def next_number(self) -> int:
        """Of the batch that is sent next."""
        return self._client.next_number

    async def open(self, credentials: Credentials | None, *, unseen: bool) -> None:
        """Until batches may be sent. Raises NotAdmitted; OSError."""
        opening = Opening(self._client, credentials, unseen=unseen)
        is_open = False
        while not is_open:
            await self._send()
            await self._receive()
            while (event := self._client.next_event()) is not None:
                is_open = opening.take(event)

    async def hear(self) -> list[Event]:
        """What came. Where results are awaited and nothing comes for too long, we end the conversation."""
        self._hearing = trio.CancelScope(deadline=self._patience())
        with self._hearing:
            try:
                await self._receive()
                self.heard_at = trio.current_time()
            except OSError:  # a reset: an end like any other
                self._client.received(0)
        if self._hearing.cancelled_caught:
            self._client.close(Code.FAULT, b"no results in time")
        events = list[Event]()
        while (event := self._client.next_event()) is not None:
            events.append(event)
            if isinstance(event, Closed):
                self.closed = event
        self._came.set()
        self._came = trio.Event()
        if not self._sending.locked():
            with suppress(OSError):
                await self._send()  # an answer to PING
        return events

    async def begin(self, encoded: Encoded) -> None:
        """Wait for the credit of a batch; it is sent by ``flush``. Raises Torn: it is not."""
        while not self._client.may_send(encoded.octets):
            await self._wait()
        self._client.batch(encoded)

    async def go_on(self, content: OutgoingContent) -> None:
        """Send the next of the contents that follow. Raises Torn; KeyError, SpoolFault: it cannot be read."""
        offset = 0
        while offset < content.octets:
            part = memoryview(await content.part(offset))
            if not part:
                raise ContentDamaged("the content is shorter than it was")
            offset += len(part)
            while part:
                octets = min(len(part), self.welcome.frame_octets, CHUNK_OCTETS)
                while self.closed is not None or self._client.credit < octets + HEADER.size:
                    await self._wait()
                self._client.chunk(part[:octets])
                part = part[octets:]
            await self.flush()

    async def flush(self) -> None:
        """Send what waits. Raises Torn."""
        self._hearing.deadline = self._patience()
        try:
            await self._send()
        except OSError:
            raise Torn from None

    def abandon(self, why: bytes) -> None:
        """End it for a reason of ours; ``hear`` says so."""
        self._client.close(Code.FAULT, why)
        self._hearing.cancel()

    async def part(self) -> None:
        """There is nothing more to send, and nothing awaited. Raises Torn."""
        if self.closed is None:
            self._client.bye()
        await self.flush()

    def _patience(self) -> float:
        return trio.current_time() + self._patience_seconds if self._client.unresolved else math.inf

    async def _wait(self) -> None:
        """For something to come."""
        came = self._came
        await self.flush()
        if self.closed is not None:
            raise Torn
        await came.wait()

    async def _receive(self) -> None:
        room = self._client.room()
        octets = await self._wire.recv(len(room))
        room[: len(octets)] = octets
        self._client.received(len(octets))

    async def _send(self) -> None:
        async with self._sending:
            while pieces := self._client.octets_to_send():
                for piece in gathered(pieces):
                    await self._send_all(memoryview(piece))

    async def _send_all(self, rest: memoryview) -> None:
        while rest:
            sent = await self._wire.send(rest)
            self.octets_sent += sent
            rest = rest[sent:]
