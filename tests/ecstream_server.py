"""An ECStream server over trio's sockets, of the sans-IO core, that keeps nothing and does what a test says."""

from __future__ import annotations

import math
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import trio

from momentum_trio.machine.contract import Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.batch import Batch, Following, Message
from momentum_trio.protocol.ecstream.frame import Authenticate, Code
from momentum_trio.protocol.ecstream.gathering import gathered
from momentum_trio.protocol.ecstream.results import Result
from momentum_trio.protocol.ecstream.server import Begun, Closed, ContentPart, Server, Terms
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Server
from momentum_trio.protocol.sasl.in_clear import Claim, claim_side
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, Challenge, Proved

OK = Reply.of("250 2.0.0 OK")
RESET, ERROR, DEAF = "reset", "error", "deaf"
LINGER_NOT = struct.pack("ii", 1, 0)
PASSWORD = "secret"
SMALL = Terms(frame_octets=16384, window_octets=65536, batch_messages=100, batches=4, key_seconds=3600, name=b"mx1")


@dataclass(frozen=True)
class Act:
    """What happens on one connection.

    answers_max: so many batches have results; then it ends as *ending* says. forgets: what is not answered is not taken
    either. held: the first so many batches have their results in reverse. no_hello: it ends before WELCOME.
    """

    answers_max: float = math.inf
    ending: str = ""
    forgets: bool = False
    held: int = 1
    no_hello: bool = False


USUAL = Act()


@dataclass(frozen=True)
class Taken:
    """A message in custody."""

    id: str
    message: Message
    content: bytes


def taken(message: Message, content: bytes) -> Reply:
    """The usual answer."""
    return OK


