"""The console protocol: the conversations of docs/protocols/console.md, and laws over any octets."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from momentum_trio.protocol.console import strategies
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.client import State as ClientState
from momentum_trio.protocol.console.frame import (
    CANDIDATES_MAX,
    FRAME_OCTETS_MAX,
    LINE_CHARACTERS_MAX,
    WORD_CHARACTERS_MAX,
    Authenticate,
    Banner,
    Bye,
    Challenge,
    ClientFrames,
    Command,
    Complete,
    Completions,
    End,
    Farewell,
    Hello,
    LocalProtocolError,
    Part,
    Refused,
    RemoteProtocolError,
    ServerFrames,
    Welcome,
    encode,
)
from momentum_trio.protocol.console.server import Server
from momentum_trio.protocol.sasl import directives
from momentum_trio.protocol.sasl import strategies as sasl
from momentum_trio.protocol.sasl.digest_md5 import DigestMd5Server, digest_of
from momentum_trio.protocol.sasl.mechanism import MECHANISMS, Failed, Proved, ServerSide
from momentum_trio.protocol.sasl.mechanism import Challenge as SaslChallenge

PAGE = (Path(__file__).parents[3] / "docs/protocols/console.md").read_text(encoding="utf-8")
BANNER = Banner((1,), "ecelerity", "0.1.0")
HELLO = encode(Hello(1))
Said = list[tuple[str, bytes]]


def vectors(kind: str) -> list[Said]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert blocks
    return [[(line[0], line[3:].encode() + b"\n") for line in block.splitlines()] for block in blocks]


def server_frame(octets: bytes) -> ServerFrames:
    frame: ServerFrames = msgspec.json.decode(octets, type=ServerFrames)
    return frame


def client_frame(octets: bytes) -> ClientFrames:
    frame: ClientFrames = msgspec.json.decode(octets, type=ClientFrames)
    return frame


def say(server: Server, frame: ServerFrames) -> None:
    """Have *server* say what the vector has."""
    match frame:
        case Banner():
            server.begin()
        case Part():
            server.part(frame.text)
        case End():
            server.end(frame.status, confidential=frame.confidential)
        case Completions():
            server.complete(frame.start, frame.candidates)
        case Challenge():
            server.challenge(frame.challenge)
        case Welcome():
            server.welcome(frame.user)
        case Refused():
            server.refuse(frame.why)
        case Farewell():
            server.farewell(frame.why, broken=frame.broken)


@pytest.mark.parametrize("said", vectors("conversation"))
def test_the_server_holds_the_conversations_of_the_page(said: Said) -> None:
    first = server_frame(said[0][1])
    server = Server(first if isinstance(first, Banner) else BANNER)
    for who, octets in said:
        if who == "S":
            say(server, server_frame(octets))
            assert server.octets_to_send() == octets
        else:
            server.receive(octets)
            event, frame = server.next_event(), client_frame(octets)
            assert event == (frame if isinstance(frame, Command | Complete | Authenticate) else None)
    assert server.closed == (
        type(frame) in (Bye, Farewell) if who == "C" else isinstance(server_frame(octets), Farewell)
    )
    assert not server.problem


@pytest.mark.parametrize("said", vectors("conversation"))
def test_the_client_holds_the_conversations_of_the_page(said: Said) -> None:
    hellos = [frame for who, octets in said if who == "C" and isinstance(frame := client_frame(octets), Hello)]
    client = Client(hellos[0].client if hellos else "")
    for who, octets in said:
        if who == "S":
            client.receive(octets)
            assert client.next_event() == server_frame(octets)
            continue
        match frame := client_frame(octets):
            case Command():
                assert client.command(frame.line, frame.form) == frame.request
            case Complete():
                assert client.complete(frame.line) == frame.request
            case Authenticate():
                client.authenticate(frame.response, frame.mechanism)
            case Bye():
                client.bye()
        assert client.octets_to_send() == octets


def test_the_digests_of_the_page_are_right() -> None:
    said = next(
        said for said in vectors("conversation") if any(b'"mechanism":"DIGEST-MD5"' in frame for _, frame in said)
    )
    digest = digest_of("ann", "Momentum Console", "secret")
    challenge = msgspec.json.decode(said[3][1])["challenge"]
    pairs = directives.parse(base64.b64decode(challenge))
    server = DigestMd5Server({"ann": digest}, pairs["realm"], "console/mx1", pairs["nonce"])
    for (_, asked), (_, answered) in zip(said[2::2], said[3::2], strict=True):
        step = server.step(base64.b64decode(msgspec.json.decode(asked)["response"]))
        match server_frame(answered):
            case Challenge(octets):
                assert step == SaslChallenge(base64.b64decode(octets))
            case Welcome(user):
                assert step == Proved(user)


@pytest.mark.parametrize("said", vectors("breach"))
def test_a_breach_is_told_before_the_close(said: Said) -> None:
    server = Server(BANNER)
    server.begin()
    server.octets_to_send()
    for _, octets in said[:-1]:
        server.receive(octets)
    assert server.next_event() is None
    assert server.octets_to_send() == said[-1][1]
    assert server.closed
    assert server.problem


def test_bounds_of_the_page_are_those_of_the_code() -> None:
    for bound in (FRAME_OCTETS_MAX, LINE_CHARACTERS_MAX, WORD_CHARACTERS_MAX, CANDIDATES_MAX):
        assert f"| {bound:,}" in PAGE


def greeted() -> Server:
    server = Server(BANNER)
    server.begin()
    server.receive(HELLO)
    assert server.next_event() is None
    server.octets_to_send()
    return server


@pytest.mark.parametrize(("length", "taken"), [(FRAME_OCTETS_MAX, True), (FRAME_OCTETS_MAX + 1, False)])
@pytest.mark.parametrize("whole", [True, False])
def test_a_frame_is_as_long_as_is_allowed_and_no_longer(length: int, *, taken: bool, whole: bool) -> None:
    server = greeted()
    frame = encode(Command(1, "pid"))[:-1]
    padded = frame + b" " * (length - len(frame))
    server.receive(padded + b"\n" if whole else padded)
    event = server.next_event()
    assert server.closed is not taken
    assert event == (Command(1, "pid") if taken and whole else None)


@pytest.mark.parametrize("character", ["a", "\0", "\N{PILE OF POO}", "\x7f", '"'])
def test_the_longest_strings_of_any_character_fit_into_frames(character: str) -> None:
    client = Client("")
    client.receive(encode(BANNER))
    client.next_event()
    client.command(character * LINE_CHARACTERS_MAX)
    server = greeted()
    server.receive(client.octets_to_send().removeprefix(HELLO))
    server.next_event()
    text = character * (3 * LINE_CHARACTERS_MAX + 1)
    server.part(text)
    server.end("ok")
    client.receive(server.octets_to_send())
    parts = []
    while isinstance(event := client.next_event(), Part):
        parts.append(event.text)
    assert event == End(1, "ok", 4)
    assert "".join(parts) == text


def test_more_candidates_than_fit_are_counted_out() -> None:
    server = greeted()
    server.receive(encode(Complete(1, "")))
    server.next_event()
    server.complete(0, tuple("\0" * WORD_CHARACTERS_MAX for _ in range(1000)))
    answer = server_frame(server.octets_to_send())
    assert isinstance(answer, Completions)
    assert answer.more
    assert 1 < len(answer.candidates) < CANDIDATES_MAX


def test_text_that_is_no_utf8_is_shown_as_question_marks() -> None:
    server = greeted()
    server.receive(encode(Command(1, "pid")))
    server.next_event()
    server.part(b"caf\xe9".decode("utf-8", "surrogateescape"))
    assert server_frame(server.octets_to_send()) == Part(1, "caf?")


def test_requests_sent_ahead_wait_and_a_half_closed_client_is_answered() -> None:
    server = greeted()
    server.receive(encode(Command(1, "a")) + encode(Command(2, "b")))
    server.receive(b"")
    for request, line in ((1, "a"), (2, "b")):
        assert server.next_event() == Command(request, line)
        assert server.next_event() is None
        assert not server.closed
        server.end("ok")
    assert server.next_event() is None
    assert server.closed
    assert not server.problem


def test_answers_out_of_turn_are_our_fault() -> None:
    server = greeted()
    with pytest.raises(LocalProtocolError):
        server.end("ok")
    with pytest.raises(LocalProtocolError):
        server.complete(0, ())
    client = Client("")
    with pytest.raises(LocalProtocolError):
        client.command("too early")


@pytest.mark.parametrize(
    "said",
    [
        [Part(1, "nobody asked")],
        [BANNER],
        [Welcome("ann")],
    ],
)
def test_a_server_that_answers_what_was_not_asked_is_not_believed(said: list[ServerFrames]) -> None:
    client = Client("")
    client.receive(encode(BANNER) + b"".join(map(encode, said)))
    assert client.next_event() == BANNER
    with pytest.raises(RemoteProtocolError):
        client.next_event()
    assert client.closed
    assert client.next_event() is None


@pytest.mark.parametrize(
    "said",
    [
        encode(Part(2, "of another request")),
        encode(Part(1, "one of two")) + encode(End(1, "ok", 2)),
        encode(Part(1, "and then nothing")),
        b'{"frame":"part","req',
        encode(Completions(1, 0)),
    ],
)
def test_a_reply_cut_short_or_mixed_up_is_noticed(said: bytes) -> None:
    client = Client("")
    client.receive(encode(BANNER))
    client.next_event()
    client.command("pid")
    client.receive(said)
    client.receive(b"")
    with pytest.raises(RemoteProtocolError):
        list(iter(client.next_event, None))


def test_a_server_of_another_version_is_refused() -> None:
    client = Client("")
    client.receive(encode(Banner((3, 2), "ecelerity", "9")))
    with pytest.raises(RemoteProtocolError, match="speaks protocol 3, 2"):
        client.next_event()


def test_a_line_that_cannot_be_sent_is_said_at_once() -> None:
    client = Client("")
    client.receive(encode(BANNER))
    client.next_event()
    with pytest.raises(ValueError, match="at most"):
        client.command("x" * (LINE_CHARACTERS_MAX + 1))
    with pytest.raises(ValueError, match="no UTF-8"):
        client.command("\udcff")
    assert client.state is ClientState.READY


def served(pieces: list[bytes]) -> tuple[list[object], bytes, str]:
    """Feed a server and answer all it asks; what happened, for comparison."""
    server, events = Server(BANNER), list[object]()
    server.begin()
    for octets in [*pieces, b""]:
        server.receive(octets)
        while (event := server.next_event()) is not None:
            events.append(event)
            match event:
                case Command():
                    server.part(event.line)
                    server.end("ok")
                case Complete():
                    server.complete(0, (event.line,))
    assert server.closed
    return events, server.octets_to_send(), server.problem


@given(strategies.client_streams, strategies.cuts)
@example(encode(Hello(1)) + encode(Command(1, "é")) + b"x", [3, 60, 61])
def test_any_octets_cut_anywhere_give_one_outcome(octets: bytes, places: list[int]) -> None:
    whole = served([octets] if octets else [])
    assert served(strategies.pieces(octets, places)) == whole
    assert all(map(server_frame, whole[1].splitlines()))


def learnt(pieces: list[bytes]) -> tuple[list[object], str]:
    client, events = Client(""), list[object]()
    try:
        for octets in [*pieces, b""]:
            client.receive(octets)
            while (event := client.next_event()) is not None:
                events.append(event)
                if client.state is ClientState.READY:
                    client.command("pid")
                elif client.state is ClientState.STRANGER:
                    client.authenticate("")
    except RemoteProtocolError as error:
        return events, str(error)
    return events, ""


@given(strategies.server_streams, strategies.cuts)
def test_a_client_takes_any_octets_cut_anywhere_and_raises_its_own_error_alone(
    octets: bytes, places: list[int]
) -> None:
    assert learnt(strategies.pieces(octets, places)) == learnt([octets] if octets else [])


ENTRY = Banner((1,), "ecelerity", "0.1.0", node="mx1", mechanisms=MECHANISMS)
SECRETS = {"ann": "secret"}


def let_in(pieces: list[bytes]) -> tuple[list[object], bytes]:
    """Feed a server that demands authentication; what happened. Nothing is asked of it before somebody is proved."""
    server, events = Server(ENTRY), list[object]()
    dialogue: ServerSide | None = None
    user = ""
    server.begin()
    for octets in [*pieces, b""]:
        server.receive(octets)
        while (event := server.next_event()) is not None:
            events.append(event)
            if not isinstance(event, Authenticate):
                assert user == "ann"
                server.farewell("enough")
                continue
            if event.mechanism in MECHANISMS:
                dialogue = sasl.server_side(event.mechanism, SECRETS)
            step = Failed() if dialogue is None else dialogue.step(decoded(event.response))
            dialogue = dialogue if isinstance(step, SaslChallenge) else None
            match step:
                case SaslChallenge(said):
                    server.challenge(base64.b64encode(said).decode())
                case Proved(user):
                    server.welcome(user)
                case Failed():
                    server.refuse("no")
    return events, server.octets_to_send()


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


said_by_clients = st.sampled_from([b"", b"ann", b"secret", b"wrong", b"\xff"]).map(
    lambda o: base64.b64encode(o).decode()
)
entries = st.builds(
    Authenticate, st.sampled_from(["", "", *MECHANISMS, "PLAIN"]), said_by_clients | st.text(max_size=9)
)
entry_streams = st.lists(entries | strategies.client_frames, max_size=8).map(
    lambda frames: HELLO + b"".join(map(encode, frames))
)


@given(entry_streams, strategies.cuts)
@example(
    HELLO
    + encode(Authenticate("LOGIN", "YW5u"))
    + encode(Authenticate("", "d3Jvbmc="))
    + encode(Authenticate("LOGIN", "YW5u"))
    + encode(Authenticate("", "c2VjcmV0"))
    + encode(Command(1, "pid")),
    [50, 100, 150, 200, 250],
)
def test_nothing_is_asked_before_the_proof_in_any_order_and_however_it_is_cut(octets: bytes, places: list[int]) -> None:
    assert let_in(strategies.pieces(octets, places)) == let_in([octets])


def test_the_example_gets_in() -> None:
    said = [Authenticate("LOGIN", "YW5u"), Authenticate("", "c2VjcmV0"), Command(1, "pid")]
    assert let_in([HELLO + b"".join(map(encode, said))])[0] == said
