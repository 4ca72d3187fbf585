"""The server's side of HTTP/1.1, without I/O: octets in, events out; answers in, octets out.

server = Server()
server.receive(await socket.recv(RECEIVE_OCTETS))
while (event := server.next_event()) is not None: ...
server.answer(response, date)                          # to each Begun, before or after its body came
await send(socket, server.octets_to_send())

One request at a time: the next one waits until the one before it is answered. What ``head`` and ``chunks`` let through
can be understood in one way alone, so that the framing is short; h11, which took half of the time of a request here,
says in the tests whether it is right (docs/http.md).
"""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from typing import Final, NamedTuple

from momentum_trio.protocol.http.chunks import Chunks
from momentum_trio.protocol.http.head import HEAD_OCTETS_MAX, TOO_LARGE, Fault, request_of, whole
from momentum_trio.protocol.http.refusal import RemoteProtocolError
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response

RECEIVE_OCTETS: Final = 64 * 1024
"""What is received at once, at most."""
PASSED_OVER_OCTETS_MAX: Final = 64 * 1024
"""Of a body that nobody asked for: a longer one is not waited for, and the connection ends with the answer."""

ALWAYS: Final = (
    "content-security-policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy: same-origin",
    "cross-origin-resource-policy: same-origin",
    "referrer-policy: no-referrer",
    "x-content-type-options: nosniff",
    "x-frame-options: DENY",
)
"""What every answer tells a browser (SECURITY.md, HTTP)."""
CACHING: Final = "cache-control"
"""The field that every answer has too: no-store, where it does not say otherwise."""

_ALWAYS = "\r\n".join(ALWAYS)
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_WITHOUT_CONTENT: Final = frozenset((204, 304))
_CUT = Fault(400, "Request cut off", "The connection ended before the request did.")


class Begun(NamedTuple):
    """The head of a request."""

    request: Request


class Part(NamedTuple):
    """The next octets of the body."""

    octets: bytes


class Ended(NamedTuple):
    """The body is whole."""


class Broken(NamedTuple):
    """What came is no request, or too large: *refusal* is to be answered, and nothing comes any more."""

    refusal: Response


class Left(NamedTuple):
    """The client will send nothing more, and nothing of his is under way."""


Event = Begun | Part | Ended | Broken | Left


class State(Enum):
    """What comes next."""

    HEAD = auto()  # of a request
    BODY = auto()  # of the request that is, or was, answered
    ANSWER = auto()  # ours: the request is whole
    NOTHING = auto()  # the client is not understood any more, or not listened to
    OTHER = auto()  # what another protocol says


