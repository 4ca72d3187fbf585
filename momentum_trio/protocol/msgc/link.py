"""One connection of the bus, without I/O: its opening on either side, then messages each way, and its end.

link = Link.calling(ours, secrets)         # or Link.called
link.receive(octets)
while (event := link.next_event()) is not None: ...
... link.octets_to_send()
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Self

from momentum_trio.protocol.msgc.frame import (
    FRAME_OCTETS_MAX,
    PREFACE,
    Code,
    Frame,
    Kind,
    Opener,
    RemoteProtocolError,
    Sealer,
    decode_refused,
    encode_refused,
    joined,
)
from momentum_trio.protocol.msgc.handshake import Called, Calling, Hello


class State(Enum):
    """Where the opening is. CHALLENGED: of a caller, who has answered with his proof and waits to be let in."""

    PREFACE = "preface"
    HELLO = "hello"
    PROOF = "proof"
    CHALLENGED = "challenged"
    DECISION = "decision"
    OPEN = "open"
    CLOSED = "closed"


class Knocked(NamedTuple):
    """A caller has proved who he is. Answered by ``welcome`` or ``refuse``."""

    theirs: Hello


class Welcomed(NamedTuple):
    """The called has let us in. name: what it calls us."""

    theirs: Hello
    name: str


class Messages(NamedTuple):
    """An array of messages, as msgpack has it."""

    octets: bytes


class Noop(NamedTuple):
    """A sign of life."""


class Closed(NamedTuple):
    """Nothing comes any more. by_peer: whether the other end says so."""

    code: Code
    why: str
    by_peer: bool


Event = Knocked | Welcomed | Messages | Noop | Closed


class Link:
    """One end. theirs: what the other end says of itself, once it has."""

    def __init__(self, side: Calling | Called, state: State, preface: bytes) -> None:
        self._side, self.state, self._preface = side, state, preface
        self._sealer, self._opener = Sealer(), Opener()
        self._events: deque[Event] = deque()
        self._sending = bytearray()

    @classmethod
    def calling(cls, ours: Hello, secrets: Sequence[bytes], preface: bytes = PREFACE) -> Self:
        """The end of who has connected."""
        side = Calling(ours, secrets)
        link = cls(side, State.HELLO, preface)
        link._sending += preface
        link._say(Kind.HELLO, side.hello())
        return link

    @classmethod
    def called(cls, ours: Hello, secrets: Sequence[bytes], preface: bytes = PREFACE) -> Self:
        """The end that somebody has connected to."""
        return cls(Called(ours, secrets), State.PREFACE, preface)

    @property
    def theirs(self) -> Hello | None:
        """What the other end says of itself; it is proved from Knocked or Welcomed on."""
        return self._side.theirs

    def receive(self, octets: bytes) -> None:
        """Take what came from the stream."""
        if self.state is not State.CLOSED:
            self._opener.receive(octets)

    def next_event(self) -> Event | None:
        """What has happened next; None: nothing yet. Nothing follows a Closed."""
        while not self._events and self.state is not State.CLOSED:
            try:
                if not self._advance():
                    break
            except RemoteProtocolError as error:
                self.refuse(error.code, error.why)
        return self._events.popleft() if self._events else None

    def octets_to_send(self) -> bytes:
        """What is to be sent now."""
        octets = bytes(self._sending)
        self._sending.clear()
        return octets

    def welcome(self, name: str = "") -> None:
        """Let the caller in, as *name*."""
        assert self.state is State.DECISION
        assert isinstance(self._side, Called)
        payload, keys = self._side.welcome(name)
        self._say(Kind.WELCOME, payload)
        self._open(sending=keys.called, receiving=keys.caller)

    def refuse(self, code: Code, why: str) -> None:
        """Say why the connection ends here; a second time is nothing."""
        if self.state is State.CLOSED:
            return
        self._say(Kind.REFUSED, encode_refused(code, why))
        self._close(Closed(code, why, by_peer=False))

    def noop(self) -> None:
        """Give a sign of life."""
        assert self.state is State.OPEN
        self._say(Kind.NOOP, b"")

    def messages(self, encoded: Sequence[bytes]) -> None:
        """Send messages, each as msgpack has it, in one frame."""
        assert self.state is State.OPEN
        self._say(Kind.MESSAGES, joined(encoded))

    def _say(self, kind: Kind, payload: bytes) -> None:
        self._sending += self._sealer.seal(kind, payload)

    def _advance(self) -> bool:
        """Take the next step of what has come; whether there was one."""
        if self.state is State.PREFACE:
            if not self._opener.preface(self._preface):
                return False
            self.state = State.HELLO
        if self.state is State.DECISION or (frame := self._opener.next_frame()) is None:
            return False
        self._take(frame)
        return True

    def _take(self, frame: Frame) -> None:
        match self.state, frame.kind, self._side:
            case State.OPEN, Kind.MESSAGES, _:
                self._events.append(Messages(frame.payload))
            case State.OPEN, Kind.NOOP, _:
                self._events.append(Noop())
            case _, Kind.REFUSED, _:
                code, why = decode_refused(frame.payload)
                self._close(Closed(code, why, by_peer=True))
            case State.HELLO, Kind.HELLO, Calling() as side:
                self._say(Kind.PROOF, side.met(frame.payload))
                self.state = State.CHALLENGED
            case State.CHALLENGED, Kind.WELCOME, Calling() as side:
                name, keys = side.welcomed(frame.payload)
                self._open(sending=keys.caller, receiving=keys.called)
                assert side.theirs is not None
                self._events.append(Welcomed(side.theirs, name))
            case State.HELLO, Kind.HELLO, Called() as side:
                self._say(Kind.HELLO, side.met(frame.payload))
                self.state = State.PROOF
            case State.PROOF, Kind.PROOF, Called() as side:
                side.proved(frame.payload)
                self.state = State.DECISION
                assert side.theirs is not None
                self._events.append(Knocked(side.theirs))
            case _:
                raise RemoteProtocolError(f"{frame.kind.name} is not due")

    def _open(self, *, sending: bytes, receiving: bytes) -> None:
        self._sealer.key, self._opener.key = sending, receiving
        self._opener.octets_max = FRAME_OCTETS_MAX
        self.state = State.OPEN

    def _close(self, closed: Closed) -> None:
        self.state = State.CLOSED
        self._events.append(closed)
