"""Of two who change the same option the first commit wins: the transaction that comes later is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..admin import Said
from ..console_line import How, read
from ..evidence import Evidence, Violation
from ..reference_configuration import Broken, Configuration, Path, place, words_of
from ..reference_configuration import read as read_configuration

NAME = "first_commit_wins"
_SET = "config set "
Option = tuple[Path, str]


@dataclass(slots=True)
class _Transaction:
    """mine: the options it sets, to what; others: those that somebody else has changed since it began."""

    mine: dict[Option, str] = field(default_factory=dict)
    others: set[Option] = field(default_factory=set)


def first_commit_wins(evidence: Evidence) -> Iterator[Violation]:
    """One for each conversation in which a transaction was committed over what another session had set meanwhile."""
    for struck, said in evidence.conversations:
        for option in sorted(option for _, option in _overrun(said)):
            text = f"{option} was set by another session, and a transaction that began before was committed over it"
            yield Violation(NAME, text, struck.began, host=struck.fault.targets[0])


def _overrun(said: Said) -> set[Option]:
    """What one session committed that the other had made hold since its ``config begin``."""
    held = _Held(said.first)
    under_way: dict[How, _Transaction] = {}
    overrun: set[Option] = set()
    for line, ok in said.lines:
        who, text = read(line).how, read(line).text
        if not ok:
            continue
        if text.startswith("config begin"):
            under_way[who] = _Transaction()
        elif text.startswith("config rollback"):
            under_way.pop(who, None)
        elif text.startswith("config commit") and who in under_way:
            transaction = under_way.pop(who)
            overrun |= transaction.mine.keys() & transaction.others
            _tell(under_way, held.changed(transaction.mine))
        elif text.startswith(_SET) and who in under_way:
            under_way[who].mine |= _set_by(text)
        elif text.startswith(_SET):
            _tell(under_way, held.changed(_set_by(text)))
    return overrun


class _Held:
    """What holds, as far as the lines tell; *first*: as shown before them."""

    def __init__(self, first: str) -> None:
        try:
            self._configuration = read_configuration(first)
        except Broken:
            self._configuration = Configuration({})

    def changed(self, options: dict[Option, str]) -> set[Option]:
        """Set *options*; those of them that were something else before."""
        before = self._configuration
        for (path, option), value in options.items():
            self._configuration = self._configuration.with_option(path, option, words_of(value))
        now = self._configuration.scopes
        return {
            (path, option) for path, option in options if before.scopes.get(path, {}).get(option) != now[path][option]
        }


def _tell(under_way: dict[How, _Transaction], options: set[Option]) -> None:
    """*options* hold now: whoever has a transaction learns it."""
    for transaction in under_way.values():
        transaction.others |= options


def _set_by(line: str) -> dict[Option, str]:
    """``config set Drain_Timeout 4`` is about ``drain_timeout``."""
    path, option, value = place(line.removeprefix(_SET))
    return {(path, option): value}
