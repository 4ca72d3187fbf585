"""The HTTP listener over real sockets: keep-alive, pipelining, bodies, methods, timeouts, generations, the end."""

from __future__ import annotations

import pytest
import trio
from http_host import PLAIN, asking, http_conversation, http_host
from trio.testing import MockClock

from momentum_trio.listener.http_line import HEAD_SECONDS
from momentum_trio.mail.record import Requested
from momentum_trio.protocol.http.server import ALWAYS

JSON = "application/json"


async def test_one_connection_answers_request_after_request_in_their_order() -> None:
    async with http_conversation() as (at, talk):
        for _ in range(3):
            said = await talk.ask("GET", "/healthz")
            assert (said.status, said.content, said.fields["content-length"]) == (200, b"ok\n", "3")
        line = b"GET /item/%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        await talk.say(b"".join(line % number for number in range(5)))
        assert [(await talk.answer()).json for _ in range(5)] == [{"id": str(number)} for number in range(5)]
        assert len(at.connections) == 1
        await at.until(lambda: at.requests[3:] == [("GET", f"/item/{number}", 200) for number in range(5)])


async def test_the_longest_path_answers_and_a_slash_at_its_end_is_optional() -> None:
    async with http_conversation() as (_, talk):
        assert (await talk.ask("GET", "/item/first")).json == ["", None]
        assert (await talk.ask("GET", "/item/first/")).json == ["", None]
        assert (await talk.ask("GET", "/item/first%20")).json == {"id": "first "}
        assert (await talk.ask("GET", "/item/a/")).json == {"id": "a"}
        for nowhere in ("/item", "/item//", "/item/a/b", "//item/a", "/nowhere"):
            assert (await talk.ask("GET", nowhere)).code == "not_found"


