"""ECCluster's messages and the conversation by which mail moves, octet by octet (docs/protocols/eccluster.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.cluster import eccluster, gathered
from momentum_trio.protocol.cluster.eccluster import (
    Begin,
    Begun,
    Checkpoint,
    Kept,
    ListLogs,
    Mail,
    Replay,
    Replayed,
    Server,
    Service,
)
from momentum_trio.protocol.cluster.log_path import check_template, log_path, part, root
from momentum_trio.protocol.cluster.move import (
    Content,
    HandedOver,
    Handing,
    Left,
    Offered,
    Ready,
    Taking,
    Wanted,
    Whole,
)
from momentum_trio.protocol.cluster.move import Kept as Stays
from momentum_trio.protocol.cluster.moved_message import Dictionaries
from momentum_trio.protocol.cluster.strategies import METADATA as PLAIN
from momentum_trio.protocol.cluster.strategies import handings, takings
from momentum_trio.protocol.msgc.frame import RemoteProtocolError, joined

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "eccluster.json").read_text())
METADATA = replace(PLAIN, attempts=3, next_attempt_at=1_700_000_600.0, reason="451 later")


def frame(*messages: Any) -> bytes:
    return joined([eccluster.encode(message) for message in messages])


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["name"])
def test_messages(vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["octets"])
    kind = getattr(eccluster, vector["name"])
    fields = [bytes.fromhex(each["hex"]) if isinstance(each, dict) else each for each in vector["fields"]]
    message = kind(*fields)
    assert eccluster.encode(message) == octets
    if vector["side"] == "called":
        assert eccluster.answers(joined([octets])) == [message]
    else:
        server = Server()
        if not isinstance(message, Begin):
            server.take(frame(Begin("mmove2" if isinstance(message, Mail) else "log")))
        expected = Begun(Service(message.service)) if isinstance(message, Begin) else message
        assert server.take(joined([octets])) == [expected]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([[ListLogs()]], "no service was named"),
        ([[Begin("nothing")]], "there is no service"),
        ([[Begin("log", 2)]], "version 2 of a service"),
        ([[Begin("log")], [Begin("log")]], "named already"),
        ([[Begin("log")], [Mail(b"EHLO a\r\n")]], "nothing of the service log"),
        ([[Begin("mmove2")], [ListLogs()]], "nothing of the service mmove2"),
        ([[Begin("log")], [ListLogs(), ListLogs()]], "more than one thing"),
        ([[Begin("log")], [Kept()]], "no messages of ECCluster"),
        ([[Begin("log")], [Replay("l", "m", bytes(8), 0, 0, 3 << 20)]], "no messages of ECCluster"),
        ([[Begin("log")], [Checkpoint("l", "m", bytes(9), 0, 0)]], "no messages of ECCluster"),
        ([[Begin("mmove2")], [Mail(bytes(70_000))]], "no messages of ECCluster"),
    ],
)
def test_what_a_caller_may_not_say(said: list[list[Any]], why: str) -> None:
    server = Server()
    *before, last = said
    for messages in before:
        server.take(frame(*messages))
    with pytest.raises(RemoteProtocolError, match=why):
        server.take(frame(*last))


def test_lines_may_be_damaged_before_them() -> None:
    replayed = Replayed(b"12345678", 1, 36, 2, 40, is_damaged=True)
    assert (str(replayed.begin), str(replayed.end)) == ("00000001:00000024", "00000002:00000028")


@pytest.mark.parametrize("dialogue", VECTORS["dialogues"], ids=lambda dialogue: dialogue["name"])
def test_dialogues(dialogue: dict[str, Any]) -> None:
    """Both cores say what the document has, each to the other's lines."""
    handing, taking = Handing("a"), Taking("b")
    ended, rest = None, list(dialogue["lines"])
    while rest:
        side, text = rest.pop(0)
        said = text.encode()
        if side == "b":
            assert taking.octets_to_send() == said
            handing.receive(said)
            while (event := handing.next_event()) is not None:
                ended = hand_over(handing, event, dialogue, ended)
        else:
            assert handing.octets_to_send() == said
            taking.receive(said)
            while (happened := taking.next_event()) is not None:
                take(taking, happened, dialogue)
    assert (
        ended
        == {
            "taken": HandedOver("13/00-00481-001F3556", was_known=False),
            "known": HandedOver("13/00-00481-001F3556", was_known=True),
            "refused": Stays(Reply(452, "", ("4.3.1 no room",)), was_wanted=True),
        }[dialogue["outcome"]]
    )


def hand_over(handing: Handing, event: object, dialogue: dict[str, Any], ended: object) -> object:
    match event:
        case Ready():
            handing.offer("10/00-00481-001F3556", METADATA, Dictionaries(message=(("campaign", "spring"),)))
        case Wanted():
            handing.content(b"mail")
            handing.end_content()
        case HandedOver() | Stays():
            handing.quit()
            return event
    return ended


