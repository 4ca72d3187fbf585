"""Laws of the HTTP core: cuts change nothing, and h11, an implementation of others, reads what we read and write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.http.server import ALWAYS, Begun, Ended, Event, Part, Server
from momentum_trio.protocol.http.strategies import conversation, streams

Read = tuple[bytes, bytes, bytes]


@settings(max_examples=60, deadline=None)
@given(streams, st.integers(1, 60))
def test_cutting_the_octets_changes_nothing(octets: bytes, step: int) -> None:
    assert conversation(octets, step, 100) == conversation(octets, len(octets) + 1, 100)


@settings(max_examples=60, deadline=None)
@given(streams)
def test_what_is_taken_h11_reads_the_same(octets: bytes) -> None:
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


responses = st.builds(
    Response,
    st.sampled_from([200, 201, 204, 304, 400, 404, 503]),
    st.binary(max_size=20),
    st.sampled_from(["application/json", ""]),
    st.sampled_from([(), (("etag", '"x"'),), (("cache-control", "no-cache"), ("allow", "GET"))]),
    st.booleans(),
)
asked = st.sampled_from([b"GET", b"HEAD", b"POST"])


@settings(max_examples=60, deadline=None)
@given(responses, asked, st.booleans(), st.booleans(), st.integers(1, 7))
def test_what_is_answered_h11_reads_so(
    response: Response, method: bytes, in_parts: bool, chunks: bool, size: int
) -> None:
    server = Server(chunks=chunks)
    server.receive(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert isinstance(server.next_event(), Begun)
    content = response.content
    assert isinstance(content, bytes)
    if in_parts:
        server.begin(response, "Tue, 29 Sep 2009 10:11:56 GMT")
        for at in range(0, len(content), size):
            server.part(content[at : at + size])
        server.finish()
    else:
        server.answer(response, "Tue, 29 Sep 2009 10:11:56 GMT")
    said, body, closes = _read(method, server.octets_to_send(), closed=not server.is_open)
    assert said.status_code == response.status
    silent = method == b"HEAD" or response.status in (204, 304)
    assert body == (b"" if silent else content)
    assert closes == (not server.is_open)
    fields = [name + b": " + value for name, value in said.headers]
    assert {line.encode() for line in ALWAYS} <= set(fields)
    assert sum(field.startswith(b"cache-control: ") for field in fields) == 1


def _read(method: bytes, octets: bytes, *, closed: bool) -> tuple[h11.Response, bytes, bool]:
    """What a client that has asked with *method* hears: the head, the content, whether the connection ends with it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(octets)
    if closed:
        client.receive_data(b"")
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    return head, body, client.their_state is not h11.DONE or client.our_state is h11.MUST_CLOSE


@given(st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_no_field_of_an_answer_ends_a_line(line_end: bytes) -> None:
    server = Server()
    try:
        server.answer(Response(200, fields=(("x", f"a{line_end.decode()}b"),)), "")
    except AssertionError:
        return
    assert line_end == b"\r"
