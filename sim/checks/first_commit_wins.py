"""Of two who change the same option the first commit wins: the transaction that comes later is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..console_line import How, read
from ..evidence import Evidence, Violation

NAME = "first_commit_wins"
_SET = "config set "


@dataclass(slots=True)
class _Transaction:
    """mine: the options it changes; others: those that somebody else has changed since it began."""

    mine: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


def first_commit_wins(evidence: Evidence) -> Iterator[Violation]:
    """One for each conversation in which a transaction was committed over what another session had set meanwhile."""
    for struck, said in evidence.conversations:
        for option in sorted(_overrun(said.lines)):
            text = f"{option} was set by another session, and a transaction that began before was committed over it"
            yield Violation(NAME, text, struck.began, host=struck.fault.targets[0])


def _overrun(lines: Sequence[tuple[str, bool]]) -> set[str]:
    """What one session committed that the other had made hold since its ``config begin``."""
    under_way: dict[How, _Transaction] = {}
    overrun: set[str] = set()
    for line, ok in lines:
        who, text = read(line).how, read(line).text
        if not ok:
            continue
        if text.startswith("config begin"):
            under_way[who] = _Transaction()
        elif text.startswith("config rollback"):
            under_way.pop(who, None)
        elif text.startswith("config commit") and who in under_way:
            transaction = under_way.pop(who)
            overrun |= transaction.mine & transaction.others
            _tell(under_way, transaction.mine)
        elif text.startswith(_SET) and who in under_way:
            under_way[who].mine.add(_option(text))
        elif text.startswith(_SET):
            _tell(under_way, {_option(text)})
    return overrun


def _tell(under_way: dict[How, _Transaction], options: set[str]) -> None:
    """*options* hold now: whoever has a transaction learns it."""
    for transaction in under_way.values():
        transaction.others |= options


def _option(line: str) -> str:
    """``config set Drain_Timeout 4`` is about ``drain_timeout``."""
    return line.removeprefix(_SET).rpartition(" ")[0].lower()
