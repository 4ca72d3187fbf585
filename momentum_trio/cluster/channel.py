"""One connection of ECCluster at work: frames between a socket and the pure core, one side's turn after the other's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple, NoReturn

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.msgc.dial import dialled
from momentum_trio.msgc.line import Traffic, Uncounted
from momentum_trio.net.host_port import HostPort
from momentum_trio.protocol.cluster import eccluster
from momentum_trio.protocol.cluster.eccluster import MESSAGES_MAX, PREFACE, Answer, Asked, Begin, Ready, Service
from momentum_trio.protocol.msgc.frame import BATCH_OCTETS_MAX, Code, RemoteProtocolError
from momentum_trio.protocol.msgc.handshake import NONCE_OCTETS, Hello, Role
from momentum_trio.protocol.msgc.link import Closed, Knocked, Link, Messages, Noop, Welcomed

RECEIVE_OCTETS = 64 * 1024
BUFFER_OCTETS = 128 * 1024
CONNECT_SECONDS = 30.0
OPENING_SECONDS = 10.0
SILENCE_SECONDS = 300.0
"""Of who calls, between two questions."""
ANSWER_SECONDS = 60.0
"""That who is called may take to answer."""
LAST_WORD_SECONDS = 1.0


class NodePlace(NamedTuple):
    """A node, and where its ECCluster_Listener is."""

    name: str
    place: HostPort
    subcluster: str = "default"


class Broken(Exception):
    """The connection is over. by_peer: whether the other end says so, or is gone; else it broke the protocol."""

    def __init__(self, code: Code, why: str, *, by_peer: bool) -> None:
        super().__init__(why)
        self.code, self.why, self.by_peer = code, why, by_peer


def hello(machine: Machine, name: str, secrets: Sequence[bytes], called: str = "") -> Hello:
    """What the node *name* says first."""
    return Hello(Role.NODE, name, 0, machine.entropy.octets(NONCE_OCTETS), bool(secrets), called)


class Channel:
    """Messages over *wire*, framed by *link*. Every wait has an end; what ends it is raised as Broken.

    One task uses it.
    """

    def __init__(self, wire: Wire, link: Link, traffic: Traffic) -> None:
        self._wire, self._link, self._traffic = wire, link, traffic
        self._is_torn = False

    async def opened(self) -> Hello:
        """Converse until it is known who is there; a caller has yet to be let in. Raises Broken."""
        with in_time(OPENING_SECONDS):
            event = await self._event()
        assert isinstance(event, Knocked | Welcomed)
        return event.theirs

    async def welcome(self) -> None:
        """Let the caller in. Raises Broken."""
        self._link.welcome()
        await self._flush()

    async def receive(self, seconds: float = SILENCE_SECONDS) -> bytes:
        """The next array of messages. Raises Broken."""
        with in_time(seconds):
            while True:
                event = await self._event()
                if isinstance(event, Messages):
                    return event.octets
                assert isinstance(event, Noop)

    async def send(self, messages: Sequence[Asked | Answer]) -> None:
        """Send them, in as many frames as that takes. Raises Broken."""
        batch, octets = list[bytes](), 0
        for message in messages:
            encoded = eccluster.encode(message)
            if batch and (octets + len(encoded) > BATCH_OCTETS_MAX or len(batch) == MESSAGES_MAX):
                self._link.messages(batch)
                await self._flush()
                batch, octets = [], 0
            batch.append(encoded)
            octets += len(encoded)
        if batch:
            self._link.messages(batch)
            await self._flush()

    async def refuse(self, code: Code, why: str) -> None:
        """Say why there is no more conversation. Shielded, for as long as a last word may take."""
        self._link.refuse(code, why)
        if self._is_torn:
            return
        with trio.CancelScope(deadline=trio.current_time() + LAST_WORD_SECONDS, shield=True):
            try:
                await self._flush()
            except Broken:
                pass

    async def _event(self) -> Knocked | Welcomed | Messages | Noop:
        link = self._link
        while True:
            event = link.next_event()
            if isinstance(event, Closed):
                if not event.by_peer:
                    await self.refuse(event.code, event.why)
                raise Broken(event.code, event.why, by_peer=event.by_peer)
            await self._flush()
            if event is not None:
                return event
            try:
                octets = await self._wire.recv(RECEIVE_OCTETS)
            except (OSError, trio.ClosedResourceError) as fault:
                raise Broken(Code.CLOSING, str(fault), by_peer=True) from None
            if not octets:
                raise Broken(Code.CLOSING, "the connection was closed", by_peer=True)
            self._traffic.octets_received += len(octets)
            link.receive(octets)

    async def _flush(self) -> None:
        rest = memoryview(self._link.octets_to_send())
        if not rest:
            return
        self._is_torn = True
        try:
            with trio.fail_after(SILENCE_SECONDS):
                while rest:
                    sent = await self._wire.send(rest)
                    self._traffic.octets_sent += sent
                    rest = rest[sent:]
        except trio.TooSlowError:
            raise Broken(Code.STUCK, "the other end does not read", by_peer=False) from None
        except (OSError, trio.ClosedResourceError) as fault:
            raise Broken(Code.CLOSING, str(fault), by_peer=True) from None
        self._is_torn = False


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Raises Broken when the block takes longer."""
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise Broken(Code.IDLE, "nothing came for too long", by_peer=False) from None


@asynccontextmanager
async def connected(
    machine: Machine, name: str, to: NodePlace, secrets: Sequence[bytes], service: Service
) -> AsyncIterator[Channel]:
    """A connection of the node *name* to another, for one service. Raises Broken, also for what the network does."""
    try:
        with trio.fail_after(CONNECT_SECONDS):
            socket = await dialled(to.place, "", BUFFER_OCTETS)
    except trio.TooSlowError:
        raise Broken(Code.IDLE, f"{to.place} does not answer", by_peer=True) from None
    except OSError as fault:
        raise Broken(Code.CLOSING, f"{to.place}: {fault.strerror or fault}", by_peer=True) from None
    with socket:
        link = Link.calling(hello(machine, name, secrets, to.name), secrets, PREFACE)
        channel = Channel(machine.wire(socket), link, Uncounted())
        await channel.opened()
        await channel.send([Begin(service.value)])
        answer = await answered(channel)
        if not isinstance(answer, Ready):
            await misplaced(channel, answer)
        yield channel


async def answers(channel: Channel) -> list[Answer]:
    """What the called says next. Raises Broken."""
    octets = await channel.receive(ANSWER_SECONDS)
    try:
        if got := eccluster.answers(octets):
            return got
        raise RemoteProtocolError("a frame without messages")
    except RemoteProtocolError as error:
        await channel.refuse(error.code, error.why)
        raise Broken(error.code, error.why, by_peer=False) from None


async def answered(channel: Channel) -> Answer:
    """What the called says next, one message alone. Raises Broken."""
    first, *others = await answers(channel)
    if others:
        await misplaced(channel, others[0])
    return first


async def misplaced(channel: Channel, answer: Answer) -> NoReturn:
    """Always raises Broken: *answer* is none to what was asked."""
    why = f"{type(answer).__name__} is not due"
    await channel.refuse(Code.PROTOCOL, why)
    raise Broken(Code.PROTOCOL, why, by_peer=False)