class Server:
    """One connection.

    body_octets_max: of a request; None: any. chunks: whether answers without a length may be chunked; else the end of
    the connection ends them. omits_content: the answer is one to HEAD. may_answer: none has begun to what came last.
    Held at most: a head and what one ``receive`` brings.
    """

    def __init__(self, body_octets_max: int | None = None, *, chunks: bool = True) -> None:
        self.body_octets_max, self.chunks = body_octets_max, chunks
        self.state = State.HEAD
        self.omits_content = False
        self.may_answer = True
        self._held = bytearray()
        self._scanned = 0  # of what is held, in vain, for the end of a head
        self._has_left = False
        self._lacking: int | None = 0  # octets of the body that are to come; None: chunks say
        self._chunks = Chunks()
        self._is_waiting = False  # the client, for word that he may send the body
        self._is_answered = self._keeps = self._is_chunked = False
        self._version = "1.1"
        self._to_send: list[bytes] = []

    # what comes

    def receive(self, octets: bytes) -> None:
        """Take what came; no octets: the client will send no more. Not before ``next_event`` was None."""
        assert len(self._held) <= HEAD_OCTETS_MAX + RECEIVE_OCTETS
        self._held += octets
        self._has_left = not octets

    def next_event(self) -> Event | None:
        """What the octets so far amount to; None: nothing before more come, or the answer has gone out."""
        try:
            if self.state is State.BODY and (event := self._body()) is not None:
                return event
            return self._begun() if self.state is State.HEAD else None
        except RemoteProtocolError as broken:
            self.state, self._keeps = State.NOTHING, False
            return Broken(broken.refusal)

    @property
    def is_at_rest(self) -> bool:
        """Whether no octet of a request is here."""
        return self.state is State.HEAD and not self._held

    @property
    def is_open(self) -> bool:
        """Whether something of the client's may come, and be understood."""
        return self.state in (State.HEAD, State.BODY)

    def _begun(self) -> Begun | Left | None:
        held = self._held
        if held[:2] == b"\r\n":
            del held[:2]  # RFC 9112 section 2.2: an empty line is overlooked
        octets = whole(held, self._scanned)
        self._scanned = len(held)
        if not octets:
            return Left() if self._has_left else None
        head = bytes(held[:octets])
        del held[:octets]
        self._scanned = 0
        self.may_answer = True
        request = request_of(head)
        self._frame(request)
        if self.body_octets_max is not None and (request.body_octets or 0) > self.body_octets_max:
            raise RemoteProtocolError(TOO_LARGE.refusal)
        return Begun(request)

    def _frame(self, request: Request) -> None:
        self.state = State.BODY if request.has_body else State.ANSWER
        self._lacking, self._is_answered = request.body_octets, False
        if self._lacking is None:
            self._chunks = Chunks(self.body_octets_max)
        self._version, self.omits_content = request.version, request.method == "HEAD"
        is_new = request.version == "1.1"
        self._keeps = is_new and "close" not in request.field("connection").lower()
        self._is_waiting = is_new and request.has_body and request.field("expect").lower() == "100-continue"

    def _body(self) -> Part | Ended | None:
        """The next of the body; of one that is answered already, all of it is passed over."""
        while octets := self._octets():
            self._is_waiting = False
            if not self._is_answered:
                return Part(octets)
        if not (self._chunks.is_over if self._lacking is None else self._lacking == 0):
            if self._has_left:
                raise RemoteProtocolError(_CUT.refusal)
            return None
        self.state = State.ANSWER
        if not self._is_answered:
            return Ended()
        self._turn()
        return None

    def _octets(self) -> bytes:
        if self._lacking is None:
            return self._chunks.read(self._held)
        octets = bytes(self._held[: self._lacking])
        del self._held[: self._lacking]
        self._lacking -= len(octets)
        return octets

    # what is answered

    def go_on(self) -> None:
        """Tell a client who waits for it that he may send the body (100 Continue)."""
        if self._is_waiting:
            self._is_waiting = False
            self._to_send.append(_CONTINUE)

    def answer(self, response: Response, date: str) -> None:
        """Answer with a *response* whose octets are all there. date: for its field of that name; empty: none."""
        content = response.content
        assert isinstance(content, bytes)
        self.begin(response, date, len(content))
        self.part(content)
        self.finish()

    def begin(self, response: Response, date: str, octets: int | None = None) -> None:
        """Begin to answer. octets: how many follow; None: nobody knows."""
        assert self.may_answer
        self.may_answer = False
        self.omits_content = self.omits_content or response.status in _WITHOUT_CONTENT
        self._is_chunked = octets is None and self.chunks and self._version == "1.1"
        ends_with_connection = octets is None and not self._is_chunked and not self.omits_content
        if response.closes or ends_with_connection or self._leaves_body:
            self._keeps = False
        lines = [_STATUS_LINES[response.status]]
        lines += [f"{name}: {value}" for name, value in response.fields]
        if response.media_type:
            lines.append(f"content-type: {response.media_type}")
        if self._is_chunked:
            lines.append("transfer-encoding: chunked")
        elif octets is not None and response.status not in _WITHOUT_CONTENT:
            lines.append(f"content-length: {octets}")
        if not self._keeps:
            lines.append("connection: close")
        if date:
            lines.append(f"date: {date}")
        if all(name != CACHING for name, _ in response.fields):
            lines.append(f"{CACHING}: no-store")
        self._say_head(lines, _ALWAYS)

    def part(self, octets: bytes) -> None:
        """The next octets of an answer; those that a client does not want to see (HEAD) are passed over."""
        if not octets or self.omits_content:
            return
        if self._is_chunked:
            self._to_send += (f"{len(octets):x}\r\n".encode(), octets, b"\r\n")
        else:
            self._to_send.append(octets)

    def finish(self) -> None:
        """The answer is whole. A body of the request that has not come whole yet is passed over."""
        if self._is_chunked and not self.omits_content:
            self._to_send.append(b"0\r\n\r\n")
        self._is_answered = True
        if not self._keeps:
            self.state = State.NOTHING
        elif self.state is State.ANSWER:
            self._turn()

    def abandon(self) -> None:
        """The answer that has begun cannot be finished: the end of the connection tells the client so."""
        assert not self.may_answer
        self.state = State.NOTHING

    def switch(self, fields: tuple[tuple[str, str], ...]) -> bytes:
        """Answer 101 with *fields*: this is HTTP no more. Returns what the client has sent already."""
        assert self.state is State.ANSWER
        self.may_answer = False
        self.state = State.OTHER
        self._say_head([_STATUS_LINES[101], *(f"{name}: {value}" for name, value in fields)])
        return bytes(self._held)

    def octets_to_send(self) -> bytes:
        """What is to be sent, once."""
        octets = b"".join(self._to_send)
        self._to_send.clear()
        return octets

    def _say_head(self, lines: list[str], always: str = "") -> None:
        text = "\r\n".join((*lines, always, "", "") if always else (*lines, "", ""))
        assert text.count("\n") == len(lines) + 1 + (len(ALWAYS) if always else 0), (
            "a field of an answer has a line end"
        )
        self._to_send.append(text.encode("latin-1"))

    def _turn(self) -> None:
        """Request and answer are whole: on to the next."""
        self.state = State.HEAD
        self.may_answer = True

    @property
    def _leaves_body(self) -> bool:
        """Whether so much of the request is to come yet that nobody waits for it."""
        if self.state is not State.BODY:
            return self.state is State.NOTHING
        return self._is_waiting or self._lacking is None or self._lacking > PASSED_OVER_OCTETS_MAX


def octets_of(response: Response) -> bytes:
    """*response* to whoever has not been heard yet, and will not be."""
    server = Server()
    server.answer(response, "")
    return server.octets_to_send()
