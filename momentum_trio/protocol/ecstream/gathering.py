"""What is to be sent, in as few calls as can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from momentum_trio.protocol.ecstream.frame import Octets

JOINED_OCTETS_MAX: Final = 128 * 1024
"""Pieces smaller than this are copied into one of about this size, rather than sent one by one."""


def gathered(pieces: Iterable[Octets]) -> Iterator[Octets]:
    """*pieces*, in their order: small ones joined, large ones as they are."""
    small: list[Octets] = []
    octets = 0
    for piece in pieces:
        if octets + len(piece) > JOINED_OCTETS_MAX and small:
            yield b"".join(small)
            small, octets = [], 0
        if len(piece) >= JOINED_OCTETS_MAX:
            yield piece
        else:
            small.append(piece)
            octets += len(piece)
    if small:
        yield b"".join(small)
