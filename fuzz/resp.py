"""Whatever octets the simulated Redis hears, however they are cut: the same commands, or the same end of them."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from sim.resp import OCTETS_MAX, Commands, ProtocolError

WORDS: Final = (b"EVALSHA", b"XREAD", b"BLOCK", b"0-0", b"", b"\r\n", b"$3\r\n", b"*1\r\n", b"\x00\xff")


def command(words: list[bytes]) -> bytes:
    """As a client says it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: commands, and what is nearly one."""
    commands = st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=6).map(command)
    broken = st.sampled_from(
        (b"*2\r\n$1\r\na", b"*-1\r\n", b"*99999\r\n", b"$5\r\n", b"*1\r\n$9999999999\r\n", b"*1\n")
    )
    return st.lists(commands | commands | broken | st.binary(max_size=20), max_size=4).map(b"".join)


def heard(pieces: list[bytes]) -> tuple[list[list[bytes]], bool]:
    """The commands of *pieces*, and whether what came then was none."""
    commands, found = Commands(), []
    for piece in pieces:
        try:
            found += commands.receive(piece)
        except ProtocolError:
            return found, True
    return found, False


def run(octets: bytes) -> None:
    """Raise AssertionError, or whatever was raised, if *octets* break the invariant."""
    assert len(octets) < OCTETS_MAX
    whole = heard([octets[:at] for at in (len(octets),)])
    size = 1 + len(octets) % 5
    pieces = heard([octets[at : at + size] for at in range(0, len(octets), size)])
    assert pieces[1] == whole[1]
    assert whole[1] or pieces[0] == whole[0]
    said = b"".join(command(words) for words in pieces[0])
    assert octets.startswith(said)
    assert heard([said]) == (pieces[0], False)
