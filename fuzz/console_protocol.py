"""However a console's octets are cut, both ends see and say the same, raise their own error alone, and end said."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from momentum_trio.protocol.console import strategies
from momentum_trio.protocol.console.client import Client, State
from momentum_trio.protocol.console.frame import (
    FRAME_OCTETS_MAX,
    Banner,
    Command,
    Complete,
    RemoteProtocolError,
    ServerFrames,
)
from momentum_trio.protocol.console.server import Server


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying, of clients and of servers."""
    return strategies.client_streams | strategies.server_streams | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    size = 1 + len(octets) % 7
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    whole = _served([octets] if octets else [])
    assert _served(pieces) == whole
    assert _learnt(pieces) == _learnt([octets] if octets else [])
    for line in whole[1].splitlines():
        assert len(line) <= FRAME_OCTETS_MAX
        msgspec.json.decode(line, type=ServerFrames)


def _served(pieces: Sequence[bytes]) -> tuple[list[object], bytes, str]:
    """What a server saw, said, and found wrong."""
    server, events = Server(Banner((1,), "ecelerity", "0.1.0")), list[object]()
    server.begin()
    for octets in [*pieces, b""]:
        server.receive(octets)
        while (event := server.next_event()) is not None:
            events.append(event)
            if isinstance(event, Command):
                server.part(event.line)
                server.end("ok")
            elif isinstance(event, Complete):
                server.complete(0, (event.line,))
    assert server.closed
    return events, server.octets_to_send(), server.problem


def _learnt(pieces: Sequence[bytes]) -> tuple[list[object], str]:
    """What a client saw, and found wrong."""
    client, events = Client("fuzz"), list[object]()
    try:
        for octets in [*pieces, b""]:
            client.receive(octets)
            while (event := client.next_event()) is not None:
                events.append(event)
                if client.state is State.READY:
                    client.command("pid")
    except RemoteProtocolError as error:
        assert client.closed
        return events, str(error)
    assert client.closed
    return events, ""
