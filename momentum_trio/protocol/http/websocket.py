"""The server's side of WebSocket, without I/O (RFC 6455): octets in, messages out; messages in, octets out.

wsproto reads the frames. It would wait for a frame of 2^62 octets: what a frame declares is judged when its header is
there. No extension is offered, so nothing is ever inflated.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wsproto.connection import SERVER, Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

RECEIVE_OCTETS: Final = 64 * 1024
"""What is received at once, at most."""
FRAMES_MAX: Final = 1024
"""Of one message: those without octets would have no other bound."""

CUT: Final = 1006
"""The code of an end without a closing frame."""

_BROKEN_BY: Final[dict[int, str]] = {
    CloseReason.PROTOCOL_ERROR: "the protocol is broken",
    CloseReason.INVALID_FRAME_PAYLOAD_DATA: "text is not UTF-8",
    CloseReason.MESSAGE_TOO_BIG: "a message is too long",
}
"""What a client that has broken the protocol is told, by the code."""


class Message(NamedTuple):
    """A whole message: text, or octets."""

    content: str | bytes


class Sign(NamedTuple):
    """The client lives: he has sent a ping, which is answered, or a pong."""


class Closed(NamedTuple):
    """It is over. by_client: he said so first, or was just gone; else he has broken the protocol, and is told."""

    code: int
    reason: str
    by_client: bool


Event = Message | Sign | Closed


class _Bound(Extension):
    """No extension of the protocol: where wsproto asks about the header of a frame, before it waits for the rest."""

    name = "bound"

    def __init__(self, octets_max: int) -> None:
        self._octets_max = octets_max
        self._octets = self._frames = 0  # of the message, so far
        self._is_of_message = False  # the frame; it is no control frame

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Whether a frame may come: the whole message that it belongs to counts. Asked again as the header grows."""
        self._is_of_message = not opcode.iscontrol()
        if self._is_of_message:
            before = self._octets if opcode is Opcode.CONTINUATION else 0
            if before + payload_length > self._octets_max or self._frames >= FRAMES_MAX:
                return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Octets came: they count."""
        if self._is_of_message:
            self._octets += len(data)
        return data

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        """A frame is whole; so is the message, if it was the last one's."""
        if self._is_of_message:
            self._octets, self._frames = (0, 0) if fin else (self._octets, self._frames + 1)
        return None


class Conversation:
    """One connection, from behind the handshake. octets_max: of a message, over all of its frames."""

    def __init__(self, octets_max: int) -> None:
        self._connection = Connection(SERVER, [_Bound(octets_max)])
        self._parts: list[str | bytes] = []
        self._to_send: list[bytes] = []
        self._has_left = False
        self.is_over = False

    def receive(self, octets: bytes) -> None:
        """Take what came; no octets: nothing will come any more."""
        if not octets:
            self._has_left = True
        elif not self.is_over:
            self._connection.receive_data(octets)

    def next_event(self) -> Event | None:
        """What the octets so far amount to; None: nothing before more come. After Closed there is nothing."""
        if self.is_over:
            return None
        for event in self._connection.events():
            if isinstance(event, TextMessage | BytesMessage):
                if (message := self._part(event.data, is_last=event.message_finished)) is not None:
                    return message
            elif isinstance(event, Ping):
                if self._connection.state is ConnectionState.OPEN:
                    self._say(event.response())
                return Sign()
            elif isinstance(event, Pong):
                return Sign()
            elif isinstance(event, CloseConnection):
                return self._closed(event)
        if self._has_left:
            self.is_over = True
            return Closed(CUT, "", by_client=True)
        return None

    def message(self, content: str | bytes) -> bytes:
        """The frame that says *content*."""
        kind = TextMessage if isinstance(content, str) else BytesMessage
        return bytes(self._connection.send(kind(content)))  # type: ignore[arg-type]

    def ping(self) -> bytes:
        """The frame that asks whether the client lives."""
        return bytes(self._connection.send(Ping()))

    def close(self, code: int, reason: str) -> bytes:
        """The frame that ends it; empty where it has ended already. What comes yet is of no account."""
        if self._connection.state is not ConnectionState.OPEN:
            return b""
        return bytes(self._connection.send(CloseConnection(code, reason)))

    def octets_to_send(self) -> bytes:
        """Answers to what came (pongs, the end), once."""
        octets = b"".join(self._to_send)
        self._to_send.clear()
        return octets

    def _part(self, data: str | bytes | bytearray, *, is_last: bool) -> Message | None:
        self._parts.append(data if isinstance(data, str) else bytes(data))
        if not is_last:
            return None
        parts, self._parts = self._parts, []
        return Message("".join(parts) if isinstance(parts[0], str) else b"".join(parts))  # type: ignore[arg-type]

    def _closed(self, event: CloseConnection) -> Closed:
        """The client has said that it is over, or has broken the protocol, which is told him."""
        self.is_over = True
        code, state = int(event.code), self._connection.state
        if state is ConnectionState.OPEN:
            why = _BROKEN_BY.get(code, _BROKEN_BY[CloseReason.PROTOCOL_ERROR])
            self._say(CloseConnection(code, why))
            return Closed(code, why, by_client=False)
        if state is ConnectionState.REMOTE_CLOSING:
            self._say(event.response())
        return Closed(code, event.reason or "", by_client=True)

    def _say(self, event: Ping | Pong | CloseConnection) -> None:
        self._to_send.append(bytes(self._connection.send(event)))
