"""The server's side of ECStream, without I/O: octets in, events out; answers in, octets out.

server = Server(terms)
server.received(await socket.recv_into(server.room()))
while (event := server.next_event()) is not None: ...
server.results(number, results)                        # for each Batch, in any order, once its contents are there
await send(socket, server.octets_to_send())
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final, NamedTuple

from momentum_trio.protocol.ecstream.batch import MESSAGES_MAX, Batch, Following, decode_batch, length_of
from momentum_trio.protocol.ecstream.frame import (
    FRAME_OCTETS_MAX,
    FRAME_OCTETS_MIN,
    HEADER,
    NUMBER_MAX,
    OCTETS_MAX,
    VERSIONS,
    WINDOW_OCTETS_MIN,
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
    Small,
    Unproved,
    Welcome,
    decode,
)
from momentum_trio.protocol.ecstream.results import Result, Results, encode_results
from momentum_trio.protocol.ecstream.side import Side


class State(IntEnum):
    """Where a connection is, as the server sees it."""

    SILENT = auto()  # the client has not said hello
    READY = auto()  # batches, or an authentication before the first
    DIALOGUE = auto()  # the client has authenticated a step, and waits
    ANSWERED = auto()  # the server has challenged, and waits
    BATCHES = auto()  # there was a batch
    CONTENT = auto()  # a batch's contents follow
    LEAVING = auto()  # the client said bye; batches may be without results
    CLOSED = auto()  # an error was said by either side, or the last result after bye


TRANSITIONS: Final[dict[State, dict[Kind, State]]] = {
    State.SILENT: {Kind.HELLO: State.READY},
    State.READY: {Kind.AUTHENTICATE: State.DIALOGUE, Kind.BATCH: State.BATCHES, Kind.BYE: State.LEAVING},
    State.DIALOGUE: {},
    State.ANSWERED: {Kind.AUTHENTICATE: State.DIALOGUE},
    State.BATCHES: {Kind.BATCH: State.BATCHES, Kind.BYE: State.LEAVING},
    State.CONTENT: {Kind.CHUNK: State.CONTENT},
    State.LEAVING: {},
    State.CLOSED: {},
}
"""What a client may send where, and where it leads; a batch whose contents follow leads to CONTENT, the last chunk back
to BATCHES. PING, PONG and ERROR are for every state after hello."""

_ANYWHERE: Final = frozenset({Kind.PING, Kind.PONG, Kind.ERROR})


class Terms(NamedTuple):
    """What a server allows: the members of Welcome, and whether batches are taken from who has not authenticated."""

    frame_octets: int = 4 * 1024 * 1024
    window_octets: int = 16 * 1024 * 1024
    batch_messages: int = 10000
    batches: int = 64
    content_octets: int = 64 * 1024 * 1024
    idle_seconds: int = 300
    key_seconds: int = 0
    mechanisms: tuple[bytes, ...] = ()
    name: bytes = b""
    authenticated_only: bool = False


class Begun(NamedTuple):
    """A batch came. whole: no content of it follows."""

    batch: Batch
    whole: bool


class ContentPart(NamedTuple):
    """The next octets of the content *place* of the batch *number*.

    ends: the content is whole. whole: so is the batch. They count against the client's credit until ``consumed``
    or ``results``.
    """

    number: int
    place: int
    octets: Octets
    ends: bool
    whole: bool


class Left(NamedTuple):
    """The client said bye."""


class Closed(NamedTuple):
    """Nothing comes any more. error: what was said last, by whom; None: all is answered after a bye."""

    error: Error | None
    by_client: bool = False


Event = Begun | ContentPart | Authenticate | Left | Closed


class _Coming(NamedTuple):
    """The contents that follow a batch. lacking: octets of the first of them."""

    number: int
    places: tuple[int, ...]
    lengths: tuple[int, ...]
    lacking: int


class Server(Side[Event]):
    """One connection.

    Held at most: the reader's frame and buffer, a few octets of each batch without results, and what is to be sent: of
    a Pong and a Credit for what one ``received`` brought, and of the results the caller gives.
    """

    def __init__(self, terms: Terms) -> None:
        assert FRAME_OCTETS_MIN <= terms.frame_octets <= min(FRAME_OCTETS_MAX, terms.window_octets - HEADER.size)
        assert terms.window_octets >= WINDOW_OCTETS_MIN
        assert 1 <= terms.batch_messages <= MESSAGES_MAX
        assert terms.batches >= 1
        super().__init__(preface=True)
        self.terms = terms
        self.state = State.SILENT
        self.client_name = b""
        self._credit = terms.window_octets
        self._open: dict[int, int] = {}  # batches without results, and how much credit each holds
        self._messages: dict[int, int] = {}  # of them how many messages each has
        self._next = 1
        self._coming: _Coming | None = None
        self._proved = False

    # what is answered

    def results(self, number: int, messages: tuple[Result, ...]) -> None:
        """Acknowledge the batch *number*, whose contents are there; all its credit goes back to the client.

        After an error nothing is sent any more: the client does not know what became of the batch.
        """
        if self._coming is not None and self._coming.number == number:
            raise LocalProtocolError(f"contents of batch {number} follow")
        if number not in self._open:
            raise LocalProtocolError(f"batch {number} has its results, or never came")
        if len(messages) != self._messages.pop(number):
            raise LocalProtocolError(f"batch {number} has another number of messages")
        credit = self._open.pop(number)
        self._credit += credit
        if self.state is State.CLOSED:
            return
        self._to_send += encode_results(Results(number, credit, messages))
        if self.state is State.LEAVING and not self._open:
            self._end(Closed(None))

    def consumed(self, number: int, octets: int) -> None:
        """*octets* of the contents of the batch *number* are held no more: as many may be sent again."""
        if self._open.get(number, 0) < octets:
            raise LocalProtocolError(f"batch {number} does not hold {octets} octets")
        self._open[number] -= octets
        self._credit += octets
        if octets and self.state is not State.CLOSED:
            self._say(Credit(octets))

    def challenge(self, challenge: bytes) -> None:
        """Go on with the dialogue."""
        self._answer(Challenge(challenge), State.ANSWERED)

    def authenticated(self, identity: bytes) -> None:
        """The client is *identity*."""
        self._proved = True
        self._answer(Authenticated(identity), State.READY)

    def unproved(self, why: bytes) -> None:
        """The dialogue came to nothing."""
        self._answer(Unproved(why), State.READY)

    def ping(self, token: bytes) -> None:
        """Ask whether the client is there."""
        assert len(token) == 8
        if self.state not in (State.SILENT, State.CLOSED):
            self._say(Ping(token))

    def close(self, code: Code, why: bytes) -> None:
        """Say why, and end the connection; results that were not sent before are not sent any more."""
        if self.state is State.CLOSED:
            return
        error = Error(code, self._unbegun, why)
        self._say(error)
        self._end(Closed(error))

    @property
    def unanswered(self) -> int:
        """How many batches have no results."""
        return len(self._open)

    # how

    @property
    def _is_closed(self) -> bool:
        return self.state is State.CLOSED

    def _cut(self) -> None:
        self._end(Closed(Error(Code.PROTOCOL, self._unbegun, b"the stream ended without a bye"), by_client=True))

    @property
    def _unbegun(self) -> int:
        return min(self._next, NUMBER_MAX)

    def _octets_max(self, kind: Kind) -> int:
        if kind not in TRANSITIONS[self.state] and (kind not in _ANYWHERE or self.state is State.SILENT):
            raise RemoteProtocolError(f"{kind.name} is out of place")
        if kind is Kind.BATCH and self.terms.authenticated_only and not self._proved:
            raise RemoteProtocolError("authenticate first", Code.NOT_ALLOWED)
        if kind in (Kind.BATCH, Kind.CHUNK):
            return self.terms.frame_octets
        return OCTETS_MAX[kind]

    def _take(self, kind: Kind, payload: Octets) -> Event | None:
        if kind is Kind.CHUNK:
            return self._chunk(payload)
        if kind is Kind.BATCH:
            return self._batch(payload)
        return self._small(kind, decode(kind, bytes(payload)))

    def _small(self, kind: Kind, frame: Small) -> Event | None:
        self.state = TRANSITIONS[self.state].get(kind, self.state)
        match frame:
            case Hello():
                self._welcome(frame)
            case Authenticate(mechanism):
                if mechanism and mechanism not in self.terms.mechanisms:
                    raise RemoteProtocolError("the mechanism is none of those offered")
                return frame
            case Ping(token):
                self._say(Pong(token))
            case Error():
                self._end(Closed(frame, by_client=True))
            case Bye():
                if not self._open:
                    self._end(Closed(None))
                return Left()
        return None

    def _welcome(self, hello: Hello) -> None:
        version = min(hello.highest, VERSIONS[-1])
        if version < max(hello.lowest, VERSIONS[0]):
            raise RemoteProtocolError(f"versions {VERSIONS[0]} to {VERSIONS[-1]} are spoken here", Code.VERSION)
        self.client_name = hello.name
        self._say(Welcome(version, *self.terms[:-1]))

    def _spend(self, payload: Octets) -> int:
        cost = HEADER.size + len(payload)
        if cost > self._credit:
            raise RemoteProtocolError("more was sent than there is credit for", Code.CREDIT)
        self._credit -= cost
        return cost

    def _batch(self, payload: Octets) -> Event:
        cost = self._spend(payload)
        batch = decode_batch(payload)
        self._judge(batch)
        self._next += 1
        self._open[batch.number] = cost
        self._messages[batch.number] = len(batch.messages)
        following = [(place, c.octets) for place, c in enumerate(batch.contents) if isinstance(c, Following)]
        self.state = State.CONTENT if following else State.BATCHES
        if following:
            places, lengths = zip(*following, strict=True)
            self._coming = _Coming(batch.number, places, lengths, lengths[0])
        return Begun(batch, not following)

    def _judge(self, batch: Batch) -> None:
        terms = self.terms
        if batch.number != self._next:
            raise RemoteProtocolError(f"batch {batch.number} comes where {self._next} should")
        if len(self._open) >= terms.batches:
            raise RemoteProtocolError("too many batches are without results", Code.CREDIT)
        if len(batch.messages) > terms.batch_messages:
            raise RemoteProtocolError("a batch has too many messages", Code.TOO_LARGE)
        if max(map(length_of, batch.contents)) > terms.content_octets:
            raise RemoteProtocolError("a content is too large", Code.TOO_LARGE)
        if not terms.key_seconds and any(message.key for message in batch.messages):
            raise RemoteProtocolError("no idempotency keys are taken here", Code.NOT_ALLOWED)

    def _chunk(self, payload: Octets) -> Event:
        coming = self._coming
        assert coming is not None  # CHUNK stands in CONTENT alone
        self._open[coming.number] += self._spend(payload)
        if not 0 < len(payload) <= coming.lacking:
            raise RemoteProtocolError("a chunk is empty, or larger than its content")
        place, lacking = coming.places[0], coming.lacking - len(payload)
        rest = coming.lengths[1:]
        if lacking:
            self._coming = coming._replace(lacking=lacking)
        elif rest:
            self._coming = _Coming(coming.number, coming.places[1:], rest, rest[0])
        else:
            self._coming = None
            self.state = State.BATCHES
        return ContentPart(coming.number, place, payload, not lacking, self._coming is None)

    def _answer(self, frame: Small, state: State) -> None:
        if self.state is State.CLOSED:
            return
        if self.state is not State.DIALOGUE:
            raise LocalProtocolError("nobody authenticates")
        self._say(frame)
        self.state = state

    def _end(self, closed: Closed) -> None:
        self.state = State.CLOSED
        self._closed = closed
