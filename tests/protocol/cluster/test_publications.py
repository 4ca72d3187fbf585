"""The octets of docs/protocols/cluster.md: what each means, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from momentum_trio.protocol.cluster import envelope, heartbeat, lease_message, membership, relay, share

VECTORS = json.loads(Path(__file__).with_name("publications.json").read_text("utf-8"))
KINDS: dict[str, Any] = {
    "envelope": envelope,
    "heartbeat": heartbeat,
    "lease": lease_message,
    "membership": membership,
    "relay": relay,
    "share": share,
}


@pytest.mark.parametrize("vector", VECTORS["said"], ids=lambda vector: vector["means"][:40])
def test_what_is_said_means_this_and_is_said_so(vector: dict[str, str]) -> None:
    kind, octets = KINDS[vector["kind"]], bytes.fromhex(vector["octets"])
    said = kind.unpack(octets)
    assert repr(said) == vector["means"]
    packed = kind.pack(said.topic, said.octets) if kind is envelope else kind.pack(said)
    assert packed == octets


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: f"{vector['kind']} {vector['why']}")
def test_what_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        KINDS[vector["kind"]].unpack(bytes.fromhex(vector["octets"]))


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_what_is_nested_deep_is_refused_and_no_more(kind: Any) -> None:
    for octets in (b"\x91" * 50_000, b"\x01" + b"\x92\xa1a" + b"\x91" * 50_000, b"\x92\xa1u" + b"\x81\xa1a" * 20_000):
        with pytest.raises(ValueError, match=r"."):
            kind.unpack(octets)


def test_the_page_has_the_envelope_of_the_first_vector() -> None:
    page = (Path(__file__).parents[3] / "docs" / "protocols" / "cluster.md").read_text("utf-8")
    assert VECTORS["said"][0]["octets"] in page.replace(" ", "")
