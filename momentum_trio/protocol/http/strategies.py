"""Requests to try HTTP with: right ones, nearly right ones, and octets cut anywhere; and frames of WebSocket."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from momentum_trio.protocol.http.head import LINE_OCTETS_MAX
from momentum_trio.protocol.http.response import Response, of_text
from momentum_trio.protocol.http.server import Begun, Broken, Ended, Event, Left, Part, Server, State

methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"DELETE", b"get", b"M-SEARCH", b"", b"G T"])
targets = st.sampled_from(
    [
        b"/", b"/healthz", b"/a/b?c=d&e", b"/%C3%BC", b"/a%2Fb", b"/..", b"/%2e%2e/x", b"*", b"http://a/b", b"a:80",
        b"/%ff", b"/%", b"/a b", b"/?%zz", b"/a\\b", b"//", b"/" + b"a" * 50,
    ]
)  # fmt: skip
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b""])
fields = st.sampled_from(
    [
        b"Host: a", b"Host: a", b"Host:", b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: +3",
        b"Content-Length: 3, 3", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding:\x0bchunked", b"Connection: close",
        b"Connection: Upgrade", b"Upgrade: websocket", b"Expect: 100-continue", b"X: \xff", b"X : y", b" folded",
        b"X: a\x00b", b": y", b"X",
    ]
)  # fmt: skip
line_ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n"])
bodies = st.sampled_from(
    [
        b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"1;x=y\r\na\r\n2\r\nbc\r\n0\r\nT: u\r\n\r\n", b"3\nabc\n0\n\n",
        b"3\r\nabcd", b"ffffffffffffff\r\n", b"-1\r\n", b"0\r\nT u\r\n\r\n", b"3;" + b"x" * 300,
        b"0\r\n folded\r\n\r\n",
    ]
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, right in most of its parts."""
    lines = [b" ".join((draw(methods), draw(targets), draw(versions))), *draw(st.lists(fields, max_size=4))]
    return b"".join(line + draw(line_ends) for line in lines) + draw(line_ends) + draw(bodies)


right = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;q\r\nc\r\n0\r\nT: u\r\n\r\n",
        b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nhost: a\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * LINE_OCTETS_MAX + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ]
)
streams = st.lists(right | requests(), max_size=4).map(b"".join)
"""What a client says on one connection."""


def conversation(octets: bytes, step: int, body_octets_max: int | None = None) -> tuple[list[Event], bytes]:
    """The events that a server has of *octets*, fed *step* at a time, and what it says when each request is answered
    once it is whole, or refused. Parts of one body are joined."""
    server, events = Server(body_octets_max), list[Event]()
    for at in range(0, len(octets) + step, step):
        server.receive(octets[at : at + step])
        while (event := server.next_event()) is not None:
            _take(server, events, event)
            if isinstance(event, Left):
                return events, server.octets_to_send()
        if not server.is_open:
            break
    return events, server.octets_to_send()


def _take(server: Server, events: list[Event], event: Event) -> None:
    last = events[-1] if events else None
    if isinstance(event, Part) and isinstance(last, Part):
        events[-1] = Part(last.octets + event.octets)
        return
    events.append(event)
    if isinstance(event, Broken):
        _say(server, event.refusal)
    elif isinstance(event, Ended) or (isinstance(event, Begun) and server.state is State.ANSWER):
        _say(server, of_text("ok\n"))


def _say(server: Server, response: Response) -> None:
    server.answer(response, "")


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A frame of a client, right in most of its parts."""
    first = draw(st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8A, 0x09, 0xC1, 0x83]))
    payload = draw(
        st.sampled_from([b"", b"\x03\xe8", b"\x03\xe8bye", b"hello", b"\xff\xfe", b"\xc3", b"\xbc", b"a" * 126])
    )
    declared = draw(st.sampled_from([len(payload)] * 9 + [2**62, 2**63, 200, 70_000]))
    masked = draw(st.sampled_from([0x80] * 9 + [0]))
    if declared < 126:
        head = bytes((first, masked | declared))
    elif declared < 65536:
        head = bytes((first, masked | 126)) + struct.pack(">H", declared)
    else:
        head = bytes((first, masked | 127)) + struct.pack(">Q", declared)
    return head + (bytes(4) if masked else b"") + payload


dialogues = st.lists(frames(), max_size=5).map(b"".join)
"""What a client of a WebSocket says; the mask is of zeros, so that it shows."""
