"""Both forms of the client against a server over loopback: what is injected, and what comes of it when things break."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import pytest
import trio
from ecstream_server import DEAF, ERROR, OK, PASSWORD, RESET, SMALL, Act, EcstreamServer

from momentum_trio.client import ecstream, ecstream_blocking
from momentum_trio.client.ecstream import InjectionError, Message, NotAdmittedError, Recipient, Result, Terms, Tls
from momentum_trio.machine.os_tls import make_context
from momentum_trio.mail.reply import Reply
from momentum_trio.net.tls_terms import TlsTerms
from momentum_trio.protocol.ecstream.batch import Message as Carried
from momentum_trio.protocol.ecstream.batch import Recipient as CarriedTo
from sim.certificates import AUTHORITY, HERE, SERVER, SERVER_KEY

QUICK = Terms(pause_seconds=0.01, attempts_max=3, connect_seconds=5.0, silence_seconds=5.0)
AUTHORITIES = str(HERE / AUTHORITY)

Send = Callable[[Sequence[Message]], Awaitable[list[Result]]]
Form = Callable[[int, Terms], AbstractAsyncContextManager[Send]]


@asynccontextmanager
async def on_trio(port: int, terms: Terms, host: str = "127.0.0.1") -> AsyncIterator[Send]:
    async with ecstream.connect(host, port, terms) as injector:
        yield injector.send


@asynccontextmanager
async def blocking(port: int, terms: Terms, host: str = "127.0.0.1") -> AsyncIterator[Send]:
    """The blocking form, in a worker thread."""
    injector = await trio.to_thread.run_sync(ecstream_blocking.connect, host, port, terms)

    async def send(messages: Sequence[Message]) -> list[Result]:
        return await trio.to_thread.run_sync(injector.send, messages)

    try:
        yield send
    finally:
        await trio.to_thread.run_sync(injector.__exit__, None, None, None)


both_forms = pytest.mark.parametrize("connect", [on_trio, blocking])


@asynccontextmanager
async def serving(server: EcstreamServer) -> AsyncIterator[EcstreamServer]:
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield server
        nursery.cancel_scope.cancel()


def mail(count: int, octets: int = 100, first: int = 0) -> list[Message]:
    """Messages, each with a content of its own."""
    return [
        Message("ann@a.example", [f"bob{n}@b.example"], b"Subject: %d\r\n\r\n" % n + b"x" * octets)
        for n in range(first, first + count)
    ]


def arrived(server: EcstreamServer) -> list[bytes]:
    return sorted(taken.content for taken in server.messages)


def wanted(messages: Sequence[Message]) -> list[bytes]:
    return sorted(message.content for message in messages)


@both_forms
async def test_results_are_of_each_message_and_recipient(connect: Form) -> None:
    content = b"Subject: a\r\n\r\nb\r\n"
    async with serving(EcstreamServer()) as server, connect(server.port, QUICK) as send:
        one = Message(
            "", ["bob@b.example", Recipient("nobody@b.example", "NOTIFY=NEVER")], content, context=[("a", "b")]
        )
        other = Message("ann@a.example", ["nobody@b.example"], content, "BODY=8BITMIME")
        first, second = await send([one, other])
    refused = Reply.of("550 5.1.1 no such mailbox")
    assert (first.id, first.reply, first.replies, first.taken) == ("id-1", OK, (OK, refused), False)
    assert (second.id, second.refused) == ("", {0: refused})
    (taken,) = server.messages
    assert (taken.message.reverse_path, taken.message.context, taken.content) == (b"", ((b"a", b"b"),), content)
    assert taken.message.recipients[1].parameters == b"NOTIFY=NEVER"


@both_forms
async def test_many_messages_go_in_batches_ahead_of_results(connect: Form) -> None:
    messages = mail(1000)
    async with serving(EcstreamServer(acts=[Act(held=2)])) as server, connect(server.port, QUICK) as send:
        results = await send(messages)
        assert await send([]) == []
    assert [result.id for result in results if result.taken] != sorted({result.id for result in results})  # any order
    assert len({result.id for result in results}) == 1000
    assert arrived(server) == wanted(messages)
    assert max(server.batches) <= 100
    assert server.connections == 1


@both_forms
async def test_content_that_is_shared_goes_once_and_large_content_in_chunks(connect: Form) -> None:
    large = b"".join(b"%020d\r\n" % n for n in range(20_000))  # 440,000 octets, through a window of 65,536
    messages = [Message("", [f"bob{n}@b.example"], large) for n in range(3)] + mail(2)
    async with serving(EcstreamServer()) as server, connect(server.port, QUICK) as send:
        results = await send(messages)
    assert [result.taken for result in results] == [True] * 5
    assert arrived(server) == wanted(messages)
    assert server.batches == [5]
    assert server.credit_lowest < 16384  # it was used as far as it went


@both_forms
@pytest.mark.parametrize("ending", [RESET, ERROR])
async def test_a_server_that_ends_in_the_middle_gets_the_rest_once_more(connect: Form, ending: str) -> None:
    """It had custody of all it had heard, and did not say so: by their keys it recognizes them."""
    messages = mail(600)
    acts = [Act(answers_max=1, ending=ending), Act(answers_max=2, ending=ending)]
    async with serving(EcstreamServer(acts=acts)) as server, connect(server.port, QUICK) as send:
        results = await send(messages)
    assert all(result.taken for result in results)
    assert server.connections == 3
    assert arrived(server) == wanted(messages)


@both_forms
async def test_what_was_not_begun_is_sent_again_without_a_second_copy(connect: Form) -> None:
    """The server takes no keys: only what its error says keeps the rest from coming twice."""
    messages = mail(400)
    acts = [Act(answers_max=1, ending=ERROR, forgets=True, held=2)]
    terms = SMALL._replace(key_seconds=0)
    async with serving(EcstreamServer(terms=terms, acts=acts)) as server, connect(server.port, QUICK) as send:
        results = await send(messages)
    assert all(result.taken for result in results)
    assert server.connections == 2
    assert arrived(server) == wanted(messages)
    assert not any(taken.message.key for taken in server.messages)


@both_forms
async def test_what_is_given_up_says_which_messages_are_in_doubt(connect: Form) -> None:
    messages = mail(350)
    acts = [Act(answers_max=1, ending=RESET)] + [Act(no_hello=True)] * 9
    async with serving(EcstreamServer(acts=acts)) as server, connect(server.port, QUICK) as send:
        with pytest.raises(InjectionError) as given_up:
            await send(messages)
        failure = given_up.value
        solved = [place for place, result in enumerate(failure.results) if result is not None]
        assert solved
        assert failure.in_doubt
        assert sorted([*solved, *failure.in_doubt, *failure.unbegun]) == list(range(350))
        assert f"{len(failure.in_doubt)} messages in doubt, {len(failure.unbegun)} not taken" in str(failure)
        there = {taken.content for taken in server.messages}
        assert not there & {messages[place].content for place in failure.unbegun}
        server.acts.clear()
        assert [result.taken for result in await send(mail(1, first=1000))] == [True]  # and it may be used again


SILENT = [Act(answers_max=0, ending=DEAF)]


async def test_a_server_that_says_nothing_any_more_is_left(jumping_clock: object) -> None:
    async with serving(EcstreamServer(acts=[*SILENT])) as server:
        async with on_trio(server.port, Terms(silence_seconds=60.0)) as send:
            began = trio.current_time()
            assert all(result.taken for result in await send(mail(10)))
            assert 60 < trio.current_time() - began < 63
    assert server.connections == 2


async def test_a_server_that_says_nothing_any_more_is_left_by_who_blocks() -> None:
    terms = Terms(pause_seconds=0.01, silence_seconds=0.3, keepalive_seconds=0.1)
    async with serving(EcstreamServer(acts=[*SILENT])) as server, blocking(server.port, terms) as send:
        assert all(result.taken for result in await send(mail(10)))
    assert server.connections >= 2


async def test_a_slow_server_is_waited_for(jumping_clock: object) -> None:
    async with serving(EcstreamServer(pauses=50.0)) as server:
        async with on_trio(server.port, Terms(silence_seconds=120.0)) as send:
            assert all(result.taken for result in await send(mail(500)))
    assert server.connections == 1


@pytest.mark.parametrize(("keepalive_seconds", "connections"), [(30.0, 1), (1000.0, 2)])
async def test_a_connection_that_rests(jumping_clock: object, keepalive_seconds: float, connections: int) -> None:
    """The server waits for 300 seconds: it hears of us, or the next call makes another connection."""
    async with serving(EcstreamServer()) as server:
        async with on_trio(server.port, Terms(keepalive_seconds=keepalive_seconds)) as send:
            await send(mail(1))
            await trio.sleep(1200)
            assert [result.taken for result in await send(mail(1, first=1))] == [True]
    assert server.connections == connections


@both_forms
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_authentication(connect: Form, password: str) -> None:
    terms = Terms(user="ann", password=password)
    async with serving(EcstreamServer(users={"ann": PASSWORD})) as server:
        if password == PASSWORD:
            async with connect(server.port, terms) as send:
                await send(mail(1))
            assert server.authenticated == ["ann by CRAM-MD5"]
        else:
            with pytest.raises(NotAdmittedError, match="authentication failed: no such user or password"):
                async with connect(server.port, terms):
                    pass
            assert server.connections == 1


@both_forms
async def test_who_should_have_authenticated_learns_it_at_once(connect: Form) -> None:
    async with serving(EcstreamServer(users={"ann": PASSWORD})) as server, connect(server.port, QUICK) as send:
        with pytest.raises(NotAdmittedError, match="2 not taken: the connection ended: authenticate first"):
            await send(mail(2))
    assert server.connections == 1


@both_forms
async def test_tls(connect: Form) -> None:
    context = make_context(TlsTerms(str(HERE / SERVER), str(HERE / SERVER_KEY)))
    terms = Terms(tls=Tls(AUTHORITIES, server_name="mx"), user="ann", password=PASSWORD)
    messages = [*mail(300), *mail(1, octets=300_000, first=300)]
    async with serving(EcstreamServer(tls=context, users={"ann": PASSWORD})) as server:
        async with connect(server.port, terms) as send:
            assert all(result.taken for result in await send(messages))
        assert arrived(server) == wanted(messages)


@both_forms
@pytest.mark.parametrize(
    ("tls", "why"),
    [
        (Tls(AUTHORITIES, server_name="other.example"), "certificate"),
        (Tls(server_name="mx"), "certificate does not do"),
        (Tls("/nowhere.pem"), "TLS: "),
    ],
    ids=["another name", "an unknown issuer", "no file"],
)
async def test_a_server_that_does_not_prove_who_it_is(connect: Form, tls: Tls, why: str) -> None:
    context = make_context(TlsTerms(str(HERE / SERVER), str(HERE / SERVER_KEY)))
    async with serving(EcstreamServer(tls=context)) as server:
        with pytest.raises(NotAdmittedError, match=why):
            async with connect(server.port, Terms(tls=tls)):
                pass
        assert server.connections <= 1


@both_forms
async def test_nobody_listens(connect: Form) -> None:
    with trio.socket.socket() as bound:
        await bound.bind(("127.0.0.1", 0))
        with pytest.raises(InjectionError, match="no connection to 127"):
            async with connect(bound.getsockname()[1], QUICK):
                pass


async def test_tasks_share_a_connection() -> None:
    messages = mail(60)
    async with serving(EcstreamServer()) as server, ecstream.connect("127.0.0.1", server.port, QUICK) as injector:
        async with trio.open_nursery() as nursery:
            for place in range(0, 60, 3):
                nursery.start_soon(injector.send, messages[place : place + 3])
    assert arrived(server) == wanted(messages)
    assert server.connections == 1


async def test_what_the_caller_raises_is_raised_as_it_is() -> None:
    async with serving(EcstreamServer()) as server:
        with pytest.raises(KeyError, match="mine"):
            async with ecstream.connect("127.0.0.1", server.port, QUICK):
                raise KeyError("mine")


async def test_a_call_that_is_cancelled_leaves_the_others_alone() -> None:
    server = EcstreamServer(acts=[Act(held=2)])
    async with serving(server), ecstream.connect("127.0.0.1", server.port, QUICK) as injector:
        with trio.move_on_after(0.1):
            await injector.send(mail(1))
        assert [result.taken for result in await injector.send(mail(1, first=1))] == [True]
        assert server.connections == 1


@both_forms
async def test_a_key_of_the_caller_and_what_no_server_takes(connect: Form) -> None:
    keyed = Message("", ["bob@b.example"], b"x", key="mine")
    terms = SMALL._replace(content_octets=1000)
    async with serving(EcstreamServer(terms=terms)) as server, connect(server.port, QUICK) as send:
        many = Message("", [f"{n:0500}@b.example" for n in range(40)], b"x")
        results = await send([keyed, keyed, Message("", ["bob@b.example"], b"x" * 1001), many])
    assert [str(result.reply)[:9] for result in results] == ["250 2.0.0", "250 2.0.0", "552 5.3.4", "452 4.5.3"]
    assert results[0].id == results[1].id == "id-1"
    terms = SMALL._replace(key_seconds=0)
    async with serving(EcstreamServer(terms=terms)) as server, connect(server.port, QUICK) as send:
        (result,) = await send([keyed])
    assert str(result.reply).startswith("554 5.5.4")


@pytest.mark.parametrize(
    "make",
    [
        partial(Message, "", [], b""),
        partial(Message, "", "bob@b.example", b""),
        partial(Message, "x" * 1025, ["a@b"], b""),
        partial(Message, "", ["a@b"], b"", key="k" * 65),
        partial(Message, "", ["a@b"], b"", context=[("n" * 256, "")]),
        partial(Terms, attempts_max=0),
    ],
)
def test_what_the_protocol_has_no_room_for(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"recipients|too long|1 at least"):
        make()


def test_nobody_is_refused_for_being_carried() -> None:
    message = Message(
        "ä@a.example", ["bob@b.example", Recipient("c@d", "NOTIFY=NEVER")], b"", "SMTPUTF8", [("a", "ö")], "k"
    )
    assert message.encoded == Carried(
        "ä@a.example".encode(),
        (CarriedTo(b"bob@b.example"), CarriedTo(b"c@d", b"NOTIFY=NEVER")),
        0,
        b"SMTPUTF8",
        ((b"a", "ö".encode()),),
        b"k",
    )


def test_the_blocking_form_needs_no_trio() -> None:
    program = "import sys, momentum_trio.client.ecstream_blocking; sys.exit('trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
