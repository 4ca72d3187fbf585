"""The server's side of the console protocol, without I/O.

    server = Server(banner)
    server.begin()                              # queues the banner (or a farewell, to one who is not let in)
    server.receive(octets)                      # any cut; empty: the client will send no more
    event = server.next_event()                 # Command, Complete, Authenticate; None: needs octets, or is closed
    server.part(text); server.end(OK)           # to a Command;  server.complete(...) to a Complete
    server.octets_to_send()

One request at a time: what the client sent ahead waits in the reader. A client that breaks the protocol is told how,
and the conversation is over; nothing here raises for what a peer sent.
"""

from __future__ import annotations

from enum import Enum

from momentum_trio.protocol.console.frame import (
    PROTOCOLS,
    Authenticate,
    Banner,
    Bye,
    Challenge,
    ClientFrame,
    ClientFrames,
    Command,
    Complete,
    Completions,
    End,
    Farewell,
    Hello,
    LocalProtocolError,
    Part,
    Refused,
    RemoteProtocolError,
    ServerFrame,
    Status,
    Welcome,
    client_frames,
    encode,
    fitting,
    pieces,
    printable,
)

Event = Command | Complete | Authenticate


class State(Enum):
    """Where the conversation stands, in the words a client is told."""

    SILENT = "nothing said yet"
    GREETING = "a hello"
    STRANGER = "authentication"
    READY = "a command"
    CHECKING = "nothing, a response is being checked"
    RUNNING = "nothing, a command is running"
    COMPLETING = "nothing, completions are being found"
    CLOSED = "nothing, it is closed"


# What a client may say, and the state it leads to. In the states that are not here it waits for us.
TRANSITIONS: dict[State, dict[type[ClientFrame], State]] = {
    State.GREETING: {Hello: State.READY, Bye: State.CLOSED},  # to STRANGER where the banner names mechanisms
    State.STRANGER: {Authenticate: State.CHECKING, Bye: State.CLOSED},
    State.READY: {Command: State.RUNNING, Complete: State.COMPLETING, Bye: State.CLOSED},
}


class Server:
    """One conversation. problem: how the client broke the protocol, or empty."""

    def __init__(self, banner: Banner) -> None:
        self.banner = banner
        self.state = State.SILENT
        self.problem = ""
        self._reader = client_frames()
        self._ended = False
        self._out = bytearray()
        self._request = 0
        self._parts = 0

    @property
    def closed(self) -> bool:
        """Whether all is said. Octets may still wait to be sent."""
        return self.state is State.CLOSED

    def begin(self, refusal: str = "") -> None:
        """Send the banner; with *refusal* a farewell instead, and nothing more."""
        self._expect(State.SILENT)
        if refusal:
            self.farewell(refusal, broken=True)
        else:
            self._say(self.banner)
            self.state = State.GREETING

    def receive(self, octets: bytes) -> None:
        """Take what came from the client; empty when it will send no more."""
        if octets:
            self._reader.receive(octets)
        else:
            self._ended = True

    def next_event(self) -> Event | None:
        """What the client wants next. None while an answer is owed, when octets are needed, and when closed."""
        while self.state in TRANSITIONS:
            try:
                frame = self._reader.next_frame()
                if frame is None:
                    if self._ended:
                        self._reader.ended()
                        self.state = State.CLOSED
                    return None
                if (event := self._take(frame)) is not None:
                    return event
            except RemoteProtocolError as error:
                self.problem = str(error)
                self.farewell(self.problem, broken=True)
        return None

    def part(self, text: str) -> None:
        """A piece of the reply to the Command that runs."""
        self._expect(State.RUNNING)
        for piece in pieces(text):
            self._say(Part(self._request, piece))
            self._parts += 1

    def end(self, status: Status, *, confidential: bool = False) -> None:
        """The reply is whole."""
        self._expect(State.RUNNING)
        self._say(End(self._request, status, self._parts, confidential))
        self.state = State.READY

    def complete(self, start: int, candidates: tuple[str, ...]) -> None:
        """Answer a Complete: each of *candidates* could stand from character *start* of the line on."""
        self._expect(State.COMPLETING)
        kept = fitting(candidates)
        self._say(Completions(self._request, start, kept, more=len(kept) < len(candidates)))
        self.state = State.READY

    def challenge(self, challenge: str) -> None:
        """Answer an Authenticate: the dialogue goes on. *challenge* is base64."""
        self._expect(State.CHECKING)
        self._say(Challenge(challenge))
        self.state = State.STRANGER

    def welcome(self, user: str) -> None:
        """Answer an Authenticate: the client is *user*."""
        self._expect(State.CHECKING)
        self._say(Welcome(printable(user)))
        self.state = State.READY

    def refuse(self, why: str) -> None:
        """Answer an Authenticate: it proved nothing, and the client may begin another dialogue."""
        self._expect(State.CHECKING)
        self._say(Refused(printable(why)))
        self.state = State.STRANGER

    def farewell(self, why: str, *, broken: bool = False) -> None:
        """Close, at any time, saying why."""
        if self.closed:
            raise LocalProtocolError("already closed")
        self._say(Farewell(printable(why), broken))
        self.state = State.CLOSED

    def octets_to_send(self) -> bytes:
        """What is to be sent, once."""
        octets = bytes(self._out)
        self._out.clear()
        return octets

    def _take(self, frame: ClientFrames) -> Event | None:
        if (following := TRANSITIONS[self.state].get(type(frame))) is None:
            raise RemoteProtocolError(f"{type(frame).__name__.lower()} where {self.state.value} was expected")
        self.state = following
        match frame:
            case Hello():
                self._greeted(frame)
            case Command() | Complete():
                self._request, self._parts = frame.request, 0
                return frame
            case Authenticate():
                return frame
        return None

    def _greeted(self, hello: Hello) -> None:
        if hello.protocol not in PROTOCOLS:
            spoken = ", ".join(map(str, PROTOCOLS))
            raise RemoteProtocolError(f"protocol {hello.protocol} is not spoken here; {spoken} is")
        if self.banner.mechanisms:
            self.state = State.STRANGER

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise LocalProtocolError(f"the conversation waits for {self.state.value}")

    def _say(self, frame: ServerFrame) -> None:
        self._out += encode(frame)
