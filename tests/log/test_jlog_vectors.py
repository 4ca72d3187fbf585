"""The format of durable logs as docs/protocols/jlog.md has it, octet by octet."""

from __future__ import annotations

import json
from pathlib import Path

from momentum_trio.log.jlog_format import Header, checkpoint_octets, extent, parse_checkpoint, parse_header
from momentum_trio.mail.log_position import Position

VECTORS = json.loads((Path(__file__).parent / "jlog_vectors.json").read_text())


def test_segments() -> None:
    for vector in VECTORS["segments"]:
        octets = bytes.fromhex(vector["octets"])
        header = parse_header(octets)
        assert header == Header(
            bytes.fromhex(vector["id"]), *(vector[n] for n in ("number", "previous", "end", "first"))
        )
        assert list(extent(header, octets)) == [vector["extent"], vector["lines"]]
        written, number = [header.octets()], header.first
        for payload in vector["payloads"]:
            written.append(header.lines(number, payload.encode()))
            number += payload.count("\n")
        assert b"".join(written) == octets[: vector["extent"]]


def test_checkpoints() -> None:
    for vector in VECTORS["checkpoints"]:
        octets, log_id = bytes.fromhex(vector["octets"]), bytes.fromhex(vector["id"])
        position = Position.parse(vector["position"])
        assert checkpoint_octets(log_id, vector["subscriber"], position) == octets
        assert parse_checkpoint(log_id, vector["subscriber"], octets) == position
        assert parse_checkpoint(log_id, "another", octets) is None
