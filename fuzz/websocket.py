"""Whatever a client of a WebSocket sends, however it is cut, the events are the same, and no message is too long."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.protocol.http.strategies import dialogues
from momentum_trio.protocol.http.websocket import Closed, Conversation, Message

STEPS = (1, 3, 1 << 20)
OCTETS_MAX = 300


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: frames, right and not."""
    return dialogues | st.binary(max_size=40)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    assert len({repr(_heard(octets, step)) for step in STEPS}) == 1


def _heard(octets: bytes, step: int) -> tuple[list[object], bytes]:
    core, events = Conversation(OCTETS_MAX), list[object]()
    for at in range(0, len(octets) + step, step):
        core.receive(octets[at : at + step])
        while (event := core.next_event()) is not None:
            assert not isinstance(event, Message) or len(event.content) <= OCTETS_MAX
            events.append(event)
    assert isinstance(events[-1], Closed)
    assert core.is_over
    return events, core.octets_to_send()