@dataclass
class EcstreamServer:
    """acts: of the connections, in order; the usual one after them. judge: the reply to each message; recipients named
    ``nobody`` are refused, whatever it says. messages: what is in custody. batches: how many messages each batch had.
    users: who may come, by SASL; anybody, where there are none.
    """

    terms: Terms = SMALL
    acts: list[Act] = field(default_factory=list)
    judge: Callable[[Message, bytes], Reply] = taken
    tls: ssl.SSLContext | None = None
    users: dict[str, str] = field(default_factory=dict)
    messages: list[Taken] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    connections: int = 0
    authenticated: list[str] = field(default_factory=list)
    credit_lowest: int = 1 << 40
    pauses: float = 0.0
    port: int = 0
    _keys: dict[bytes, str] = field(default_factory=dict)

    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Accept without end; started with the port."""
        with trio.socket.socket() as listening:
            listening.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
            await listening.bind((host, port))
            listening.listen(50)
            self.port = listening.getsockname()[1]
            task_status.started(self.port)
            async with trio.open_nursery() as nursery:
                while True:
                    socket, _ = await listening.accept()
                    act = self.acts[self.connections] if self.connections < len(self.acts) else USUAL
                    self.connections += 1
                    nursery.start_soon(self._connection, socket, act)

    async def _connection(self, socket: trio.socket.SocketType, act: Act) -> None:
        with socket:
            wire: Wire = socket
            try:
                if self.tls is not None:
                    secured = TlsWire(socket, self.tls, server_side=True)
                    await secured.shake()
                    wire = secured
                if not act.no_hello:
                    await _Session(self, socket, wire, act).run()
            except OSError:
                return

    def take(self, message: Message, content: bytes) -> Result:
        """The message as a server with keys takes it."""
        reply = self.judge(message, content)
        replies = tuple(
            Reply.of("550 5.1.1 no such mailbox") if recipient.path.startswith(b"nobody@") else reply
            for recipient in message.recipients
        )
        if not any(each.positive for each in replies):
            return Result(b"", replies[0], replies)
        known = self._keys.get(message.key) if message.key else None
        id_ = known or f"id-{len(self.messages) + 1}"
        if known is None:
            self.messages.append(Taken(id_, message, content))
        if message.key:
            self._keys[message.key] = id_
        return Result(id_.encode(), reply, replies)


class _Session:
    def __init__(self, server: EcstreamServer, socket: trio.socket.SocketType, wire: Wire, act: Act) -> None:
        self._server, self._socket, self._wire, self._act = server, socket, wire, act
        terms = server.terms
        if server.users:
            terms = terms._replace(mechanisms=(b"CRAM-MD5", b"PLAIN"), authenticated_only=True)
        self._core = Server(terms)
        self._batches: dict[int, tuple[Batch, list[bytes]]] = {}
        self._whole: list[int] = []
        self._answered = self._unconsumed = 0
        self._cram: CramMd5Server | None = None

    async def run(self) -> None:
        core = self._core
        while True:
            room = core.room()
            octets = b""
            with trio.move_on_after(self._core.terms.idle_seconds) as idle:
                octets = await self._wire.recv(len(room))
            if idle.cancelled_caught:
                core.close(Code.IDLE, b"nothing came for too long")
                await self._send()
                return
            room[: len(octets)] = octets
            core.received(len(octets))
            while (event := core.next_event()) is not None:
                if isinstance(event, Closed):
                    await self._send()
                    return
                self._act_on(event)
            if not await self._answer():
                return

    def _act_on(self, event: object) -> None:
        self._server.credit_lowest = min(self._server.credit_lowest, self._core._credit)
        match event:
            case Begun(batch, whole):
                contents = [b"" if isinstance(content, Following) else bytes(content) for content in batch.contents]
                self._batches[batch.number] = batch, contents
                self._server.batches.append(len(batch.messages))
                self._whole += [batch.number] if whole else []
            case ContentPart():
                self._batches[event.number][1][event.place] += bytes(event.octets)
                self._unconsumed += len(event.octets)
                if self._unconsumed > self._server.terms.window_octets // 2 or event.ends:  # as seldom as can be
                    self._core.consumed(event.number, self._unconsumed)
                    self._unconsumed = 0
                self._whole += [event.number] if event.whole else []
            case Authenticate():
                self._authenticate(event)

    async def _answer(self) -> bool:
        """Results, as far as they are due; whether the connection goes on."""
        if len(self._whole) >= (1 if self._answered else self._act.held):
            while self._whole:
                if self._answered >= self._act.answers_max:
                    return await self._end()
                number = self._whole.pop()
                self._answered += 1
                await trio.sleep(self._server.pauses)
                self._core.results(number, self._results(number))
                await self._send()
        await self._send()
        return True

    def _results(self, number: int) -> tuple[Result, ...]:
        batch, contents = self._batches.pop(number)
        return tuple(self._server.take(message, contents[message.content]) for message in batch.messages)

    async def _end(self) -> bool:
        if self._act.ending == DEAF:
            await trio.sleep_forever()
        if not self._act.forgets:
            for number in list(self._whole):
                self._results(number)
        await self._send()
        if self._act.ending == ERROR:
            lowest = min(self._whole) if self._act.forgets else self._core._next
            self._core._next = lowest  # what a server that had not begun them would say
            self._core.close(Code.CLOSING, b"going away")
            await self._send()
            self._socket.shutdown(trio.socket.SHUT_WR)
            while await self._socket.recv(65536):  # a reset, for what nobody reads, would take the error along
                pass
        else:
            self._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, LINGER_NOT)
        return False

    def _authenticate(self, step: Authenticate) -> None:
        if self._cram is None and step.mechanism == CRAM_MD5.encode():
            self._cram = CramMd5Server(self._server.users, "mx1", "nonce")
        outcome: object = (
            self._cram.step(step.response) if self._cram is not None else claim_side("PLAIN").step(step.response)
        )
        match outcome:
            case Challenge(octets):
                self._core.challenge(octets)
                return
            case Claim(user, password) if self._server.users.get(user) == password:
                self._prove(user, "PLAIN")
            case Proved(user):
                self._prove(user, CRAM_MD5)
            case _:
                self._core.unproved(b"no such user or password")

    def _prove(self, user: str, mechanism: str) -> None:
        self._server.authenticated.append(f"{user} by {mechanism}")
        self._core.authenticated(user.encode())

    async def _send(self) -> None:
        for piece in gathered(self._core.octets_to_send()):
            rest = memoryview(piece)
            while rest:
                rest = rest[await self._wire.send(rest) :]


@contextmanager
def in_thread(server: EcstreamServer) -> Iterator[int]:
    """*server* in a thread of its own, for clients that block; its port."""
    begun = Event()
    token: list[trio.lowlevel.TrioToken] = []
    scope = trio.CancelScope()

    async def run() -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(server.serve)
                token.append(trio.lowlevel.current_trio_token())
                begun.set()

    thread = Thread(target=trio.run, args=(run,))
    thread.start()
    begun.wait()
    try:
        yield server.port
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token[0])
        thread.join()
