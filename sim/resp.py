"""RESP as an engine hears and speaks it, without I/O: commands in, answers out (the protocol of Redis, version 3).

Only what clients of ours say is understood: arrays of bulk strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

ARGUMENTS_MAX = 128
OCTETS_MAX = 1 << 20
"""Of one argument, and of all that waits to become a command."""
NUMBER_OCTETS_MAX = 16

Answer: TypeAlias = "bytes | int | Sequence[Answer] | dict[bytes, Answer] | Fault | None"


class ProtocolError(Exception):
    """These octets are no command: the connection ends."""


class Fault(str):
    """An error, as it is answered: ``NOSCRIPT No matching script.``."""

    __slots__ = ()


class Commands:
    """Commands out of a stream of octets."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def receive(self, octets: bytes) -> list[list[bytes]]:
        """The commands that are whole now. Raises ProtocolError: nothing after that is understood."""
        self._octets += octets
        commands = []
        while (parsed := _command(self._octets)) is not None:
            arguments, end = parsed
            del self._octets[:end]
            commands.append(arguments)
        if len(self._octets) > OCTETS_MAX:
            raise ProtocolError("too long")
        return commands


def _command(octets: bytearray) -> tuple[list[bytes], int] | None:
    """The first command and where it ends; None: it is not whole yet."""
    head = _number(octets, 0, b"*", ARGUMENTS_MAX)
    if head is None:
        return None
    count, at = head
    if not count:
        raise ProtocolError("no command")
    arguments = []
    for _ in range(count):
        head = _number(octets, at, b"$", OCTETS_MAX)
        if head is None:
            return None
        size, at = head
        if len(octets) < at + size + 2:
            return None
        if octets[at + size : at + size + 2] != b"\r\n":
            raise ProtocolError("an argument does not end where it says")
        arguments.append(bytes(octets[at : at + size]))
        at += size + 2
    return arguments, at


def _number(octets: bytearray, at: int, kind: bytes, most: int) -> tuple[int, int] | None:
    """The number of a line of *kind* at *at*, and where the next begins."""
    if len(octets) <= at:
        return None
    if octets[at : at + 1] != kind:
        raise ProtocolError(f"expected {kind.decode()}")
    end = octets.find(b"\r\n", at)
    if end < 0:
        if len(octets) - at > NUMBER_OCTETS_MAX:
            raise ProtocolError("expected a number")
        return None
    digits = octets[at + 1 : end]
    if not digits.isdigit() or len(digits) > NUMBER_OCTETS_MAX or int(digits) > most:
        raise ProtocolError("expected a number that is not too large")
    return int(digits), end + 2


def said(answer: Answer) -> bytes:
    """*answer* in octets."""
    match answer:
        case None:
            return b"_\r\n"
        case Fault():
            return b"-%s\r\n" % answer.encode()
        case int():
            return b":%d\r\n" % answer
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(answer), answer)
        case dict():
            items = [said(part) for item in answer.items() for part in item]
            return b"%%%d\r\n" % len(answer) + b"".join(items)
    return b"*%d\r\n" % len(answer) + b"".join(said(each) for each in answer)
