"""What a mail server and a milter agree about when they meet: what the one may change, what the other wants to be told.

We offer everything that we can do; the milter answers with what it will use of it. What it asks for beyond that is let
go: rspamd, for one, names all changes it knows of whatever it was offered, and makes none of those that it was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from momentum_trio.protocol.milter.packet import Packet, RemoteProtocolError

VERSION = 6
VERSION_MIN = 2
_DATA_SINCE = 4  # the version that has SMFIC_DATA
KIND = b"O"  # SMFIC_OPTNEG, both ways
_INTEGER = 4
SYMBOLS_MAX = 100  # macros that a milter may ask for in one stage


class Actions(IntFlag):
    """SMFIF_*: what a milter may change."""

    ADD_HEADERS = 0x1
    CHANGE_BODY = 0x2
    ADD_RECIPIENT = 0x4
    DELETE_RECIPIENT = 0x8
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_FROM = 0x40
    ADD_RECIPIENT_WITH_PARAMETERS = 0x80
    SET_SYMBOLS = 0x100


class Steps(IntFlag):
    """SMFIP_*: steps that a milter does not want to be told of (NO_), or does not answer (MUTE_), and how."""

    NO_CONNECT = 0x1
    NO_HELLO = 0x2
    NO_MAIL = 0x4
    NO_RCPT = 0x8
    NO_BODY = 0x10
    NO_HEADERS = 0x20
    NO_END_OF_HEADER = 0x40
    MUTE_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400  # it may say that it has seen enough of the body
    REFUSED_RECIPIENTS = 0x800  # it wants to be told of recipients that are refused
    MUTE_CONNECT = 0x1000
    MUTE_HELLO = 0x2000
    MUTE_MAIL = 0x4000
    MUTE_RCPT = 0x8000
    MUTE_DATA = 0x10000
    MUTE_UNKNOWN = 0x20000
    MUTE_END_OF_HEADER = 0x40000
    MUTE_BODY = 0x80000
    LEADING_SPACE = 0x100000  # values of header fields keep the blank behind the colon, both ways


class Stage(IntEnum):
    """SMFIM_*: when macros are sent, as a milter that asks for some of them names it."""

    CONNECT = 0
    HELLO = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    END_OF_CONTENT = 5
    END_OF_HEADER = 6


NO_ACTIONS = Actions(0)
NO_STEPS = Steps(0)

OFFERED_ACTIONS = (
    Actions.ADD_HEADERS
    | Actions.CHANGE_BODY
    | Actions.ADD_RECIPIENT
    | Actions.DELETE_RECIPIENT
    | Actions.CHANGE_HEADERS
    | Actions.CHANGE_FROM
    | Actions.ADD_RECIPIENT_WITH_PARAMETERS
    | Actions.SET_SYMBOLS
)
"""All but QUARANTINE: this host has no place where mail waits for a person to look at it."""

OFFERED_STEPS = Steps(0x1FFFFF) & ~Steps.REFUSED_RECIPIENTS
"""All but REFUSED_RECIPIENTS."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What was agreed. symbols: the macros that the milter wants, of the stages for which it said so."""

    version: int = VERSION
    actions: Actions = NO_ACTIONS
    steps: Steps = NO_STEPS
    symbols: Mapping[Stage, frozenset[str]] = field(default_factory=dict)


def offer() -> Packet:
    """What we begin with."""
    return _packet(VERSION, OFFERED_ACTIONS, OFFERED_STEPS)


def answer(agreed: Negotiated) -> Packet:
    """What a milter says that wants *agreed*."""
    said = b"".join(
        stage.to_bytes(_INTEGER) + " ".join(sorted(names)).encode() + b"\0" for stage, names in agreed.symbols.items()
    )
    packet = _packet(agreed.version, agreed.actions, agreed.steps)
    return Packet(packet.kind, packet.payload + said)


def _packet(*integers: int) -> Packet:
    return Packet(KIND, b"".join(integer.to_bytes(_INTEGER) for integer in integers))


def agreed(packet: Packet) -> Negotiated:
    """What a milter's answer to our offer comes to. Raises RemoteProtocolError."""
    payload = packet.payload
    if packet.kind != KIND or len(payload) < 3 * _INTEGER:
        raise RemoteProtocolError("no answer to the negotiation")
    version, actions, steps = (int.from_bytes(payload[at : at + _INTEGER]) for at in range(0, 3 * _INTEGER, _INTEGER))
    if not VERSION_MIN <= version <= VERSION:
        raise RemoteProtocolError(f"version {version} of the protocol")
    steps &= OFFERED_STEPS
    if version < _DATA_SINCE:
        steps |= Steps.NO_DATA
    return Negotiated(
        version, OFFERED_ACTIONS & Actions(actions & OFFERED_ACTIONS), Steps(steps), _symbols(payload[3 * _INTEGER :])
    )


def _symbols(said: bytes) -> Mapping[Stage, frozenset[str]]:
    found: dict[Stage, frozenset[str]] = {}
    while said:
        stage, (names, end, rest) = int.from_bytes(said[:_INTEGER]), said[_INTEGER:].partition(b"\0")
        if len(said) < _INTEGER or not end:
            raise RemoteProtocolError("a list of macros without its end")
        wanted = names.decode("ascii", "replace").split()
        if stage not in Stage._value2member_map_ or len(wanted) > SYMBOLS_MAX:
            raise RemoteProtocolError("a list of macros for no stage, or of too many")
        found[Stage(stage)] = frozenset(wanted)
        said = rest
    return found
