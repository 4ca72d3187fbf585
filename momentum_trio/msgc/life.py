"""One life of this node's server of the bus: the pure core, and the connections it has.

Whatever happens goes into the core at once; what the core then has to say is taken once for all that happened in the
same turn of the scheduler, and before a connection comes or goes. A fault of the core's ends the life: what the core
holds by then is not to be trusted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import trio

from momentum_trio.msgc.line import Line
from momentum_trio.net.group import GroupEvent
from momentum_trio.protocol.msgc.frame import Code, RemoteProtocolError
from momentum_trio.protocol.msgc.link import Closed
from momentum_trio.protocol.msgc.message import encode as encode_message
from momentum_trio.protocol.msgc.payload import (
    Asked,
    Join,
    Leave,
    Publish,
    decode_asked,
    decode_messages,
    encode_event,
)
from momentum_trio.protocol.msgc.peering import Established
from momentum_trio.protocol.msgc.server import Server

TICKS_PER_HEARTBEAT = 4


@dataclass(eq=False, slots=True)
class Peer:
    """A server that is connected."""

    line: Line
    established: Established


@dataclass(eq=False, slots=True)
class Visitor:
    """A client that is connected. asked: what it has asked for and the core does not take yet; then it waits."""

    member: str
    line: Line
    asked: deque[Asked] = field(default_factory=deque)
    served: trio.Event = field(default_factory=trio.Event)


class Life:
    """core: of this life. is_broken: it ended by a fault of the core's."""

    def __init__(self, core: Server, heartbeat_seconds: float) -> None:
        self.core, self._heartbeat_seconds = core, heartbeat_seconds
        self._peers: dict[str, Peer] = {}
        self._visitors: dict[str, Visitor] = {}
        self._stirred = trio.Event()
        self._over = trio.Event()
        self.is_broken = False

    @property
    def names(self) -> frozenset[str]:
        """Of all servers that are configured, ours too."""
        return frozenset(self.core.peers)

    @property
    def is_over(self) -> bool:
        """Whether nobody is let in any more."""
        return self._over.is_set()

    @property
    def peer_count(self) -> int:
        """Servers that are connected."""
        return len(self._peers)

    @property
    def member_count(self) -> int:
        """Clients that are connected."""
        return len(self._visitors)

    def line_to(self, peer: str) -> Line | None:
        """The connection to *peer*."""
        found = self._peers.get(peer)
        return None if found is None else found.line

    def established(self, peer: str) -> Established | None:
        """What is known of the connection to *peer*."""
        found = self._peers.get(peer)
        return None if found is None else found.established

    def ask_after(self, peer: str) -> None:
        """Say something to *peer*: where the other end of that connection is gone, this shows it."""
        if (line := self.line_to(peer)) is not None:
            line.knock()

    async def run(self) -> None:
        """Tell the core of the time, and hand on what it says, until ``end``. Raises what the core raises."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick)
            nursery.start_soon(self._speak)
            await self._over.wait()
            nursery.cancel_scope.cancel()

    def end(self, why: str) -> None:
        """Let everybody go; a second time is nothing."""
        self._over.set()
        for line in [*(peer.line for peer in self._peers.values()), *(each.line for each in self._visitors.values())]:
            line.end(Code.CLOSING, why)

    async def _tick(self) -> None:
        while True:
            self._do(partial(self.core.tick, trio.current_time()))
            await trio.sleep(self._heartbeat_seconds / TICKS_PER_HEARTBEAT)

    async def _speak(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred = trio.Event()
            self._hand_on()

    def _do(self, step: Callable[[], object]) -> None:
        """Let the core take a step; what it has to say then is handed on soon. Nothing, once the life is over."""
        if self.is_over:
            return
        is_sound = False
        try:
            step()
            is_sound = True
        finally:
            if not is_sound:
                self.is_broken = True
                self._over.set()
        self._stirred.set()

    def _hand_on(self) -> None:
        """Everything that the core has to say, in its order; and what waits for it, again."""
        core = self.core
        for visitor in self._visitors.values():
            if visitor.asked:
                self._serve(visitor)
        for names, message in core.messages_to_send():
            octets = encode_message(message)
            for name in names:
                if (peer := self._peers.get(name)) is not None:
                    peer.line.post(octets)
        self._tell()
        for name, why in core.peers_to_cut():
            if (peer := self._peers.pop(name, None)) is not None:
                peer.line.finish(Code.EXPELLED, why)

    def _tell(self) -> None:
        last: GroupEvent | None = None
        octets = b""
        for member, event in self.core.events_to_tell():
            if event is not last:
                last, octets = event, encode_event(event)
            visitor = self._visitors.get(member)
            if visitor is not None:
                visitor.line.post(octets)

    # servers

    async def converse_with_peer(self, line: Line, name: str, established: Established) -> Closed:
        """Let the server *name* speak to the core over *line*, until that is over. It takes the place of another."""
        self._part(name, self.line_to(name), Code.REPLACED, "another connection takes the place of this one")
        self._peers[name] = Peer(line, established)
        self._do(partial(self.core.connected, name))
        try:
            return await line.run(partial(self._take_from_peer, name))
        finally:
            self._part(name, line, Code.CLOSING, "")

    def _part(self, name: str, line: Line | None, code: Code, why: str) -> None:
        """*line* is the connection to *name* no more; nothing, where it was not."""
        if line is not None and self.line_to(name) is line:
            self._do(self._hand_on)
            line.end(code, why)
            if self._peers.pop(name, None) is not None:
                self._do(partial(self.core.disconnected, name))

    def _take_from_peer(self, name: str, octets: bytes) -> None:
        messages = decode_messages(octets)

        def receive() -> None:
            for message in messages:
                self.core.receive(name, message)

        self._do(receive)

    # clients

    async def converse_with_member(self, line: Line, member: str) -> Closed:
        """Let the client *member* speak to the core over *line*, until that is over. It takes the place of another."""
        self._leave(self._visitors.get(member), Code.REPLACED, f"another {member} has come")
        visitor = self._visitors[member] = Visitor(member, line)
        line.turn = partial(self._turn, visitor)
        self._do(partial(self.core.come, member))
        try:
            return await line.run(partial(self._take_from_member, visitor))
        finally:
            self._leave(visitor, Code.CLOSING, "")

    def _leave(self, visitor: Visitor | None, code: Code, why: str) -> None:
        """*visitor* is gone; nothing, where it was already."""
        if visitor is not None and self._visitors.get(visitor.member) is visitor:
            self._do(self._hand_on)
            visitor.line.end(code, why)
            visitor.asked.clear()
            del self._visitors[visitor.member]
            self._do(partial(self.core.gone, visitor.member))

    def _take_from_member(self, visitor: Visitor, octets: bytes) -> None:
        visitor.asked += decode_asked(octets)
        self._do(partial(self._serve, visitor))
        if visitor.asked and self.core.room(visitor.member) > 0:
            raise RemoteProtocolError("too many groups, or a name that is none", Code.NOT_ALLOWED)

    def _serve(self, visitor: Visitor) -> None:
        """As much of what it asks as the core takes now."""
        asked = visitor.asked
        while asked and self._ask(visitor.member, asked[0]):
            asked.popleft()
        if not asked:
            visitor.served.set()

    def _ask(self, member: str, asked: Asked) -> bool:
        match asked:
            case Publish(group, octets, service):
                return self.core.publish(member, group, octets, service)
            case Join(group):
                return self.core.join(member, group)
            case Leave(group):
                self.core.leave(member, group)
                return True
            case _:
                return self.core.tell(member, asked.member, asked.octets)

    async def _turn(self, visitor: Visitor) -> None:
        """Others have theirs; *visitor* waits here while the core takes no more from it."""
        await trio.lowlevel.checkpoint()
        while visitor.asked and not self.is_over:
            visitor.served = trio.Event()
            await visitor.served.wait()
