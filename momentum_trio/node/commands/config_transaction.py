"""``config begin``, ``commit``, ``confirm``, ``rollback``, ``replay``: changes that hold together, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.transaction import ConfigConflict, Transaction
from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.facade import CONFIRM_SECONDS_MAX, ApplyError

_NONE = "no transaction is under way"
_FAILED = "Commit failed: nothing has changed, and the transaction goes on"
_SCRATCH = ["from", "scratch"]
_CONFIRMED = "confirmed"


async def _begin(request: Request) -> Answer:
    words = request.rest.lower().split()
    if words not in ([], _SCRATCH):
        return failure(f"usage: {BEGIN.synopsis}")
    if (open_one := request.workspace.transaction) is not None:
        count = _counted(len(open_one.changes))
        return failure(f"a transaction is under way ({count}): commit it or roll it back first")
    begun = Transaction(request.administration.tree, from_scratch=words == _SCRATCH)
    request.workspace.transaction = begun
    text = "Transaction begun" + (" from scratch." if begun.from_scratch else ".")
    return Answer(text, {"generation": request.administration.generation, "from_scratch": begun.from_scratch})


async def _commit(request: Request) -> Answer:
    try:
        seconds = _seconds(request.rest)
    except ValueError as wrong:
        return failure(str(wrong))
    if (transaction := request.workspace.transaction) is None:
        return failure(_NONE)
    administration = request.administration
    try:
        await administration.apply(transaction.committed, transaction.replay(), seconds)
    except ConfigConflict as conflict:
        return _lost(conflict)
    except ConfigErrors as errors:
        return _failed(errors.render(), [str(error) for error in errors.errors])
    except ApplyError as error:
        return _failed("\n".join(error.problems), error.problems)
    request.workspace.transaction = None
    text = f"Committed: {_counted(len(transaction.changes))}. Generation {administration.generation} holds."
    left = administration.unconfirmed_seconds if seconds is not None else None
    if left is not None:
        text += f"\nIt is rolled back in {left:.0f} seconds, unless 'config confirm' comes before."
    data: Data = {
        "generation": administration.generation,
        "changes": len(transaction.changes),
        "confirm_within_seconds": left,
    }
    return Answer(text, data)


def _seconds(rest: str) -> float | None:
    """Within how long it is to be confirmed; None when it need not be. Raises ValueError."""
    words = rest.lower().split()
    if not words:
        return None
    if len(words) != 2 or words[0] != _CONFIRMED:
        raise ValueError(f"usage: {COMMIT.synopsis}")
    number = words[1]
    if not (number.isascii() and number.isdigit()) or len(number) > 9 or not 1 <= int(number) <= CONFIRM_SECONDS_MAX:
        raise ValueError(f"expected a whole number of seconds from 1 to {CONFIRM_SECONDS_MAX}, not '{number}'")
    return float(number)


def _lost(conflict: ConfigConflict) -> Answer:
    said = "\n".join(f"  {line}" for line in conflict.conflicts)
    text = f"Another change was first, and this transaction is about the same:\n{said}\n{_FAILED}."
    return Answer(text, {"error": _FAILED, "conflicts": conflict.conflicts}, failed=True)


def _failed(said: str, problems: Sequence[str]) -> Answer:
    return Answer(f"{said}\n{_FAILED}.", {"error": _FAILED, "problems": tuple(problems)}, failed=True)


async def _confirm(request: Request) -> Answer:
    if not await request.administration.confirm():
        return failure("no commit waits to be confirmed")
    generation = request.administration.generation
    return Answer(f"Confirmed. Generation {generation} holds.", {"generation": generation})


async def _rollback(request: Request) -> Answer:
    if (transaction := request.workspace.transaction) is not None:
        request.workspace.transaction = None
        count = len(transaction.changes)
        return Answer(f"Rolled back: {_counted(count)} dropped.", {"changes": count})
    if not await request.administration.roll_back():
        return failure(_NONE)
    generation = request.administration.generation
    text = f"Rolled back: the commit that was not confirmed. Generation {generation} holds what was before it."
    return Answer(text, {"generation": generation})


async def _replay(request: Request) -> Answer:
    if (transaction := request.workspace.transaction) is None:
        return failure(_NONE)
    lines = tuple(f"config {line}" for line in transaction.replay())
    return Answer("\n".join(lines), lines)


def _counted(changes: int) -> str:
    return "1 change" if changes == 1 else f"{changes} changes"


def _begin_words(request: Request) -> Sequence[str]:
    known = request.rest.lower().split()
    return () if known != _SCRATCH[: len(known)] else _SCRATCH[len(known) : len(known) + 1]


def _commit_words(request: Request) -> Sequence[str]:
    return () if request.rest.split() else (_CONFIRMED,)


BEGIN = Command(
    ("config", "begin"),
    "Begin a transaction: changes that wait for 'config commit'.",
    _begin,
    arguments="[from scratch]",
    help="It belongs to this session and ends with it. 'config get', 'eval', 'set', 'unset', 'show' and 'locate' act\n"
    "on what it would make of the configuration; nobody else sees it, and nothing happens before 'config commit'.\n"
    "'from scratch' begins with an empty configuration.",
    candidates=_begin_words,
)
COMMIT = Command(
    ("config", "commit"),
    "Let the changes of the transaction hold, all or none of them.",
    _commit,
    arguments="[confirmed SECONDS]",
    help="What cannot be is said with file and line ('console' and the number of the line in 'config replay' for what\n"
    "was changed here); then nothing changes, and the transaction goes on. If what it changes was changed since it\n"
    "began, by another transaction or a reload, it is refused and says what: the first commit wins.\n"
    "'confirmed' rolls it back by itself, also when this session is lost, unless 'config confirm' comes within\n"
    f"SECONDS (at most {CONFIRM_SECONDS_MAX}). Until then nothing else can be changed. The change is in memory: a\n"
    "restart reads the files; 'config writeback' writes to them.",
    candidates=_commit_words,
)
CONFIRM = Command(
    ("config", "confirm"),
    "Keep what 'config commit confirmed' changed.",
    _confirm,
    help="Any session may say so.",
)
ROLLBACK = Command(
    ("config", "rollback"),
    "Drop the changes of the transaction.",
    _rollback,
    help="Without a transaction: take back a commit that waits to be confirmed, at once.",
)
REPLAY = Command(
    ("config", "replay"),
    "Show the changes of the transaction so far, as the commands that make them.",
    _replay,
    help="Values of secret options are not shown.",
)
