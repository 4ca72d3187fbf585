"""Whatever octets another node sends: each message or command is understood or refused, however they are cut.

The first octet says whose turn it is to read: who is asked, who answers, who takes mail, who hands it over; or what a
manager's place on disk holds.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from momentum_trio.protocol.cluster import eccluster, gathered
from momentum_trio.protocol.cluster.move import (
    LINE_OCTETS_MAX,
    HandedOver,
    Handing,
    Kept,
    Offered,
    Ready,
    Taking,
    Wanted,
    Whole,
)
from momentum_trio.protocol.cluster.moved_message import Dictionaries
from momentum_trio.protocol.cluster.strategies import METADATA, asked_of_nodes, handings, hostile, takings
from momentum_trio.protocol.msgc.frame import RemoteProtocolError, joined

_arrays = st.lists(asked_of_nodes.map(eccluster.encode), min_size=1, max_size=4).map(joined)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    turns = (_arrays, hostile, takings, handings, st.binary(max_size=200))
    return st.one_of(*(octets.map(bytes([turn]).__add__) for turn, octets in enumerate(turns)))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    turn, octets = octets[0] % 5 if octets else 0, octets[1:]
    match turn:
        case 0:
            _decoded(eccluster.Server().take, octets)
        case 1:
            _decoded(eccluster.answers, octets)
        case 2:
            assert _taken(octets, len(octets)) == _taken(octets, 1) == _taken(octets, 7)
        case 3:
            assert _handed(octets, len(octets)) == _handed(octets, 1) == _handed(octets, 7)
        case _:
            assert (read := gathered.decode(octets)) is None or gathered.decode(gathered.encode(read)) == read


def _decoded(decode: Callable[[bytes], object], octets: bytes) -> None:
    try:
        decode(octets)
    except RemoteProtocolError:
        pass


def _taken(octets: bytes, cut: int) -> list[object]:
    """What who takes mail understands of *octets*, cut so; content in one piece."""
    core, seen = Taking("b"), list[object]()
    try:
        for at in range(0, len(octets), max(1, cut)):
            core.receive(octets[at : at + cut])
            while (event := core.next_event()) is not None:
                seen.append(event)
                if isinstance(event, Offered):
                    core.go_on()
                elif isinstance(event, Whole):
                    core.taken("4")
    except RemoteProtocolError as error:
        seen.append(error.why)
    assert all(len(line) <= LINE_OCTETS_MAX for line in core.octets_to_send().splitlines())
    return seen


def _handed(octets: bytes, cut: int) -> list[object]:
    """What who hands mail over understands of *octets*, cut so."""
    core, seen = Handing("a"), list[object]()
    try:
        for at in range(0, len(octets), max(1, cut)):
            core.receive(octets[at : at + cut])
            while (event := core.next_event()) is not None:
                seen.append(event)
                if isinstance(event, Wanted):
                    core.content(b"abcd")
                    core.end_content()
                elif isinstance(event, Ready | HandedOver | Kept):
                    core.offer("1", METADATA, Dictionaries())
    except RemoteProtocolError as error:
        seen.append(error.why)
    core.octets_to_send()
    return seen
