"""One connection to a milter, without I/O: commands in, octets out; octets in, replies out.

client = Client()                      # the offer waits in octets_to_send
client.receive(octets)
while (reply := client.next_reply()) is not None: ...
if client.tell(Mail(b"<a@b>"), macros):      # True: an Answer will come, and nothing may be told before it did
    ...
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from momentum_trio.protocol.milter.command import (
    MANNERS,
    Abort,
    Body,
    Command,
    Connect,
    Data,
    EndOfContent,
    EndOfHeader,
    HeaderField,
    Hello,
    Mail,
    Quit,
    Rcpt,
    macros_packet,
    packet_of,
)
from momentum_trio.protocol.milter.macros import chosen
from momentum_trio.protocol.milter.negotiation import Negotiated, Steps, agreed, offer
from momentum_trio.protocol.milter.packet import PacketReader, RemoteProtocolError
from momentum_trio.protocol.milter.reply import (
    PERMITTED,
    Answer,
    Change,
    Discard,
    Progress,
    Reply,
    Skip,
    decoded,
)


class Phase(Enum):
    """Where a connection stands."""

    NEGOTIATING = 1
    AGREED = 2
    SESSION = 3
    ENVELOPE = 4
    CONTENT = 5
    CLOSED = 6


TRANSITIONS: Final[Mapping[Phase, Mapping[type[Command], Phase]]] = MappingProxyType(
    {
        Phase.NEGOTIATING: {Quit: Phase.CLOSED},
        Phase.AGREED: {Connect: Phase.SESSION, Quit: Phase.CLOSED},
        Phase.SESSION: {Hello: Phase.SESSION, Mail: Phase.ENVELOPE, Quit: Phase.CLOSED},
        Phase.ENVELOPE: {Rcpt: Phase.ENVELOPE, Data: Phase.CONTENT, Abort: Phase.SESSION, Quit: Phase.CLOSED},
        Phase.CONTENT: {
            HeaderField: Phase.CONTENT,
            EndOfHeader: Phase.CONTENT,
            Body: Phase.CONTENT,
            EndOfContent: Phase.SESSION,
            Abort: Phase.SESSION,
            Quit: Phase.CLOSED,
        },
        Phase.CLOSED: {},
    }
)
"""Which commands may be told in each phase, and which phase follows, whether they go over the wire or not."""


class Client:
    """negotiated: what was agreed; None before. awaiting: the command whose answer has not come."""

    __slots__ = ("_out", "_reader", "awaiting", "negotiated", "phase")

    def __init__(self) -> None:
        self._out = bytearray(offer().octets())
        self._reader = PacketReader()
        self.phase = Phase.NEGOTIATING
        self.negotiated: Negotiated | None = None
        self.awaiting: type[Command] | None = None

    def tell(self, command: Command, macros: Mapping[str, str]) -> bool:
        """Let *command* be told, if the milter wants it, with those of *macros* that belong to it.

        Returns whether an Answer will come. Nothing may be told while one is awaited.
        """
        kind = type(command)
        assert self.awaiting is None
        self.phase = TRANSITIONS[self.phase][kind]
        manner, agreement = MANNERS[kind], self.negotiated or Negotiated()
        if manner.unwanted & agreement.steps:
            return False
        if manner.stage is not None and (said := chosen(manner.stage, macros, agreement.symbols)):
            self._out += macros_packet(manner.kind, said).octets()
        self._out += packet_of(command).octets()
        if not manner.answered or manner.mute & agreement.steps:
            return False
        self.awaiting = kind
        return True

    def wants(self, kind: type[Command]) -> bool:
        """Whether the milter is told of such commands."""
        assert self.negotiated is not None
        return not MANNERS[kind].unwanted & self.negotiated.steps

    def octets_to_send(self) -> bytes:
        """What was told since the last call."""
        octets = bytes(self._out)
        self._out.clear()
        return octets

    @property
    def waiting_octets(self) -> int:
        """How many octets wait to be sent."""
        return len(self._out)

    def receive(self, octets: bytes) -> None:
        """Octets that came."""
        self._reader.receive(octets)

    def next_reply(self) -> Reply | Negotiated | None:
        """What the milter says next, once it is whole: first of all what it agrees to. Raises RemoteProtocolError."""
        packet = self._reader.next_packet()
        if packet is None:
            return None
        if self.phase is Phase.NEGOTIATING:
            self.negotiated, self.phase = agreed(packet), Phase.AGREED
            return self.negotiated
        reply = decoded(packet)
        self._check(reply)
        if isinstance(reply, Answer):
            self.awaiting = None
        return reply

    def _check(self, reply: Reply) -> None:
        """Raise RemoteProtocolError where *reply* may not come now."""
        awaiting, agreement = self.awaiting, self.negotiated
        assert agreement is not None
        if awaiting is None:
            raise RemoteProtocolError(f"{type(reply).__name__}, and nothing was asked")
        match reply:
            case Change():
                if awaiting is not EndOfContent:
                    raise RemoteProtocolError(f"{type(reply).__name__} before the end of content")
                if (permitted := PERMITTED.get(type(reply))) is not None and not permitted & agreement.actions:
                    raise RemoteProtocolError(f"{type(reply).__name__}, which was not agreed")
            case Skip():
                if awaiting is not Body or not agreement.steps & Steps.SKIP:
                    raise RemoteProtocolError("Skip, and it was not about the body")
            case Discard():
                if awaiting in (Connect, Hello):
                    raise RemoteProtocolError("Discard before there is a message")
            case Progress():
                if awaiting is not EndOfContent:
                    raise RemoteProtocolError("Progress before the end of content")
