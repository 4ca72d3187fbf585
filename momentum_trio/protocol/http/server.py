"""The server's side of HTTP/1.1, without I/O: octets in, events out; answers in, octets out.

server = Server()
server.receive(await socket.recv(RECEIVE_OCTETS))
while (event := server.next_event()) is not None: ...
server.answer(response, date)                          # to each Begun, before or after its body came
await send(socket, server.octets_to_send())

Octets are looked at by ``head`` and ``chunks`` first. h11, which frames the messages, is told of the fields that frame
them alone, and of nothing behind the message that is answered: the next one waits here.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

import h11

from momentum_trio.protocol.http.chunks import Chunks
from momentum_trio.protocol.http.head import HEAD_OCTETS_MAX, Fault, request_of, whole
from momentum_trio.protocol.http.refusal import RemoteProtocolError
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response

RECEIVE_OCTETS: Final = 64 * 1024
"""What is received at once, at most."""
PASSED_OVER_OCTETS_MAX: Final = 64 * 1024
"""Of a body that nobody asked for: a longer one is not waited for, and the connection ends with the answer."""

ALWAYS: Final = (
    b"content-security-policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    b"cross-origin-opener-policy: same-origin\r\n"
    b"cross-origin-resource-policy: same-origin\r\n"
    b"referrer-policy: no-referrer\r\n"
    b"x-content-type-options: nosniff\r\n"
    b"x-frame-options: DENY\r\n"
)
"""What every answer tells a browser (SECURITY.md, HTTP)."""
NO_STORE: Final = ("cache-control", "no-store")
"""Of an answer that does not say otherwise."""

_FRAMING = ("connection", "content-length", "expect", "transfer-encoding", "upgrade")
_CUT = Fault(400, "Request cut off", "The connection ended before the request did.")
_TOO_LARGE = Fault(413, "Content too large", "The request is larger than Max_Request_Size allows.")
_LENGTH_LESS = frozenset((204, 304))


class Begun(NamedTuple):
    """The head of a request. expects: the client waits for ``go_on`` before he sends its body."""

    request: Request
    expects: bool


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
    """Where a connection is."""

    IDLE = auto()  # between requests, or in the head of one
    BODY = auto()  # of a request comes
    WHOLE = auto()  # the request is; its answer is not
    BROKEN = auto()  # nothing is understood any more
    OVER = auto()  # an answer was the last
    SWITCHED = auto()  # to another protocol


class Server:
    """One connection.

    body_octets_max: of a request; None: any. chunks: whether answers without a length may be chunked; else the end of
    the connection ends them. omits_content: the answer is one to HEAD. Held at most: a head and what one
    ``receive`` brings.
    """

    def __init__(self, body_octets_max: int | None = None, *, chunks: bool = True) -> None:
        self.body_octets_max, self.chunks = body_octets_max, chunks
        self.state = State.IDLE
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_OCTETS_MAX)
        self._held = bytearray()
        self._scanned = 0  # of what is held, in vain, for the end of a head
        self._has_left = False
        self._lacking: int | None = 0  # octets of the body that h11 has not got; None: chunks say
        self._chunks = Chunks()
        self._body_octets = 0
        self._is_answered = self.omits_content = False
        self._to_send: list[bytes] = []

    # what comes

    def receive(self, octets: bytes) -> None:
        """Take what came; no octets: the client will send no more. Not before ``next_event`` was None."""
        if not octets:
            self._has_left = True
            return
        assert len(self._held) <= HEAD_OCTETS_MAX + RECEIVE_OCTETS
        self._held += octets

    def next_event(self) -> Event | None:
        """What the octets so far amount to; None: nothing before more come, or the answer has gone out."""
        try:
            if self.state is State.BODY and (event := self._body()) is not None:
                return event
            return self._begun() if self.state is State.IDLE else None
        except RemoteProtocolError as broken:
            self.state = State.BROKEN
            return Broken(broken.refusal)

    @property
    def is_at_rest(self) -> bool:
        """Whether no octet of a request is here."""
        return self.state is State.IDLE and not self._held

    @property
    def may_answer(self) -> bool:
        """Whether no answer to what came last has begun."""
        return self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def _begun(self) -> Begun | Left | None:
        if self._held[:2] == b"\r\n":
            del self._held[:2]  # RFC 9112 section 2.2: an empty line is overlooked
        octets = whole(self._held, self._scanned)
        self._scanned = len(self._held)
        if not octets:
            return Left() if self._has_left else None
        head = bytes(self._held[:octets])
        del self._held[:octets]
        self._scanned = 0
        request = request_of(head)
        self._frame(request)
        if request.body_octets is not None and self._exceeds(request.body_octets):
            raise RemoteProtocolError(_TOO_LARGE.refusal)
        return Begun(request, self._h11.they_are_waiting_for_100_continue)

    def _frame(self, request: Request) -> None:
        """Tell h11 that *request* has begun."""
        lines = [f"{request.method} / HTTP/{request.version}", "host: h"]
        lines += [f"{name}: {request.fields[name]}" for name in _FRAMING if name in request.fields]
        self._h11.receive_data("\r\n".join((*lines, "", "")).encode("latin-1"))
        assert type(self._read()) is h11.Request
        self.state = State.BODY
        self._lacking, self._chunks, self._body_octets = request.body_octets, Chunks(), 0
        self._is_answered, self.omits_content = False, request.method == "HEAD"

    def _body(self) -> Part | Ended | None:
        while True:
            self._feed()
            event = self._read()
            if type(event) is h11.EndOfMessage:
                self.state = State.WHOLE
                if not self._is_answered:
                    return Ended()
                self._turn()
                return None
            if type(event) is not h11.Data:
                if self._has_left:
                    raise RemoteProtocolError(_CUT.refusal)
                return None
            self._body_octets += len(event.data)
            if self._exceeds(self._body_octets):
                raise RemoteProtocolError(_TOO_LARGE.refusal)
            if not self._is_answered:
                return Part(bytes(event.data))

    def _feed(self) -> None:
        """Give h11 what is held of this message, and no octet of the next."""
        good = self._chunks.good(self._held) if self._lacking is None else min(self._lacking, len(self._held))
        if good:
            self._h11.receive_data(bytes(self._held[:good]))
            del self._held[:good]
        if self._lacking is not None:
            self._lacking -= good

    def _read(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as fault:  # nothing that head and chunks let through is known to lead here
            raise RemoteProtocolError(Fault(400, "Bad request", f"{fault}.").refusal) from fault

    def _exceeds(self, octets: int) -> bool:
        return self.body_octets_max is not None and octets > self.body_octets_max

    # what is answered

    def go_on(self) -> None:
        """Tell a client who waits for it that he may send the body (100 Continue)."""
        if self._h11.they_are_waiting_for_100_continue:
            self._to_send.append(
                self._h11.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            )

    def answer(self, response: Response, date: str) -> None:
        """Answer with a *response* whose octets are all there. date: for its field of that name; empty: none."""
        content = response.content
        assert isinstance(content, bytes)
        self.begin(response, date, len(content))
        if content:
            self.part(content)
        self.finish()

    def begin(self, response: Response, date: str, octets: int | None = None) -> None:
        """Begin to answer. octets: how many follow; None: nobody knows."""
        headers = [(name.lower(), value) for name, value in response.fields]
        if all(name != NO_STORE[0] for name, _ in headers):
            headers.append(NO_STORE)
        if response.media_type:
            headers.append(("content-type", response.media_type))
        if date:
            headers.append(("date", date))
        if octets is not None and response.status not in _LENGTH_LESS:
            headers.append(("content-length", str(octets)))
        if response.closes or self._leaves_body:
            headers.append(("connection", "close"))
        if octets is None and not self.chunks:
            self._h11.their_http_version = b"1.0"  # what decides whether h11 writes chunks
        said = h11.Response(status_code=response.status, headers=headers, reason=response.reason.encode())
        self._to_send.append(_with_always(self._h11.send(said)))

    def part(self, octets: bytes) -> None:
        """The next octets of an answer; those that a client does not want to see (HEAD) are passed over."""
        if octets and not self.omits_content:
            self._to_send.append(self._h11.send(h11.Data(data=octets)))

    def finish(self) -> None:
        """The answer is whole. A body of the request that has not come whole yet is passed over."""
        self._to_send.append(self._h11.send(h11.EndOfMessage()))
        self._is_answered = True
        if self.state is State.WHOLE:
            self._turn()
        elif self._h11.our_state is not h11.DONE:
            self.state = State.OVER

    def switch(self, fields: tuple[tuple[str, str], ...]) -> bytes:
        """Answer 101 with *fields*: this is HTTP no more. Returns what the client has sent already."""
        said = h11.InformationalResponse(status_code=101, headers=list(fields), reason=b"Switching Protocols")
        self._to_send.append(self._h11.send(said))
        self.state = State.SWITCHED
        return bytes(self._held)

    def octets_to_send(self) -> bytes:
        """What is to be sent, once."""
        octets = b"".join(self._to_send)
        self._to_send.clear()
        return octets

    def _turn(self) -> None:
        """Request and answer are whole: on to the next, if there may be one."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self.state = State.IDLE
        else:
            self.state = State.OVER

    @property
    def _leaves_body(self) -> bool:
        """Whether so much of the request is to come yet that nobody waits for it."""
        if self.state is not State.BODY:
            return self.state is State.BROKEN
        waits = self._h11.they_are_waiting_for_100_continue
        return waits or self._lacking is None or self._lacking > PASSED_OVER_OCTETS_MAX


def octets_of(response: Response) -> bytes:
    """*response* to whoever has not been heard yet, and will not be."""
    server = Server()
    server.answer(response, "")
    return server.octets_to_send()


def _with_always(octets: bytes) -> bytes:
    """*octets* of a head, with the fields that are always there."""
    assert octets.endswith(b"\r\n\r\n")
    return b"".join((octets[:-2], ALWAYS, octets[-2:]))
