"""Of two who change the same option the first commit wins: the transaction that comes later is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..admin import ANOTHER
from ..evidence import Evidence, Violation

NAME = "first_commit_wins"
_SET = "config set "


def first_commit_wins(evidence: Evidence) -> Iterator[Violation]:
    """One for each conversation in which a transaction was committed over what another session had set meanwhile."""
    for struck, said in evidence.conversations:
        for option in sorted(_overrun(said.lines)):
            text = f"{option} was set by another session, and a transaction that began before was committed over it"
            yield Violation(NAME, text, struck.began, host=struck.fault.targets[0])


def _overrun(lines: Sequence[tuple[str, bool]]) -> set[str]:
    """What both set, between the first session's ``config begin`` and its commit."""
    mine: set[str] = set()
    others: set[str] = set()
    for line, _ in lines:
        if line.startswith("config begin"):
            mine, others = set(), set()
        elif line.startswith(ANOTHER + _SET):
            others.add(_option(line.removeprefix(ANOTHER)))
        elif line.startswith(_SET):
            mine.add(_option(line))
        elif line.startswith("config commit"):
            return mine & others
    return set()


def _option(line: str) -> str:
    """``config set Drain_Timeout 4`` is about ``drain_timeout``."""
    return line.removeprefix(_SET).rpartition(" ")[0].lower()
