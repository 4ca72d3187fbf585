"""A milter in pure form, for tests: octets of a mail server in, octets of a milter out. It shares no code with ours."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

QUARANTINE = 0x20
ALL_ACTIONS = 0x1FF
SKIP, LEADING_SPACE = 0x400, 0x100000
NO_CONNECT, NO_HELLO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH, NO_DATA = 1, 2, 4, 8, 16, 32, 64, 0x200
MUTE = {"L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "N": 0x40000, "B": 0x80000}
ALL_MUTE = sum(MUTE.values())
ANSWERED = "CHMRTLNBE"

CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD, PROGRESS = (("c",), ("a",), ("r",), ("t",), ("d",), ("p",))
Said = tuple[str, *tuple[bytes | int, ...]]
CLOSE: Said = ("(close)",)
"""Instead of an answer: the end."""
SILENCE: Said = ("(silence)",)


def packet(kind: str, *parts: bytes | int) -> bytes:
    """A packet: integers of four octets, octets as they are."""
    payload = b"".join(struct.pack("!I", part) if isinstance(part, int) else part for part in parts)
    return struct.pack("!I", len(payload) + 1) + kind.encode() + payload


def packets_of(octets: bytes) -> list[bytes]:
    """*octets*, whole packets, one by one."""
    found = []
    while octets:
        end = 4 + struct.unpack("!I", octets[:4])[0]
        found.append(octets[:end])
        octets = octets[end:]
    return found


def texts(*given: bytes) -> bytes:
    """Each with NUL behind it."""
    return b"".join(text + b"\0" for text in given)


@dataclass
class Heard:
    """One command, with the macros that came for it."""

    kind: str
    texts: list[bytes]
    macros: dict[str, str] = field(default_factory=dict)


Answer = Sequence[Said] | Callable[[Heard], Sequence[Said]]


@dataclass
class MilterServer:
    """One connection. answers: by the kind of command, all that is said of it, the last the answer; ``c`` otherwise.

    steps, actions, version, symbols: what it agrees to. pace: seconds before each thing that is said of the content.
    heard: all commands; body: of the message last begun.
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    steps: int = 0
    actions: int = ALL_ACTIONS & ~QUARANTINE
    version: int = 6
    symbols: bytes = b""
    pace: float = 0.0
    heard: list[Heard] = field(default_factory=list)
    body: bytes = b""
    offered: tuple[int, ...] = ()
    is_over: bool = False
    _held: bytes = b""
    _macros: dict[str, dict[str, str]] = field(default_factory=dict)

    def receive(self, octets: bytes) -> bytes:
        """What is said to *octets*."""
        self._held += octets
        said = b""
        while len(self._held) >= 4:
            (length,) = struct.unpack("!I", self._held[:4])
            assert 1 <= length <= 65536, length
            if len(self._held) < 4 + length:
                break
            whole, self._held = self._held[4 : 4 + length], self._held[4 + length :]
            said += self._answer(chr(whole[0]), whole[1:])
        return said

    def kinds(self) -> str:
        """Of all that was heard, in order."""
        return "".join(heard.kind for heard in self.heard)

    def last(self, kind: str) -> Heard:
        """The last of *kind*."""
        return [heard for heard in self.heard if heard.kind == kind][-1]

    def _answer(self, kind: str, payload: bytes) -> bytes:
        if kind == "O":
            self.offered = struct.unpack("!III", payload)
            return packet("O", self.version, self.actions, self.steps, self.symbols)
        if kind == "D":
            names = payload[1:].decode().split("\0")[:-1]
            self._macros[chr(payload[0])] = dict(zip(names[::2], names[1::2], strict=True))
            return b""
        if kind == "M":
            self.body = b""
        if kind == "B":
            self.body += payload
        heard = Heard(kind, _parts(kind, payload), self._macros.pop(kind, {}))
        self.heard.append(heard)
        self.is_over = self.is_over or kind == "Q"
        if kind not in ANSWERED or self.steps & MUTE.get(kind, 0):
            return b""
        answer = self.answers.get(kind, [("c",)])
        return b"".join(self._said(each) for each in (answer(heard) if callable(answer) else answer))

    def _said(self, said: Said) -> bytes:
        if said == CLOSE:
            self.is_over = True
        return b"" if said in (CLOSE, SILENCE) else packet(said[0], *said[1:])


def _parts(kind: str, payload: bytes) -> list[bytes]:
    if kind == "B":
        return [payload]
    if kind == "C":
        name, _, rest = payload.partition(b"\0")
        return [name, rest[:1], rest[1:3], rest[3:].removesuffix(b"\0")]
    return payload.split(b"\0")[:-1]
