"""Whatever a node of a cluster is told, an envelope or what is in one, means the same when told on, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from momentum_trio.protocol.cluster import envelope, heartbeat, lease_message, membership, relay
from momentum_trio.protocol.cluster.strategies import announcements, beats, envelopes, hostile, leases, relayed

READERS: tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
    (envelope.unpack, lambda said: envelope.pack(said.topic, said.octets)),
    (heartbeat.unpack, heartbeat.pack),
    (lease_message.unpack, lease_message.pack),
    (membership.unpack, membership.pack),
    (relay.unpack, relay.pack),
)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: what nodes say, and what looks like it."""
    said = (
        leases.map(lease_message.pack)
        | announcements.map(membership.pack)
        | beats.map(heartbeat.pack)
        | relayed.map(relay.pack)
    )
    return envelopes | said | said.map(lambda octets: b"\x01" + octets) | hostile


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    for unpack, pack in READERS:
        try:
            said = unpack(octets)
        except ValueError:
            continue
        assert unpack(pack(said)) == said
