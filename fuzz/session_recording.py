"""Any line is a recording or is refused with words; a recording that is read can be played, and is written the same.

It is played against a small configuration, in which some of it is refused.
"""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.config.load import load_text
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.rehearsal import strategies
from momentum_trio.protocol.rehearsal.comparison import differences
from momentum_trio.protocol.rehearsal.recording import Content, Recording, RecordingError, decode, encode
from momentum_trio.protocol.rehearsal.turn import turns
from momentum_trio.rehearsal.stage import Played, Stage, rehearsed, steps_of

TREE = load_text(
    'Relay_Domains = ( "d" )\nESMTP_Listener {\n Max_Message_Size = 5000\n Idle_Time = 100\n Listen "*:25" {}\n}',
    declared=DECLARED,
)
PLAYED_OCTETS_MAX = 10_000_000  # of content: more takes too long here


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    return strategies.recording_lines | st.binary(max_size=100)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    try:
        recording = decode(octets)
    except RecordingError:
        return
    assert decode(encode(recording)) == recording
    if sum(entry.shape.octets for entry in recording.entries if isinstance(entry, Content)) < PLAYED_OCTETS_MAX:
        played = rehearsed(lambda: _play(recording))
        differences(turns(recording.entries), played.turns)


async def _play(recording: Recording) -> Played:
    return await Stage(TREE).play(recording, steps_of(recording))
