"""The client's side of ECStream, without I/O: batches in, octets out; octets in, events out.

client = Client(b"injector 1.0")
await send(socket, client.octets_to_send())
client.received(await socket.recv_into(client.room()))
while (event := client.next_event()) is not None: ...      # Welcome first, then Results in any order
encoded = Encoded.of(batch)
if client.may_send(encoded.octets): client.batch(encoded)
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from momentum_trio.protocol.ecstream.batch import Batch, Encoded, Following, length_of
from momentum_trio.protocol.ecstream.frame import (
    HEADER,
    NUMBER_MAX,
    OCTETS_MAX,
    PREFACE,
    VERSIONS,
    Authenticate,
    Authenticated,
    Bye,
    Challenge,
    Code,
    Credit,
    Error,
    Hello,
    Kind,
    LocalProtocolError,
    Octets,
    Ping,
    Pong,
    RemoteProtocolError,
    Unproved,
    Welcome,
    decode,
    encode,
    framed,
)
from momentum_trio.protocol.ecstream.results import RESULTS_OCTETS_MAX, Results, decode_results
from momentum_trio.protocol.ecstream.side import Side


class State(Enum):
    """Where a connection is, as the client sees it."""

    WAITING = auto()  # hello was said
    READY = auto()  # batches, or an authentication before the first
    DIALOGUE = auto()  # a step of an authentication was said
    CHALLENGED = auto()  # the next step is ours
    BATCHES = auto()
    CONTENT = auto()  # contents of the last batch are to be sent
    LEAVING = auto()  # bye was said; results are to come
    CLOSED = auto()


TRANSITIONS: Final[dict[State, dict[Kind, State]]] = {
    State.WAITING: {Kind.WELCOME: State.READY},
    State.READY: {},
    State.DIALOGUE: {
        Kind.CHALLENGE: State.CHALLENGED,
        Kind.AUTHENTICATED: State.READY,
        Kind.UNPROVED: State.READY,
    },
    State.CHALLENGED: {},
    State.BATCHES: {Kind.RESULTS: State.BATCHES, Kind.CREDIT: State.BATCHES},
    State.CONTENT: {Kind.RESULTS: State.CONTENT, Kind.CREDIT: State.CONTENT},
    State.LEAVING: {Kind.RESULTS: State.LEAVING, Kind.CREDIT: State.LEAVING},
    State.CLOSED: {},
}
"""What a server may send where, and where it leads. ERROR is for every state, PING and PONG for those after welcome."""


class Closed(NamedTuple):
    """Nothing comes any more.

    error: what was said last, by whom; None: every batch has its results after a bye. unresolved: batches without
    results, of which nobody knows what became; those of the number ``error.unbegun`` and above were not begun.
    """

    error: Error | None
    by_server: bool
    unresolved: tuple[int, ...] = ()


Event = Welcome | Challenge | Authenticated | Unproved | Results | Credit | Pong | Closed


class Client(Side[Event]):
    """One connection. welcome: what the server said, once it has; its bounds are kept here and asserted."""

    def __init__(self, name: bytes = b"") -> None:
        super().__init__()
        self.state = State.WAITING
        self.welcome: Welcome | None = None
        self._credit = 0
        self._next = 1
        self._open: dict[int, Batch] = {}
        self._lacking: list[int] = []  # octets of the contents that follow, in order
        self._to_send += [PREFACE, encode(Hello(VERSIONS[0], VERSIONS[-1], name))]

    # what is sent

    @property
    def next_number(self) -> int:
        """The number the next batch must have."""
        return self._next

    @property
    def credit(self) -> int:
        """Octets, headers counted, that may be sent now in batches and chunks."""
        return self._credit

    @property
    def unresolved(self) -> int:
        """How many batches are without results."""
        return len(self._open)

    def may_send(self, octets: int) -> bool:
        """Whether a batch of *octets*, header counted, may be sent now."""
        return (
            self.welcome is not None
            and self.state in (State.READY, State.BATCHES)
            and octets <= self._credit
            and len(self._open) < self.welcome.batches
            and self._next <= NUMBER_MAX
        )

    def batch(self, given: Batch | Encoded) -> None:
        """Send a batch, which may be encoded already. Contents that follow are sent by ``chunk``, before anything else.

        Raises: LocalProtocolError where the server's bounds, its credit or the state do not allow it.
        """
        batch, pieces, octets = given if isinstance(given, Encoded) else Encoded.of(given)
        if batch.number != self._next or not self.may_send(octets):
            raise LocalProtocolError("no batch, or not this one, may be sent now")
        assert self.welcome is not None
        if (problem := _beyond(batch, octets, self.welcome)) is not None:
            raise LocalProtocolError(problem)
        self._credit -= octets
        self._next += 1
        self._to_send += pieces
        self._open[batch.number] = batch._replace(contents=())  # their octets are the caller's to keep
        self._lacking = [content.octets for content in batch.contents if isinstance(content, Following)]
        self.state = State.CONTENT if self._lacking else State.BATCHES

    def chunk(self, octets: Octets) -> None:
        """Send the next *octets* of a content that follows. Raises LocalProtocolError as ``batch`` does."""
        cost = HEADER.size + len(octets)
        if self.state is not State.CONTENT or not 0 < len(octets) <= self._lacking[0] or cost > self._credit:
            raise LocalProtocolError("no chunk, or none so large, may be sent now")
        assert self.welcome is not None
        if len(octets) > self.welcome.frame_octets:
            raise LocalProtocolError("the server takes no chunk so large")
        self._credit -= cost
        self._to_send += framed(Kind.CHUNK, octets)
        self._lacking[0] -= len(octets)
        if not self._lacking[0]:
            del self._lacking[0]
        if not self._lacking:
            self.state = State.BATCHES

    def authenticate(self, mechanism: bytes, response: bytes) -> None:
        """Begin a dialogue, or with an empty *mechanism* go on with it."""
        if self.state is not (State.READY if mechanism else State.CHALLENGED):
            raise LocalProtocolError("no dialogue, or another step of it, is possible now")
        self._say(Authenticate(mechanism, response))
        self.state = State.DIALOGUE

    def ping(self, token: bytes) -> None:
        """Show that we are there, and ask the server."""
        if self.state in (State.WAITING, State.CLOSED):
            raise LocalProtocolError("nobody listens")
        self._say(Ping(token))

    def bye(self) -> None:
        """Send no more batches; Closed comes when all have results."""
        if self.state not in (State.READY, State.BATCHES):
            raise LocalProtocolError("it is no time to leave")
        self._say(Bye())
        self.state = State.LEAVING
        self._leave()

    def close(self, code: Code, why: bytes) -> None:
        """As ``Side`` has it."""
        if self.state is not State.CLOSED:
            error = Error(code, 0, why)
            self._say(error)
            self._end(error, by_server=False)

    # what comes

    @property
    def _is_closed(self) -> bool:
        return self.state is State.CLOSED

    def _cut(self) -> None:
        self._end(Error(Code.FAULT, self._next, b"the stream ended"), by_server=True)

    def _octets_max(self, kind: Kind) -> int:
        anywhere = kind is Kind.ERROR or (kind in (Kind.PING, Kind.PONG) and self.state is not State.WAITING)
        if kind not in TRANSITIONS[self.state] and not anywhere:
            raise RemoteProtocolError(f"{kind.name} is out of place")
        return RESULTS_OCTETS_MAX if kind is Kind.RESULTS else OCTETS_MAX[kind]

    def _take(self, kind: Kind, payload: Octets) -> Event | None:
        self.state = TRANSITIONS[self.state].get(kind, self.state)
        if kind is Kind.RESULTS:
            return self._resolve(decode_results(payload))
        frame = decode(kind, bytes(payload))
        match frame:
            case Welcome():
                self._begin(frame)
                return frame
            case Credit(octets):
                self._earn(octets)
                return frame
            case Ping(token):
                self._say(Pong(token))
            case Error():
                self._end(frame, by_server=True)
            case Challenge() | Authenticated() | Unproved() | Pong():
                return frame
        return None

    def _begin(self, welcome: Welcome) -> None:
        if welcome.version not in VERSIONS:
            raise RemoteProtocolError("WELCOME is in a version that was not offered", Code.VERSION)
        self.welcome = welcome
        self._credit = welcome.window_octets

    def _earn(self, octets: int) -> None:
        assert self.welcome is not None
        self._credit += octets
        if self._credit > self.welcome.window_octets:
            raise RemoteProtocolError("there is more credit than the window", Code.CREDIT)

    def _resolve(self, results: Results) -> Results:
        number = results.number
        if number not in self._open or (self._lacking and number == self._next - 1):
            raise RemoteProtocolError(f"batch {number} awaits no results")
        counts = [len(message.recipients) for message in self._open[number].messages]
        if len(counts) != len(results.messages):
            raise RemoteProtocolError("results are of another number of messages than their batch")
        for count, message in zip(counts, results.messages, strict=True):
            if len(message.recipients) not in (0, count):
                raise RemoteProtocolError("results are of another number of recipients than their message")
        self._earn(results.credit)
        del self._open[number]
        self._leave()
        return results

    def _leave(self) -> None:
        if self.state is State.LEAVING and not self._open:
            self._end(None, by_server=False)

    def _end(self, error: Error | None, *, by_server: bool) -> None:
        self.state = State.CLOSED
        self._closed = Closed(error, by_server, tuple(self._open))


def _beyond(batch: Batch, octets: int, welcome: Welcome) -> str | None:
    """Which of the server's bounds *batch* is beyond, or None."""
    if octets - HEADER.size > welcome.frame_octets:
        return "the server takes no frame so large"
    if len(batch.messages) > welcome.batch_messages:
        return "the server takes no batch of so many messages"
    if any(length_of(content) > welcome.content_octets for content in batch.contents):
        return "the server takes no content so large"
    if not welcome.key_seconds and any(message.key for message in batch.messages):
        return "the server takes no idempotency keys"
    return None
