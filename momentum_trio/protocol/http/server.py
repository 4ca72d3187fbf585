"""The server's side of HTTP/1.1, without I/O: octets in, events out; answers in, octets out.

server = Server()
server.receive(await socket.recv(RECEIVE_OCTETS))
while (event := server.next_event()) is not None: ...
server.answer(response, date)                          # to each Begun, before or after its body came
await send(socket, server.octets_to_send())

``head`` and ``chunks`` look at the octets first, and refuse what h11 would let pass; h11 knows whose turn it is, and
frames what has no declared length. It is told what that depends on, and chunks: what has one is counted here, and h11
takes it for a message without content. No octet behind the message that is answered is looked at before that is over
(docs/http.md).
"""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from typing import Final, NamedTuple

import h11
import msgspec

from momentum_trio.protocol.http.chunks import BAD_CHUNK, Chunks
from momentum_trio.protocol.http.head import HEAD_OCTETS_MAX, TOO_LARGE, Fault, request_of, whole
from momentum_trio.protocol.http.refusal import RemoteProtocolError
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Fields, Response

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

_ALWAYS = "".join(f"{line}\r\n" for line in ALWAYS)
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_CONTINUE: Final = h11.InformationalResponse(status_code=100, headers=[], reason=_REASONS[100])
_END: Final = h11.EndOfMessage()
_WITHOUT_CONTENT: Final = frozenset((204, 304))
_NO_OCTETS: Final = b"content-length: 0\r\n"
_CUT = Fault(400, "Request cut off", "The connection ended before the request did.")


class Begun(msgspec.Struct, frozen=True):
    """The head of a request."""

    request: Request


class Part(msgspec.Struct, frozen=True):
    """The next octets of the body."""

    octets: bytes


class Ended(msgspec.Struct, frozen=True):
    """The body is whole."""


class Broken(msgspec.Struct, frozen=True):
    """What came is no request, or too large: *refusal* is to be answered, and nothing comes any more."""

    refusal: Response


class Left(msgspec.Struct, frozen=True):
    """The client will send nothing more, and nothing of his is under way."""


Event = Begun | Part | Ended | Broken | Left


class State(Enum):
    """What comes next."""

    HEAD = auto()  # of a request
    BODY = auto()  # of the request that is, or was, answered
    ANSWER = auto()  # ours: the request is whole
    NOTHING = auto()  # the client is not understood any more, or not listened to
    OTHER = auto()  # what another protocol says


class _Said(NamedTuple):
    """What the head of an answer is made of, but for its date."""

    status: int
    fields: Fields
    media_type: str
    has_length: bool
    closes: bool


class _Head(NamedTuple):
    """The head of an answer. framing: the fields by which h11 frames it, of a length without an octet of content.
    rest: the others, and the line behind them."""

    framing: h11.Response
    rest: bytes


_STATES: Final = {h11.IDLE: State.HEAD, h11.SEND_BODY: State.BODY}
_UNANSWERED: Final = frozenset((h11.IDLE, h11.SEND_RESPONSE))
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection"))
_ASKED_BY_H11: Final = ("host", "connection", "transfer-encoding", "expect", "upgrade")
"""The fields of a request that h11 is told of; of a length that is declared it is not: such a body is counted here."""