async def test_methods_that_a_path_does_not_know_are_told_those_it_does() -> None:
    async with http_conversation() as (_, talk):
        said = await talk.ask("POST", "/item/a", b"{}", content_type=JSON)
        assert (said.status, said.fields["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS")
        said = await talk.ask("OPTIONS", "/echo")
        assert (said.status, said.fields["allow"], said.content) == (204, "OPTIONS, POST", b"")
        assert (await talk.ask("OPTIONS", "*")).status == 204
        assert (await talk.ask("TRACE", "/healthz")).status == 405


async def test_head_is_get_without_content() -> None:
    async with http_conversation() as (_, talk):
        said = await talk.ask("HEAD", "/healthz")
        assert (said.status, said.fields["content-length"], said.content) == (200, "3", b"")
        said = await talk.ask("HEAD", "/parts")
        assert (said.status, said.fields["transfer-encoding"], said.content) == (200, "chunked", b"")
        assert (await talk.ask("GET", "/healthz")).content == b"ok\n"


async def test_an_answer_in_parts_is_chunked_or_ends_with_the_connection() -> None:
    async with http_conversation() as (_, talk):
        said = await talk.ask("GET", "/parts")
        assert (said.fields["transfer-encoding"], said.content) == ("chunked", b"one two three")
        await talk.say(b"GET /parts HTTP/1.0\r\n\r\n")
        said = await talk.answer()
        assert ("transfer-encoding" in said.fields, said.content) == (False, b"one two three")
        assert await talk.is_over()
    async with http_conversation("Disable_Chunked = true") as (_, talk):
        said = await talk.ask("GET", "/parts")
        assert ("transfer-encoding" in said.fields, said.content) == (False, b"one two three")
        assert said.fields["connection"] == "close"


async def test_a_client_that_waits_to_go_on_is_told_when_somebody_listens() -> None:
    async with http_conversation() as (_, talk):
        head = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: 2\r\n"
        await talk.say(head % b"application/json" + b"Expect: 100-continue\r\n\r\n")
        assert await talk.stream.receive_some(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await talk.say(b"{}")
        assert (await talk.answer()).content == b"{}"
        await talk.say(head % b"text/plain" + b"Expect: 100-continue\r\n\r\n")
        said = await talk.answer()
        assert (said.status, said.fields["connection"]) == (415, "close")
        assert await talk.is_over()


async def test_a_small_body_that_nobody_reads_is_passed_over_and_a_large_one_ends_the_connection() -> None:
    async with http_conversation() as (_, talk):
        assert (await talk.ask("POST", "/nowhere", b"x" * 1000)).status == 404
        assert (await talk.ask("GET", "/healthz")).status == 200
        said = await talk.ask("POST", "/nowhere", b"x" * 200_000)
        assert (said.status, said.fields["connection"]) == (404, "close")
        assert await talk.is_over()


async def test_who_leaves_in_a_body_that_nobody_reads_hears_nothing_more() -> None:
    async with http_conversation() as (at, talk):
        await talk.say(b"POST /nowhere HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 10\r\n\r\nab")
        assert (await talk.answer("POST")).status == 404
        await talk.stream.send_eof()  # type: ignore[attr-defined]
        assert await talk.is_over()
        assert not at.faults


async def test_a_request_that_breaks_while_it_is_answered_leaves_its_answer_unfinished() -> None:
    async with http_conversation() as (at, talk):
        await talk.say(b"PUT /mirror HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n")
        await talk.say(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx\r\n")
        octets = b""
        while received := await talk.stream.receive_some(1000):
            octets += received
        assert octets.startswith(b"HTTP/1.1 200 ")
        assert octets.endswith(b"\r\n\r\n2\r\nab\r\n")  # no last chunk
        assert not at.faults


@pytest.mark.parametrize("coding", ["declared", "chunked"])
async def test_max_request_size_holds_before_and_while_a_body_comes(coding: str) -> None:
    async with http_conversation("Max_Request_Size = 2000") as (_, talk):
        chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        head = b"PUT /count HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        await talk.say(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2 + b"0\r\n\r\n")
        assert (await talk.answer()).content == b"2000"
        if coding == "declared":
            await talk.say(head + b"Content-Length: 2001\r\n\r\n")
        else:
            await talk.say(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
        said = await talk.answer()
        assert (said.status, said.code, said.fields["connection"]) == (413, "content_too_large", "close")
        assert await talk.is_over()


async def test_a_route_takes_no_more_than_it_asks_for() -> None:
    async with http_conversation() as (_, talk):
        assert (await talk.ask("POST", "/echo", b"x" * 1000, content_type=JSON)).status == 200
        said = await talk.ask("POST", "/echo", b"x" * 1001, content_type=JSON)
        assert (said.status, said.code) == (413, "content_too_large")


async def test_every_answer_says_what_a_browser_may_do_with_it() -> None:
    async with http_conversation() as (_, talk):
        for said in (
            await talk.ask("GET", "/healthz"),
            await talk.ask("GET", "/nowhere"),
            await talk.ask("GET", "/parts"),
            await talk.ask("GET", "http://a/"),
        ):
            assert {f"{name}: {value}" for name, value in said.all_fields} >= set(ALWAYS)
            assert said.fields["cache-control"] == "no-store"
            assert said.fields["date"].endswith(" GMT")


async def test_the_httplog_has_a_line_for_whatever_was_answered() -> None:
    async with http_conversation() as (at, talk):
        said = await talk.ask("GET", "/healthz?a=b")
        await talk.say(b"GET / HTTP/1.1\nHost: a\n\n")
        assert (await talk.answer()).code == "bare_lf"
        await at.until(lambda: at.requests == [("GET", "/healthz?a=b", 200), ("", "", 400)])
        first = next(record for record in at.records if isinstance(record, Requested))
        assert (first.endpoint, first.peer[:10], first.version) == ("127.0.0.1:2081", "127.0.0.1:", "1.1")
        assert first.octets > len(said.content)
        assert not first.is_for_paniclog


async def test_a_fault_of_ours_ends_the_connection_and_is_recorded() -> None:
    async with http_conversation() as (at, talk):
        await talk.say(b"GET /fault HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert await talk.is_over()
        await at.until(lambda: at.requests == [("GET", "/fault", 500)])
        assert at.connections[0].in_clear  # so that accept.py may say that it was a fault
        assert at.faults


async def test_new_options_hold_from_the_next_request_on() -> None:
    async with http_conversation() as (at, talk):
        assert (await talk.ask("POST", "/echo", b"x" * 10, content_type=JSON)).status == 200
        at.configure(PLAIN % "Max_Request_Size = 5")
        assert (await talk.ask("POST", "/echo", b"x" * 10, content_type=JSON)).status == 413


async def test_a_listen_that_is_gone_answers_nothing_more() -> None:
    async with http_conversation() as (at, talk):
        assert (await talk.ask("GET", "/healthz")).status == 200
        at.configure('HTTP_Listener { Listen "192.0.2.1:2081" { } }')
        said = await talk.ask("GET", "/healthz")
        assert (said.status, said.fields["connection"]) == (503, "close")


async def test_a_drain_ends_who_rests_and_lets_the_others_finish() -> None:
    async with http_host() as at, asking(at) as resting, asking(at) as busy:
        assert (await resting.ask("GET", "/healthz")).status == 200
        await busy.say(b"GET /slow?seconds=0.1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await at.until(lambda: at.connections[1].doing is not None and at.connections[1].doing().floating)
        at.drain()
        assert await resting.is_over()
        said = await busy.answer()
        assert (said.content, said.fields["connection"]) == (b"slow", "close")
        assert await busy.is_over()
        await at.until(lambda: [connection.why for connection in at.connections] == ["drain", "drain"])


async def test_silence_between_requests_ends_the_connection_without_a_word(autojump_clock: MockClock) -> None:
    async with http_conversation("Idle_Time = 60") as (at, talk):
        talk.patience_seconds = 1000
        assert (await talk.ask("GET", "/healthz")).status == 200
        began = trio.current_time()
        assert await talk.is_over()
        assert 60 <= trio.current_time() - began <= 62
        assert (at.connections[0].why, len(at.requests)) == ("idle", 1)


@pytest.mark.parametrize(
    ("octets", "seconds", "pause"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100, HEAD_SECONDS, 1.0),
        (
            b"PUT /count HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\na",
            60,
            100,
        ),
    ],
)
async def test_a_slow_request_is_answered_408(
    octets: bytes, seconds: float, pause: float, autojump_clock: MockClock
) -> None:
    async with http_conversation("Idle_Time = 60") as (at, talk):
        talk.patience_seconds = 1000
        began = trio.current_time()
        head, tail = octets[:-100], octets[-100:]
        await talk.say(head)
        with trio.move_on_after(seconds - 1):
            for octet in tail:
                await talk.say(bytes([octet]))
                await trio.sleep(pause if pause < seconds else 0)
        said = await talk.answer()
        assert (said.status, said.code) == (408, "request_timeout")
        assert seconds <= trio.current_time() - began <= seconds + 2
        assert await talk.is_over()
        assert [status for _, _, status in at.requests] == [408]
        assert at.connections[0].why == "idle"


async def test_our_own_time_is_not_the_clients(autojump_clock: MockClock) -> None:
    async with http_conversation("Idle_Time = 10") as (_, talk):
        talk.patience_seconds = 1000
        assert (await talk.ask("GET", "/slow?seconds=100")).content == b"slow"
        assert (await talk.ask("GET", "/healthz")).status == 200
