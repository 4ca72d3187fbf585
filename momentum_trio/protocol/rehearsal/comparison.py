"""Two plays of one client compared: which replies, and who decided them, are no longer the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from momentum_trio.protocol.rehearsal.recording import ClientEntry, Content, Line
from momentum_trio.protocol.rehearsal.turn import Turn

NOT_SAID = "not said"
NO_CONNECTION = "no connection"
NO_REPLY = "no reply"
EXAMPLES_MAX = 3
GROUPS_MAX = 10_000  # differences of other kinds are counted together

_DOMAIN = re.compile(r"<[^>]*@([^>@\s]+)>")
_BEGINS_ANEW = frozenset(("EHLO", "HELO", "MAIL", "RSET", "QUIT"))


@dataclass(frozen=True, slots=True)
class Difference:
    """One turn that went another way. is_consequence: what differed earlier in the mail transaction explains it."""

    before: Turn
    after: Turn
    is_consequence: bool = False

    @property
    def subject(self) -> str:
        """What it is about, the same in all sessions: ``RCPT of example.net``."""
        return subject(self.before.said)

    @property
    def change(self) -> str:
        """What became what, and who decided so."""
        was, now = _by(self.before), _by(self.after)
        decided = f", by {now}" if now else f" (was refused by {was})" if was else ""
        return f"{outcome(self.before)} becomes {outcome(self.after)}{decided}"


def differences(before: Sequence[Turn], after: Sequence[Turn]) -> list[Difference]:
    """The turns of one client that went another way in *after* than in *before*, in order."""
    assert len(before) == len(after)
    found: list[Difference] = []
    has_changed = False  # in this mail transaction
    for old, new in zip(before, after, strict=True):
        verb = verb_of(old.said)
        if verb in _BEGINS_ANEW:
            has_changed = False
        if _verdict(old) != _verdict(new):
            follows = old.was_said != new.was_said and bool(found)
            follows |= has_changed and (verb == "DATA" or isinstance(old.said, Content))
            found.append(Difference(old, new, follows))
            has_changed = True
    return found


@dataclass(slots=True)
class Group:
    """Differences of one kind. sessions: how many have one; examples: names of some."""

    subject: str
    change: str
    sessions: int = 0
    examples: list[str] = field(default_factory=list)


class Groups:
    """Differences of many sessions, those of one kind together."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}
        self.sessions = 0
        self.left_out = 0  # differences of further kinds

    def add(self, name: str, found: Iterable[Difference]) -> None:
        """The differences of the session *name*; each kind counts once."""
        kinds = dict.fromkeys((difference.subject, difference.change) for difference in found)
        self.sessions += bool(kinds)
        for kind in kinds:
            group = self._groups.get(kind)
            if group is None:
                if len(self._groups) >= GROUPS_MAX:
                    self.left_out += 1
                    continue
                group = self._groups[kind] = Group(*kind)
            group.sessions += 1
            if len(group.examples) < EXAMPLES_MAX:
                group.examples.append(name)

    def __iter__(self) -> Iterator[Group]:
        """The groups, that of most sessions first."""
        return iter(sorted(self._groups.values(), key=lambda group: -group.sessions))


def verb_of(said: ClientEntry | None) -> str:
    """The command in upper case; empty for what is none."""
    return said.text.partition(" ")[0].upper() if isinstance(said, Line) else ""


def subject(said: ClientEntry | None) -> str:
    """What *said* has in common with other sessions': the command, and the domain of its path."""
    if not isinstance(said, Line):
        return "content" if isinstance(said, Content) else "a long line" if said else "connection"
    verb = verb_of(said)
    found = _DOMAIN.search(said.text)
    if verb in ("MAIL", "RCPT"):
        link = " from " if verb == "MAIL" else " of "
        return verb + (link + found[1].lower() if found else "")
    return verb


def outcome(turn: Turn) -> str:
    """The answers of *turn* for people."""
    if not turn.was_said:
        return NOT_SAID if turn.said is not None else NO_CONNECTION
    return ", ".join(turn.answered) or NO_REPLY


def _verdict(turn: Turn) -> tuple[object, ...]:
    return (turn.was_said, turn.answered, _by(turn))


def _by(turn: Turn) -> str:
    return turn.answers[-1].by if turn.answers else ""