class Server:
    """One connection.

    body_octets_max: of a request; None: any. chunks: whether answers without a length may be chunked; else the end of
    the connection ends them. omits_content: the answer is one to HEAD. Held at most: a head and what one ``receive``
    brings. state: what comes next.
    """

    def __init__(self, body_octets_max: int | None = None, *, chunks: bool = True) -> None:
        self.body_octets_max, self.chunks = body_octets_max, chunks
        self.omits_content = False
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * HEAD_OCTETS_MAX)
        self._held = bytearray()
        self._scanned = 0  # of what is held, in vain, for the end of a head
        self._has_left = self._is_deaf = False
        self._lacking: int | None = 0  # octets of the body that are to come; None: chunks say
        self._chunks = Chunks()
        self._said: _Said | None = None
        self._head: _Head | None = None  # of it
        self._to_send: list[bytes] = []
        self.state = State.HEAD
        self._is_answered, self.may_answer = False, True

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
            self._is_deaf = True
            self._look()
            return Broken(broken.refusal)

    def _look(self) -> None:
        """See where h11 is now. Where that is plain it is not asked: it takes as long as a step of its own."""
        ours = self._h11.our_state
        self._is_answered, self.may_answer = ours is h11.DONE, ours in _UNANSWERED
        if ours is h11.SWITCHED_PROTOCOL:
            self.state = State.OTHER
        elif self._is_deaf or ours is h11.MUST_CLOSE:
            self.state = State.NOTHING
        else:
            self.state = _STATES.get(self._h11.their_state, State.ANSWER)

    @property
    def is_at_rest(self) -> bool:
        """Whether no octet of a request is here."""
        return not self._held and self.state is State.HEAD

    @property
    def is_open(self) -> bool:
        """Whether something of the client's may come, and be understood."""
        return self.state in (State.HEAD, State.BODY)

    def _begun(self) -> Begun | Left | None:
        held = self._held
        if not held:
            return Left() if self._has_left else None
        if held[:2] == b"\r\n":
            del held[:2]  # RFC 9112 section 2.2: an empty line is overlooked
        octets = whole(held, self._scanned)
        self._scanned = len(held)
        if not octets:
            return Left() if self._has_left else None
        self._scanned = 0
        request = request_of(self._taken(octets))
        self._frame(request)
        if self.body_octets_max is not None and (request.body_octets or 0) > self.body_octets_max:
            raise RemoteProtocolError(TOO_LARGE.refusal)
        return Begun(request)

    def _taken(self, octets: int) -> bytes:
        """The first of what is held, at most so many: it is held no more."""
        taken = bytes(self._held[:octets])
        del self._held[:octets]
        return taken

    def _frame(self, request: Request) -> None:
        self._h11.receive_data(_framing(request))
        self._h11.next_event()
        self.omits_content = request.method == "HEAD"
        self._lacking = request.body_octets
        self.state = State.BODY if request.has_body else State.ANSWER
        if self._lacking is None:
            self._chunks = Chunks(self.body_octets_max)
        elif not self._lacking:
            self._h11.next_event()  # the end

    def _body(self) -> Part | Ended | None:
        """The next of the body; of one that is answered already, all of it is passed over."""
        while octets := self._counted() if self._lacking is not None else self._unchunked():
            if not self._is_answered:
                return Part(octets)
        if octets is None:
            if self._has_left:
                raise RemoteProtocolError(_CUT.refusal)
            return None
        if not self._is_answered:
            self.state = State.ANSWER
            return Ended()
        self._turn()
        return None

    def _counted(self) -> bytes | None:
        """What is here of a body of a declared length; no octets: that was all; None: more have to come."""
        assert self._lacking is not None
        if not self._lacking:
            self._h11.next_event()  # the end
            return b""
        octets = self._taken(self._lacking)
        self._lacking -= len(octets)
        return octets or None

    def _unchunked(self) -> bytes | None:
        """The same of a body in chunks."""
        while type(event := self._read()) is not h11.EndOfMessage:
            if type(event) is h11.Data:
                return bytes(event.data)
            good = self._chunks.good(self._held)
            if not good:
                return None
            self._h11.receive_data(self._taken(good))
        return b""

    def _read(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as fault:  # of a chunk's end, or of a trailer
            raise RemoteProtocolError(BAD_CHUNK.refusal) from fault

    def rest_of_body(self) -> bytes | None:
        """The rest of the body of the request that is to be answered, where all of it is here and its length was
        declared: it has ended then. None: it comes by ``next_event``."""
        lacking = self._lacking
        if self.state is not State.BODY or lacking is None or lacking > len(self._held):
            return None
        octets, self._lacking = self._taken(lacking), 0
        self._h11.next_event()  # the end
        self.state = State.ANSWER
        return octets

    # what is answered

    def go_on(self) -> None:
        """Tell a client who waits for it that he may send the body (100 Continue)."""
        if self._h11.they_are_waiting_for_100_continue:
            self._send(_CONTINUE)

    def answer(self, response: Response, date: str) -> None:
        """Answer with a *response* whose octets are all there. date: for its field of that name; empty: none."""
        content = response.content
        assert isinstance(content, bytes)
        self._begin(response, date, len(content))
        if not self.omits_content:
            self._to_send.append(content)
        self.finish()

    def begin(self, response: Response, date: str) -> None:
        """Begin to answer with octets of which nobody knows how many follow."""
        self._begin(response, date, None)

    def _begin(self, response: Response, date: str, octets: int | None) -> None:
        assert self.may_answer
        status = response.status
        self.omits_content = self.omits_content or status in _WITHOUT_CONTENT
        if octets is None and not self.chunks:
            self._h11.their_http_version = b"1.0"  # by which h11 decides whether it writes chunks
        length = None if status in _WITHOUT_CONTENT else octets
        closes = response.closes or self._leaves_body
        said = _Said(status, response.fields, response.media_type, length is not None, closes)
        if said != self._said:  # most answers of a connection begin alike: h11 checks the first
            self._said, self._head = said, _head(said)
        assert self._head is not None
        begun = self._h11.send(self._head.framing)
        assert begun is not None
        if length is not None:
            begun = begun.replace(_NO_OCTETS, b"content-length: %d\r\n" % length, 1)
        dated = f"date: {date}\r\n" if date else ""
        self._to_send += (begun[:-2], dated.encode(), self._head.rest)  # which h11 need not see again
        self.may_answer = False

    def part(self, octets: bytes) -> None:
        """The next octets of an answer; those that a client does not want to see (HEAD) are passed over."""
        if octets and not self.omits_content:
            self._send(h11.Data(data=octets))

    def finish(self) -> None:
        """The answer is whole. A body of the request that has not come whole yet is passed over."""
        self._send(_END)
        self._turn()

    def abandon(self) -> None:
        """The answer that has begun cannot be finished: the end of the connection tells the client so."""
        assert not self.may_answer
        self._is_deaf = True
        self._look()

    def switch(self, fields: Fields) -> bytes:
        """Answer 101 with *fields*: this is HTTP no more. Returns what the client has sent already."""
        self._send(h11.InformationalResponse(status_code=101, headers=list(fields), reason=_REASONS[101]))
        self._look()
        return bytes(self._held)

    def octets_to_send(self) -> bytes:
        """What is to be sent, once."""
        octets = b"".join(self._to_send)
        self._to_send.clear()
        return octets

    def _send(self, event: h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self._to_send.append(self._h11.send(event))

    def _turn(self) -> None:
        """On to the next request, where this one and its answer are whole, and another may follow."""
        self._look()
        if self._is_answered and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self.omits_content = self._is_answered = False
            self.state, self.may_answer = State.HEAD, True

    @property
    def _leaves_body(self) -> bool:
        """Whether so much of the request is to come yet that nobody waits for it."""
        if self.state is not State.BODY:
            return self._is_deaf
        waits = self._h11.they_are_waiting_for_100_continue
        return waits or self._lacking is None or self._lacking > PASSED_OVER_OCTETS_MAX


def _framing(request: Request) -> bytes:
    """The head of *request* for h11."""
    fields = request.fields
    lines = [f"{name}: {fields[name]}\r\n" for name in _ASKED_BY_H11 if name in fields]
    return f"{request.method} * HTTP/{request.version}\r\n{''.join(lines)}\r\n".encode("latin-1")


def _head(said: _Said) -> _Head:
    """Raises h11.LocalProtocolError where a field has what no field may have, as the end of a line."""
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in said.fields]
    if said.media_type:
        headers.append((b"content-type", said.media_type.encode()))
    if said.has_length:
        headers.append((b"content-length", b"0"))
    if said.closes:
        headers.append((b"connection", b"close"))
    if all(name != CACHING for name, _ in said.fields):
        headers.append((CACHING.encode(), b"no-store"))
    whole = h11.Response(status_code=said.status, headers=headers, reason=_REASONS[said.status])
    framing = [field for field in whole.headers if field[0] in _FRAMING]
    rest = b"".join(b"%b: %b\r\n" % field for field in whole.headers if field[0] not in _FRAMING)
    return _Head(
        h11.Response(status_code=said.status, headers=framing, reason=_REASONS[said.status]),
        rest + f"{_ALWAYS}\r\n".encode(),
    )


def octets_of(response: Response) -> bytes:
    """*response* to whoever has not been heard yet, and will not be."""
    server = Server()
    server.answer(response, "")
    return server.octets_to_send()
