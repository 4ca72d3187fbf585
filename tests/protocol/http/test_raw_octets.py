"""Octets that are no request of HTTP/1.1, or could be read as two different ones, by name (RFC 9112; SECURITY.md)."""

from __future__ import annotations

import msgspec
import pytest

from momentum_trio.protocol.http.head import FIELDS_MAX, HEAD_OCTETS_MAX, LINE_OCTETS_MAX
from momentum_trio.protocol.http.refusal import Errors
from momentum_trio.protocol.http.server import Begun, Broken, Ended, Part, Server, State
from momentum_trio.protocol.http.strategies import conversation
from momentum_trio.protocol.http.target import PAIRS_MAX

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

REFUSED = {
    "Content-Length with Transfer-Encoding": (
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (400, "two_lengths"),
    ),
    "two Content-Lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", (400, "field_said_twice")),
    "one Content-Length twice": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", (400, "field_said_twice")),
    "a list of Content-Lengths": (POST + b"Content-Length: 3, 3\r\n\r\n", (400, "bad_length")),
    "a signed Content-Length": (POST + b"Content-Length: +3\r\n\r\n", (400, "bad_length")),
    "an absurd Content-Length": (POST + b"Content-Length: 999999999999999\r\n\r\n", (413, "content_too_large")),
    "a Content-Length of twenty digits": (POST + b"Content-Length: 18446744073709551616\r\n\r\n", (400, "bad_length")),
    "two transfer codings": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", (501, "bad_transfer_coding")),
    "Transfer-Encoding twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        (400, "field_said_twice"),
    ),
    "a coding behind a vertical tab": (POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n", (400, "bad_header_field")),
    "Transfer-Encoding in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        (400, "bad_transfer_coding"),
    ),
    "obs-fold": (GET + b"X: a\r\n b\r\n\r\n", (400, "folded_field")),
    "obs-fold in the first field": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", (400, "folded_field")),
    "bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", (400, "bare_lf")),
    "bare LF inside a field": (GET + b"X: a\nY: b\r\n\r\n", (400, "bare_lf")),
    "bare CR": (GET + b"X: a\rY: b\r\n\r\n", (400, "bare_cr")),
    "NUL": (GET + b"X: a\0b\r\n\r\n", (400, "nul_octet")),
    "a blank before the colon": (GET + b"X : a\r\n\r\n", (400, "bad_header_field")),
    "a field without a name": (GET + b": a\r\n\r\n", (400, "bad_header_field")),
    "a field without a colon": (GET + b"X\r\n\r\n", (400, "bad_header_field")),
    "a control character in a field": (GET + b"X: \x01\r\n\r\n", (400, "bad_header_field")),
    "too many fields": (GET + b"X: a\r\n" * FIELDS_MAX + b"\r\n", (431, "too_many_fields")),
    "a field that is too long": (GET + b"X: " + b"a" * LINE_OCTETS_MAX + b"\r\n\r\n", (431, "field_too_large")),
    "a head that is too long": (GET + b"X: a\r\n" * (HEAD_OCTETS_MAX // 6), (431, "header_too_large")),
    "a request line that is too long": (b"GET /" + b"a" * LINE_OCTETS_MAX, (414, "uri_too_long")),
    "a request line of its own length": (b"GET /" + b"a" * LINE_OCTETS_MAX + b" HTTP/1.1\r\n", (414, "uri_too_long")),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", (400, "no_host")),
    "two Hosts": (GET + b"Host: b\r\n\r\n", (400, "field_said_twice")),
    "HTTP/0.9": (b"GET /\r\n\r\n", (400, "bad_request_line")),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, "http_version_not_supported")),
    "two blanks in the request line": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_line")),
    "a method that is no token": (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_line")),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400, "nul_octet")),
    "an absolute-form target": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "an authority-form target": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "an asterisk for GET": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "path traversal": (b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "path traversal, encoded": (b"GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "an encoded slash": (b"GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "an encoded backslash": (b"GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "an encoded NUL": (b"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "a path that is no UTF-8": (b"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "half an escape": (b"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "a fragment": (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", (400, "bad_request_target")),
    "too long a query": (
        b"GET /?" + b"a&" * (PAIRS_MAX + 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        (400, "bad_request_target"),
    ),
    "a chunk extension without end": (CHUNKED + b"3;" + b"x" * 300, (400, "bad_chunk")),
    "chunk extensions without end": (CHUNKED + (b"1;" + b"x" * 240 + b"\r\na\r\n") * 80, (400, "bad_chunk")),
    "a blank before a chunk extension": (CHUNKED + b"3 ;x\r\nabc\r\n", (400, "bad_chunk")),
    "a CR in a chunk extension": (CHUNKED + b"3;x\ry\r\nabc\r\n", (400, "bad_chunk")),
    "a chunk line that ends with LF": (CHUNKED + b"3\nabc\r\n", (400, "bad_chunk")),
    "a chunk that is longer than it says": (CHUNKED + b"3\r\nabcd\r\n", (400, "bad_chunk")),
    "a chunk of a negative size": (CHUNKED + b"-3\r\nabc\r\n", (400, "bad_chunk")),
    "a chunk of an absurd size": (CHUNKED + b"fffffffffffff\r\n", (413, "content_too_large")),
    "a chunk size of seventeen digits": (CHUNKED + b"10000000000000003\r\nabc\r\n", (400, "bad_chunk")),
    "a chunk size with 0x": (CHUNKED + b"0x3\r\nabc\r\n", (400, "bad_chunk")),
    "a trailer that ends with LF": (CHUNKED + b"0\r\nX: a\n\n", (400, "bad_chunk")),
    "a trailer that is folded": (CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n", (400, "bad_chunk")),
    "trailers without end": (CHUNKED + b"0\r\n" + b"X: a\r\n" * 1000, (400, "bad_chunk")),
    "a body that is cut off": (POST + b"Content-Length: 3\r\n\r\nab", (400, "request_cut_off")),
    "chunks that are cut off": (CHUNKED + b"3\r\nabc\r\n", (400, "request_cut_off")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_the_connection_closed(name: str) -> None:
    octets, (status, code) = REFUSED[name]
    for step in (1, 1000, len(octets)):
        events, said = conversation(octets + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n" * ("cut off" not in name), step)
        broken = events[-1]
        assert isinstance(broken, Broken)
        assert not any(isinstance(event, Begun) and event.request.path == "/next" for event in events)
        head, _, body = said.rpartition(b"\r\n\r\n")
        last = head[head.rindex(b"HTTP/1.1 ") :]
        assert last.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nconnection: close\r\n" in last.lower()
        assert msgspec.json.decode(body, type=Errors).errors[0].code == code


TAKEN = {
    "an empty line before it": (b"\r\n" + GET + b"\r\n", "/", b""),
    "optional blanks around a value": (b"GET / HTTP/1.1\r\nHost:  a\t\r\n\r\n", "/", b""),
    "an empty value": (GET + b"X:\r\n\r\n", "/", b""),
    "octets above 127 in a value": (GET + b"X: \xfc\r\n\r\n", "/", b""),
    "HTTP/1.0 without Host": (b"GET / HTTP/1.0\r\n\r\n", "/", b""),
    "an escape": (b"GET /%41%c3%bc HTTP/1.1\r\nHost: a\r\n\r\n", "/Aü", b""),
    "an escaped percent sign, decoded once": (b"GET /%252f HTTP/1.1\r\nHost: a\r\n\r\n", "/%2f", b""),
    "dots that do not climb": (b"GET /..a/.b/... HTTP/1.1\r\nHost: a\r\n\r\n", "/..a/.b/...", b""),
    "the asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", b""),
    "a body": (POST + b"Content-Length: 3\r\n\r\nabc", "/", b"abc"),
    "chunks": (CHUNKED + b"2\r\nab\r\n0001\r\nc\r\n0\r\n\r\n", "/", b"abc"),
    "a chunk extension": (CHUNKED + b'3;a="b c"\r\nabc\r\n0;x\r\n\r\n', "/", b"abc"),
    "a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nX: a\r\n\r\n", "/", b"abc"),
    "Chunked in capitals": (CHUNKED.replace(b"chunked", b"Chunked") + b"3\r\nabc\r\n0\r\n\r\n", "/", b"abc"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name: str) -> None:
    octets, path, body = TAKEN[name]
    events, _ = conversation(octets, 3)
    begun = events[0]
    assert isinstance(begun, Begun)
    assert begun.request.path == path
    assert [event.octets for event in events if isinstance(event, Part)] == ([body] if body else [])
    assert any(isinstance(event, Ended) for event in events) == bool(body)


def test_query_is_decoded_pair_by_pair() -> None:
    events, _ = conversation(b"GET /?a=b%26c&d&=e&f+g=%2B&&a=2 HTTP/1.1\r\nHost: a\r\n\r\n", 1000)
    begun = events[0]
    assert isinstance(begun, Begun)
    assert begun.request.query == (("a", "b&c"), ("d", ""), ("", "e"), ("f g", "+"), ("a", "2"))
    assert begun.request.queried("a") == "b&c"


@pytest.mark.parametrize("octets", [POST + b"Content-Length: 4\r\n\r\n", CHUNKED + b"2\r\nab\r\n2\r\n"])
def test_a_body_is_refused_by_what_it_declares(octets: bytes) -> None:
    events, said = conversation(octets, 1, body_octets_max=3)
    assert isinstance(events[-1], Broken)
    assert said.startswith(b"HTTP/1.1 413 ")


def test_nothing_is_parsed_behind_a_request_that_has_no_answer_yet() -> None:
    server = Server()
    server.receive(GET + b"\r\n" + b"GET / HTTP/1.1\nHost: a\n\n")
    assert isinstance(server.next_event(), Begun)
    assert server.state is State.ANSWER
    assert server.next_event() is None
