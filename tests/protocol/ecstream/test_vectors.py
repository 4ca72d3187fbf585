"""The vectors of docs/protocols/ecstream.md: octets and what they mean, both ways, and streams that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream import client, frame, server
from momentum_trio.protocol.ecstream.batch import Batch, Following, Message, Recipient, decode_batch, encode_batch
from momentum_trio.protocol.ecstream.frame import HEADER, Kind, decode, encode, framed
from momentum_trio.protocol.ecstream.results import Result, Results, decode_results, encode_results
from momentum_trio.protocol.ecstream.strategies import feed, joined

HERE = Path(__file__).parent
FRAMES = json.loads((HERE / "frames.json").read_text())
STREAMS = json.loads((HERE / "streams.json").read_text())
TERMS = server.Terms(16384, 65536, 20, 4, 30000, 300, 3600, (b"LOGIN",), b"mx1")


def octets(value: Any) -> Any:
    """Strings of a vector are octets, one character each; lists are tuples."""
    if isinstance(value, str):
        return value.encode("latin-1")
    return tuple(map(octets, value)) if isinstance(value, list) else value


def batch(value: dict[str, Any]) -> Batch:
    contents = tuple(Following(each) if isinstance(each, int) else octets(each) for each in value["contents"])
    messages = tuple(
        Message(
            octets(each["reverse_path"]),
            tuple(Recipient(*octets(pair)) for pair in each["recipients"]),
            each["content"],
            octets(each["parameters"]),
            octets(each["context"]),
            octets(each["key"]),
        )
        for each in value["messages"]
    )
    return Batch(value["number"], contents, messages)


def results(value: dict[str, Any]) -> Results:
    messages = tuple(
        Result(octets(each["id"]), Reply.of(each["reply"]), tuple(map(Reply.of, each["recipients"])))
        for each in value["messages"]
    )
    return Results(value["number"], value["credit"], messages)


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["name"])
def test_frames(vector: dict[str, Any]) -> None:
    kind, whole = Kind[vector["kind"]], bytes.fromhex("".join(vector["octets"]))
    assert HEADER.unpack_from(whole) == (len(whole) - HEADER.size, kind, b"\0\0\0")
    payload = whole[HEADER.size :]
    match kind:
        case Kind.BATCH:
            assert joined(encode_batch(batch(vector["value"]))) == whole
            assert decode_batch(payload) == decode_batch(memoryview(payload)) == batch(vector["value"])
        case Kind.RESULTS:
            assert joined(encode_results(results(vector["value"]))) == whole
            assert decode_results(payload) == results(vector["value"])
        case Kind.CHUNK:
            assert joined(framed(kind, octets(vector["value"]["octets"]))) == whole
        case _:
            made = getattr(frame, kind.name.capitalize())(**{k: octets(v) for k, v in vector["value"].items()})
            assert encode(made) == whole
            assert decode(kind, payload) == made


def test_every_kind_has_a_vector() -> None:
    assert {vector["kind"] for vector in FRAMES} == {kind.name for kind in Kind}


@pytest.mark.parametrize("step", [1, 1 << 20])
@pytest.mark.parametrize("vector", STREAMS, ids=lambda vector: vector["name"])
def test_streams(vector: dict[str, Any], step: int) -> None:
    """Ends with the error of the vector, which is said to the other side, unless that side said it."""
    side = server.Server(TERMS) if vector["to"] == "server" else client.Client()
    opening = joined(side.octets_to_send())
    *_, last = feed(side, bytes.fromhex("".join(vector["octets"])), step)
    assert isinstance(last, server.Closed | client.Closed)
    assert last.error is not None
    assert (last.error.code, last.error.why.decode()) == (frame.Code[vector["code"]], vector["why"])
    by_peer = last.by_client if isinstance(last, server.Closed) else last.by_server
    assert joined(side.octets_to_send()).endswith(b"" if by_peer else encode(last.error))
    assert bool(opening) is (vector["to"] == "client")


DOCUMENT = (HERE.parents[2] / "docs" / "protocols" / "ecstream.md").read_text()


def documented(heading: str) -> dict[str, dict[str, str]]:
    """The first table behind *heading* in the document, by its first column; empty cells are left out."""
    rows = DOCUMENT.partition(heading)[2].partition("\n\n")[0].splitlines()
    names, _, *body = ([cell.strip() for cell in row.strip("|").split("|")] for row in [heading, *rows[1:]])
    return {row[0]: {n: cell for n, cell in zip(names[1:], row[1:], strict=True) if cell} for row in body}


@pytest.mark.parametrize(
    ("heading", "side"),
    [
        ("| state | HELLO | AUTHENTICATE | BATCH | CHUNK | BYE |", server),
        ("| state | WELCOME | CHALLENGE | AUTHENTICATED | UNPROVED | RESULTS | CREDIT |", client),
    ],
)
def test_the_documented_states_are_those_of_the_code(heading: str, side: Any) -> None:
    assert documented(heading) == {
        state.name: {kind.name: to.name for kind, to in steps.items()} for state, steps in side.TRANSITIONS.items()
    }


def test_the_documented_numbers_are_those_of_the_code() -> None:
    assert {k: int(row["number"]) for k, row in documented("| kind | number | from | answers |").items()} == {
        kind.name: kind.value for kind in Kind
    }
    errors = documented("| code | | said when |")
    assert set(errors) == {str(code.value) for code in frame.Code}
    assert all(row[""] == frame.Code(int(number)).name for number, row in errors.items())