def take(taking: Taking, event: object, dialogue: dict[str, Any]) -> None:
    match event:
        case Offered(key, metadata, dictionaries):
            assert (key, metadata) == ("10/00-00481-001F3556", METADATA)
            assert dictionaries.message == (("campaign", "spring"),)
            if dialogue["outcome"] == "known":
                taking.known("13/00-00481-001F3556")
            else:
                taking.go_on()
        case Content(octets):
            assert octets == b"mail"
        case Whole() if dialogue["outcome"] == "refused":
            taking.refuse(Reply(452, "4.3.1", ("no room",)))
        case Whole():
            taking.taken("13/00-00481-001F3556")
        case _:
            assert isinstance(event, Left)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"XCLUSTERMETADATA 1\r\n", "XCLUSTERMETADATA is not due"),
        (b"EHLO a\r\nXCLUSTERMETADATA 2\r\n", "and 1 was offered"),
        (b"EHLO a\r\nKEY k\r\n", "KEY is not due"),
        (b"EHLO a\r\nXCLUSTERMETADATA 1\r\nKEY " + b"k" * 65 + b"\r\n", "KEY is not due"),
        (b"EHLO a\r\nXCLUSTERMETADATA 1\r\nKEY k\r\nMETADATA 99999\r\n", "where 65536 may be"),
        (b"EHLO a\r\nXCLUSTERMETADATA 1\r\nKEY k\r\nMETADATA 2\r\n{}", "metadata that are none"),
        (b"EHLO a\r\nMAIL FROM:<>\r\n", "MAIL is not due"),
        (b"EHLO " + b"a" * 600, "a line of more than 512 octets"),
        (b"EHLO\ta\r\n", "no command"),
    ],
)
def test_what_who_hands_over_may_not_say(said: bytes, why: str) -> None:
    taking = Taking("b")
    taking.receive(said)
    with pytest.raises(RemoteProtocolError, match=why):
        taking.next_event()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"250 b\r\n", "GREETING"),
        (b"220 b\r\n250 b\r\n", "XCLUSTERMETADATA required but not advertised"),
        (b"220 b\r\n250-b\r\n250 XCLUSTERMETADATA 7\r\n", "supported version not advertised"),
        (b"220 b\r\n554 go away\r\n", "EHLO"),
        (b"220-b\r\n" * 20, "too many lines"),
        (b"nonsense\r\n", "no reply"),
    ],
)
def test_what_who_takes_may_not_say(said: bytes, why: str) -> None:
    handing = Handing("a")
    handing.receive(said)
    with pytest.raises(RemoteProtocolError, match=why):
        handing.next_event()


@given(takings, st.integers(1, 40))
def test_cutting_what_is_handed_over_changes_nothing(octets: bytes, cut: int) -> None:
    assert taken(octets, max(1, len(octets))) == taken(octets, cut)


def taken(octets: bytes, cut: int) -> list[object]:
    core, seen = Taking("b"), list[object]()
    try:
        for at in range(0, len(octets), cut):
            core.receive(octets[at : at + cut])
            while (event := core.next_event()) is not None:
                seen.append(event)
                if isinstance(event, Offered):
                    core.go_on()
                elif isinstance(event, Whole):
                    core.taken("1")
    except RemoteProtocolError as error:
        seen.append(error.why)
    return [*seen, core.octets_to_send()]


@given(handings, st.integers(1, 40))
def test_cutting_the_answers_changes_nothing(octets: bytes, cut: int) -> None:
    assert handed(octets, max(1, len(octets))) == handed(octets, cut)


def handed(octets: bytes, cut: int) -> list[object]:
    core, seen = Handing("a"), list[object]()
    try:
        for at in range(0, len(octets), cut):
            core.receive(octets[at : at + cut])
            while (event := core.next_event()) is not None:
                seen.append(event)
    except (RemoteProtocolError, AssertionError) as error:
        seen.append(str(error))
    return seen


# -- gathered logs


def test_places_on_disk() -> None:
    for vector in VECTORS["places"]:
        read = gathered.decode(vector["octets"].encode())
        assert read is not None
        assert gathered.encode(read) == vector["octets"].encode()
        source = gathered.Source(*read.source)
        assert (source.file_name, read.path, list(read.after)) == (vector["file"], vector["path"], vector["after"])
        spoilt = vector["octets"].replace("mainlog", "mainlgo", 1).encode()
        assert gathered.decode(spoilt) is None


@pytest.mark.parametrize(
    ("template", "path", "above"),
    [
        (
            "/var/log/eccluster/%Y/%m/%d/%{l}/%{s}/%{n}",
            "/var/log/eccluster/2023/11/14/mainlog/east/a",
            "/var/log/eccluster",
        ),
        ("/logs/all", "/logs/all", "/logs"),
        ("/%{n}-%H%%", "/a-22%", "/"),
    ],
)
def test_where_lines_go(template: str, path: str, above: str) -> None:
    check_template(template)
    assert log_path(template, 1_700_000_000, "mainlog", "a", "east") == path
    assert root(template) == above


@pytest.mark.parametrize("template", ["logs/%Y", "/logs/", "/%{x}", "/%{}", "/%c", "/a%", "/" + "a" * 1100])
def test_templates_that_are_none(template: str) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        check_template(template)


@given(st.text(st.sampled_from("./%a~ \n"), max_size=6), st.text(st.sampled_from("./%a~ \n"), max_size=6))
def test_names_are_parts_of_a_path_and_stay_apart(one: str, other: str) -> None:
    assert "/" not in part(one)
    assert part(one) not in ("", ".", "..")
    assert (part(one) == part(other)) is (one == other)
