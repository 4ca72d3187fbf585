"""The mainlog, read: the inverse of ``mainlog``'s forms (spec/logs.md section 3)."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from momentum_trio.log.escaping import fields
from momentum_trio.log.reading import NotOurs, Unreadable, bounded, integer, joined, seconds, unreadable

_TYPE = 4
_FIELDS = {"R": 14, "D": 12, "X": 12, "T": 14, "P": 14, "M": 5, "M1": 5}
_FIELDS_MAX = max(_FIELDS.values())


class Reception(NamedTuple):
    """``R``. at: whole Unix seconds; the other fields as ``mail.record.Received`` has them."""

    at: int
    message_id: str
    batch_id: str
    connection_id: str
    forward_path: str
    reverse_path: str
    peer_address: str
    octets: int
    protocol: str
    binding_group: str
    binding: str


class Delivery(NamedTuple):
    """``D``, or ``X`` when *transferred* to another node. age_seconds: to three decimals."""

    at: int
    message_id: str
    batch_id: str
    connection_id: str
    transferred: bool
    routing_domain: str
    octets: int
    binding_group: str
    binding: str
    retries: int
    age_seconds: float
    peer_address: str


class Failure(NamedTuple):
    """``T``, or ``P`` when *permanent*. age_seconds: to two decimals."""

    at: int
    message_id: str
    batch_id: str
    connection_id: str
    permanent: bool
    routing_domain: str
    octets: int
    binding_group: str
    binding: str
    stage: int
    retries: int
    age_seconds: float
    peer_address: str
    reason: str


class Heartbeat(NamedTuple):
    """``M`` or ``M1``: the node lived. Any log has it."""

    at: int


MainlogEntry: TypeAlias = Reception | Delivery | Failure | Heartbeat


def mainlog_entry(line: str) -> MainlogEntry | Unreadable:
    """What *line*, without its end, says."""
    try:
        bounded(line)
        return _entry(line)
    except NotOurs as fault:
        return unreadable(fault, line)


def _entry(line: str) -> MainlogEntry:
    parts = line.split("@", _FIELDS_MAX - 1) if "\\" not in line else fields(line, _FIELDS_MAX)
    letter = parts[_TYPE] if len(parts) > _TYPE else ""
    if letter not in _FIELDS:
        raise NotOurs(f"no record of the mainlog: {letter[:8]!r} where its type stands")
    count = len(parts) if letter in "TP" else _count(line, parts)
    if count != _FIELDS[letter]:
        raise NotOurs(f"{count} fields in a record of type {letter}, which has {_FIELDS[letter]}")
    if letter == "R":
        return _reception(parts)
    if letter in "TP":
        return _failure(parts, letter)
    return _delivery(parts, letter) if letter in "DX" else Heartbeat(integer(parts[0], "the time"))


def _count(line: str, parts: list[str]) -> int:
    """How many fields *line* has where the last one is no rest of the line."""
    return line.count("@") + 1 if "\\" not in line else len(fields(line)) if len(parts) == _FIELDS_MAX else len(parts)


def _reception(parts: list[str]) -> Reception:
    return Reception(
        integer(parts[0], "the time"),
        parts[1],
        parts[2],
        parts[3],
        joined(parts[5], parts[6]),
        joined(parts[7], parts[8]),
        parts[9],
        integer(parts[10], "the size"),
        parts[11],
        parts[12],
        parts[13],
    )


def _delivery(parts: list[str], letter: str) -> Delivery:
    return Delivery(
        integer(parts[0], "the time"),
        parts[1],
        parts[2],
        parts[3],
        letter == "X",
        parts[5],
        integer(parts[6], "the size"),
        parts[7],
        parts[8],
        integer(parts[9], "the number of retries"),
        seconds(parts[10], "the age"),
        parts[11],
    )


def _failure(parts: list[str], letter: str) -> Failure:
    return Failure(
        integer(parts[0], "the time"),
        parts[1],
        parts[2],
        parts[3],
        letter == "P",
        parts[5],
        integer(parts[6], "the size"),
        parts[7],
        parts[8],
        integer(parts[9], "the stage"),
        integer(parts[10], "the number of retries"),
        seconds(parts[11], "the age"),
        parts[12],
        parts[13],
    )
