"""Whatever octets come, however they are cut, an HTTP server has the same events, and none follows a refusal."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from momentum_trio.protocol.http.server import Begun, Broken, Event
from momentum_trio.protocol.http.strategies import conversation, streams

STEPS = (1, 7, 1 << 20)
BODY_OCTETS_MAX = 100


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: requests, right and not, one after the other."""
    return streams


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    (events, said), *others = [conversation(octets, step, BODY_OCTETS_MAX) for step in STEPS]
    assert all(other == (events, said) for other in others)
    _check(events, said)


def _check(events: list[Event], said: bytes) -> None:
    """One answer for each request, and after a refusal none."""
    broken = [at for at, event in enumerate(events) if isinstance(event, Broken)]
    assert broken in ([], [len(events) - 1])
    begun = sum(isinstance(event, Begun) for event in events)
    assert len(re.findall(rb"HTTP/1\.1 [0-9]{3} ", said)) <= begun + len(broken)
    for event in events:
        if isinstance(event, Begun):
            path = event.request.path
            assert path.startswith("/") or path == "*"
            assert not {".", ".."}.intersection(path.split("/"))
