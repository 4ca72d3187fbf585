"""The bouncelog, read (spec/logs.md section 4)."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from momentum_trio.log.escaping import fields
from momentum_trio.log.parse_mainlog import Heartbeat
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, joined, unreadable

_TYPE, _FIELDS, _HEARTBEAT_FIELDS = 4, 16, 5


class Bounce(NamedTuple):
    """``B``, or ``T`` when *transient*. forward_path, reverse_path: of the message that bounced.

    at: when that message was received, which is no later than the bounce.
    stage: spec/logs.md section 9, 21 for an out-of-band bounce. classification: the codes of section 4.
    """

    at: int
    message_id: str
    batch_id: str
    connection_id: str
    transient: bool
    forward_path: str
    reverse_path: str
    binding_group: str
    binding: str
    stage: int
    classification: int
    octets: int
    peer_address: str
    reason: str


BouncelogEntry: TypeAlias = Bounce | Heartbeat


def bouncelog_entry(line: str) -> BouncelogEntry | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        return _entry(fields(line, _FIELDS))
    except NotOurs as fault:
        return unreadable(fault, line)


def _entry(parts: list[str]) -> BouncelogEntry:
    letter = parts[_TYPE] if len(parts) > _TYPE else ""
    if letter in ("M", "M1") and len(parts) == _HEARTBEAT_FIELDS:
        return Heartbeat(integer(parts[0], "the time"))
    if letter not in ("B", "T"):
        raise NotOurs(f"no record of the bouncelog: {letter[:8]!r} where its type stands")
    if len(parts) != _FIELDS:
        raise NotOurs(f"{len(parts)} fields in a record of type {letter}, which has {_FIELDS}")
    return Bounce(
        integer(parts[0], "the time"),
        parts[1],
        parts[2],
        parts[3],
        letter == "T",
        joined(parts[5], parts[6]),
        joined(parts[7], parts[8]),
        parts[9],
        parts[10],
        integer(parts[11], "the stage"),
        integer(parts[12], "the classification"),
        integer(parts[13], "the size"),
        parts[14],
        parts[15],
    )
