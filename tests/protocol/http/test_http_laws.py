"""Laws of the HTTP core: cuts change nothing, and what is looked at first ends where h11 alone would end it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.protocol.http.response import Response, of_text
from momentum_trio.protocol.http.server import Begun, Ended, Event, Part, Server
from momentum_trio.protocol.http.strategies import conversation, streams

Read = tuple[bytes, bytes, bytes]


@settings(max_examples=60, deadline=None)
@given(streams, st.integers(1, 60))
def test_cutting_the_octets_changes_nothing(octets: bytes, step: int) -> None:
    assert conversation(octets, step, 100) == conversation(octets, len(octets) + 1, 100)


@settings(max_examples=60, deadline=None)
@given(streams)
def test_h11_alone_reads_what_is_taken_the_same(octets: bytes) -> None:
    events, _ = conversation(octets, 1000)
    ours = list(_ours(events))
    theirs = list(_theirs(octets))[: len(ours)]
    assert theirs == ours


def _ours(events: Sequence[Event]) -> Iterator[Read]:
    """Requests that are whole: method, target, body."""
    for at, event in enumerate(events):
        if isinstance(event, Begun):
            request, body = event.request, b""
            if request.has_body:
                after = events[at + 1 : at + 3]
                if not any(isinstance(later, Ended) for later in after):
                    return
                body = b"".join(later.octets for later in after if isinstance(later, Part))
            yield request.method.encode(), request.target.encode(), body


def _theirs(octets: bytes) -> Iterator[Read]:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(octets.removeprefix(b"\r\n"))
    request, body = None, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return
        if isinstance(event, h11.Request):
            request, body = event, b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            yield request.method, request.target, body
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.DONE:
                yield from _theirs(connection.trailing_data[0])  # h11 itself overlooks no empty line in between
            return
        else:
            return


@given(st.binary(min_size=1, max_size=200), st.integers(0, 200), st.booleans())
def test_what_is_left_of_a_body_is_taken_at_once(body: bytes, cut: int, reads_first: bool) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    server = Server()
    server.receive(head + body[:cut])
    assert isinstance(server.next_event(), Begun)
    first = server.next_event() if reads_first else None
    taken = first.octets if isinstance(first, Part) else b""
    if cut < len(body):
        assert server.rest_of_body() is None
        server.receive(body[cut:])
    rest = server.rest_of_body()
    assert rest is not None
    assert taken + rest == body
    server.answer(of_text("ok"), "")
    server.receive(head)
    assert isinstance(server.next_event(), Begun)


@given(
    st.binary(max_size=200),
    st.sampled_from([200, 204, 404]),
    st.sampled_from(["GET", "HEAD"]),
    st.sampled_from(["HTTP/1.1\r\n", "HTTP/1.0\r\n", "HTTP/1.1\r\nConnection: close\r\n"]),
)
def test_h11_alone_reads_the_answers_that_are_given(content: bytes, status: int, method: str, line: str) -> None:
    server, client = Server(), h11.Connection(h11.CLIENT)
    answers = [b"" if status == 204 else content, b"" if status == 204 else content * 2]
    for answer in answers:
        client.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
        client.send(h11.EndOfMessage())
        server.receive(f"{method} / {line}Host: a\r\n\r\n".encode())
        assert isinstance(server.next_event(), Begun)
        server.answer(Response(status, answer), "")
        client.receive_data(server.octets_to_send())
        begun, read = client.next_event(), b""
        assert isinstance(begun, h11.Response)
        assert begun.status_code == status
        if status != 204:
            assert (b"content-length", b"%d" % len(answer)) in begun.headers
        while isinstance(event := client.next_event(), h11.Data):
            read += event.data
        assert isinstance(event, h11.EndOfMessage)
        assert read == (b"" if method == "HEAD" else answer)
        assert server.is_open == (line == "HTTP/1.1\r\n")
        assert (client.their_state is h11.MUST_CLOSE) == (not server.is_open)
        if not server.is_open:
            return
        client.start_next_cycle()


@given(st.sampled_from(["\r\n", "\n", "\r", "\0"]))
def test_no_field_of_an_answer_ends_a_line(line_end: str) -> None:
    server = Server()
    with pytest.raises(h11.LocalProtocolError):
        server.answer(Response(200, fields=(("x", f"a{line_end}b"),)), "")
    assert server.octets_to_send() == b""
