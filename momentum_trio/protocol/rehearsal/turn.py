"""A session as turns: what the client said, and what was answered. Recordings of one client compare turn by turn."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from momentum_trio.protocol.rehearsal.recording import AnyEntry, ClientEntry, Content, Line, LongLine, Said

CONNECTED = "connection"

_PARTICULAR = (
    (re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \+0000\Z"), "(date)"),
    (re.compile(r" says (EHLO|HELO) to \S+"), r" says \1"),
    (re.compile(r"\A334( .*)?\Z"), "334 (challenge)"),
    (re.compile(r"\A250 2\.0\.0 OK [0-9A-F]{2}/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}\Z"), "250 2.0.0 OK (id)"),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. said: what the client said; None: he connected, or said nothing more. answers: what he was told.

    was_said: whether it came to that; otherwise the session was over, or nobody asked for content. closed: the server
    has left after it.
    """

    said: ClientEntry | None
    answers: tuple[Said, ...] = ()
    was_said: bool = True
    closed: bool = False

    @property
    def words(self) -> str:
        """What the client said, for people."""
        return words(self.said)

    @property
    def answered(self) -> tuple[str, ...]:
        """The answers as they compare: without what is another one in each session."""
        return tuple(in_general(answer.line) for answer in self.answers)


def turns(entries: Iterable[AnyEntry]) -> tuple[Turn, ...]:
    """*entries* as turns; the first is that of connecting."""
    found: list[tuple[ClientEntry | None, list[Said]]] = [(None, [])]
    for entry in entries:
        if isinstance(entry, Said):
            found[-1][1].append(entry)
        else:
            found.append((entry, []))
    return tuple(Turn(said, tuple(answers)) for said, answers in found)


def words(said: ClientEntry | None) -> str:
    """*said* on one line, in printable characters."""
    match said:
        case None:
            return CONNECTED
        case Line():
            return shown(said.text)
        case LongLine():
            return f"a line that is too long: {shown(said.start)}..."
        case Content():
            return f"content of {said.shape.octets} octets"
    return "leaves"


def shown(text: str) -> str:
    """*text* in printable ASCII."""
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text)


def in_general(answer: str) -> str:
    """*answer* without date, client and identifier."""
    for pattern, words_for_it in _PARTICULAR:
        answer = pattern.sub(words_for_it, answer)
    return answer
