"""A session as turns: what the client said, and what was answered. Recordings of one client compare turn by turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from momentum_trio.protocol.rehearsal.recording import AnyEntry, ClientEntry, Content, Line, LongLine, Said

CONNECTED = "connection"


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
        """The answers as they compare: without the identifier of a message that was taken."""
        is_content = isinstance(self.said, Content)
        return tuple(without_identifier(answer.line) if is_content else answer.line for answer in self.answers)


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


def without_identifier(answer: str) -> str:
    """*answer* without what differs each time a message is taken."""
    return "250 2.0.0 OK" if answer.startswith("250 2.0.0 OK ") else answer
