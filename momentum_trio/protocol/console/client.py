"""The client's side of the console protocol, without I/O.

    client = Client("ec_console 0.1.0")
    client.receive(octets)                      # any cut; empty: the server will send no more
    event = client.next_event()                 # Banner first; then what answers the request; Farewell ends it
    client.command("summary", "text")           # one request at a time
    client.octets_to_send()

What the server sent is checked: a reply to what was not asked, parts missing, a stream cut short raise
RemoteProtocolError, and nothing more can be learnt from this server.
"""

from __future__ import annotations

from enum import Enum

from momentum_trio.protocol.console.frame import (
    LINE_CHARACTERS_MAX,
    PROTOCOLS,
    REQUEST_MAX,
    Authenticate,
    Banner,
    Bye,
    Challenge,
    ClientFrame,
    Command,
    Complete,
    Completions,
    End,
    Farewell,
    Form,
    Hello,
    LocalProtocolError,
    Part,
    Refused,
    RemoteProtocolError,
    ServerFrame,
    ServerFrames,
    Welcome,
    encode,
    printable,
    server_frames,
)


class State(Enum):
    """Where the conversation stands: what is waited for."""

    CONNECTED = "a banner"
    STRANGER = "nothing before authentication"
    CHECKING = "a challenge, a welcome or a refusal"
    READY = "nothing: nothing was asked"
    RUNNING = "the reply to a command"
    COMPLETING = "completions"
    CLOSED = "nothing, it is closed"


# What a server may say, and the state it leads to; a Farewell may come at any time.
TRANSITIONS: dict[State, dict[type[ServerFrame], State]] = {
    State.CONNECTED: {Banner: State.READY},  # to STRANGER where it names mechanisms
    State.CHECKING: {Challenge: State.STRANGER, Welcome: State.READY, Refused: State.STRANGER},
    State.RUNNING: {Part: State.RUNNING, End: State.READY},
    State.COMPLETING: {Completions: State.READY},
}


class Client:
    """One conversation. banner: what the server said first."""

    def __init__(self, name: str) -> None:
        self.state = State.CONNECTED
        self.banner: Banner | None = None
        self._name = name
        self._reader = server_frames()
        self._ended = False
        self._out = bytearray()
        self._request = 0
        self._parts = 0

    @property
    def closed(self) -> bool:
        """Whether all is said."""
        return self.state is State.CLOSED

    def receive(self, octets: bytes) -> None:
        """Take what came from the server; empty when it will send no more."""
        if octets:
            self._reader.receive(octets)
        else:
            self._ended = True

    def next_event(self) -> ServerFrames | None:
        """What the server said next, checked; None when octets are needed, or closed. Raises RemoteProtocolError."""
        if self.closed:
            return None
        try:
            if (frame := self._reader.next_frame()) is not None:
                self._check(frame)
                return frame
            if self._ended:
                self._reader.ended()
                raise RemoteProtocolError("the server ended the stream without a farewell")
        except RemoteProtocolError:
            self.state = State.CLOSED
            raise
        return None

    def command(self, line: str, form: Form = "text") -> int:
        """Ask for *line* to be run; returns the number of the request. Raises ValueError when it is too long."""
        self._ask(line, State.RUNNING)
        self._say(Command(self._request, line, form))
        return self._request

    def complete(self, line: str) -> int:
        """Ask what could follow *line*. Raises ValueError when it is too long."""
        self._ask(line, State.COMPLETING)
        self._say(Complete(self._request, line))
        return self._request

    def authenticate(self, response: str, mechanism: str = "") -> None:
        """Take a step of the SASL dialogue; *response* is base64."""
        self._expect(State.STRANGER)
        self._say(Authenticate(mechanism, response))
        self.state = State.CHECKING

    def bye(self) -> None:
        """Nothing more will be asked."""
        if self.state is not State.CONNECTED and not self.closed:
            self._say(Bye())
        self.state = State.CLOSED

    def octets_to_send(self) -> bytes:
        """What is to be sent, once."""
        octets = bytes(self._out)
        self._out.clear()
        return octets

    def _ask(self, line: str, following: State) -> None:
        if len(line) > LINE_CHARACTERS_MAX:
            raise ValueError(f"a line of {len(line)} characters; at most {LINE_CHARACTERS_MAX} can be sent")
        if line != printable(line, LINE_CHARACTERS_MAX):
            raise ValueError("the line is not text: it holds octets that are no UTF-8")
        self._expect(State.READY)
        self._request = self._request % REQUEST_MAX + 1
        self._parts = 0
        self.state = following

    def _check(self, frame: ServerFrames) -> None:
        if isinstance(frame, Farewell):
            self.state = State.CLOSED
            return
        following = TRANSITIONS.get(self.state, {}).get(type(frame))
        if following is None:
            said = type(frame).__name__.lower()
            raise RemoteProtocolError(f"the server sent {said} where {self.state.value} was due")
        self.state = following
        match frame:
            case Banner():
                self._greet(frame)
            case Part() | End() | Completions() if frame.request != self._request:
                raise RemoteProtocolError(f"the server answered request {frame.request}, not {self._request}")
            case Part():
                self._parts += 1
            case End() if frame.parts != self._parts:
                raise RemoteProtocolError(f"{self._parts} of {frame.parts} parts of the reply came")

    def _greet(self, banner: Banner) -> None:
        common = [version for version in PROTOCOLS if version in banner.protocols]
        if not common:
            spoken, ours = ", ".join(map(str, banner.protocols)), ", ".join(map(str, PROTOCOLS))
            raise RemoteProtocolError(f"the server speaks protocol {spoken}, we speak {ours}")
        self.banner = banner
        if banner.mechanisms:
            self.state = State.STRANGER
        self._say(Hello(common[0], self._name))

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise LocalProtocolError(f"not now: the conversation waits for {self.state.value}")

    def _say(self, frame: ClientFrame) -> None:
        self._out += encode(frame)
