"""``counter``: counters that operators and their scripts keep (spec/console.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.counters import CounterRefused
from momentum_trio.console.word import split
from momentum_trio.node.commands.help import help_of

SEMANTICS = "relaxed"
DIGITS_MAX = 19


async def _list(request: Request) -> Answer:
    known = list(request.administration.instruments.counters)
    lines = [f"{each.value}   {_time(each.reset_at)}    {SEMANTICS}  {name}" for name, each in known]
    data: list[Data] = [{"counter": name, "value": each.value, "reset_at": each.reset_at} for name, each in known]
    heading = "VALUE       RESET_TIME       SEMANTICS COUNTER"
    return Answer("\n".join([heading, *lines, f"{len(known)} counters listed."]), data)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d@%H:%M:%S}"


async def _add(request: Request) -> Answer:
    words = _words(request)
    if len(words) != 2 or (delta := _delta(words[1])) is None:
        return failure(f"usage: {ADD.synopsis}")
    return _added(request, words[0], delta)


def _delta(word: str) -> int | None:
    digits = word.removeprefix("-").removeprefix("+") if word[:1] in "+-" else word
    return int(word) if digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX else None


async def _increment(request: Request) -> Answer:
    words = _words(request)
    return _added(request, words[0], 1) if len(words) == 1 else failure(f"usage: {INCREMENT.synopsis}")


def _added(request: Request, name: str, delta: int) -> Answer:
    try:
        value = request.administration.instruments.counters.add(name, delta)
    except CounterRefused as refused:
        return failure(str(refused))
    return Answer(f"{name} = {value}", {"counter": name, "value": value})


async def _reset(request: Request) -> Answer:
    counters = request.administration.instruments.counters
    return _changed(request, RESET, counters.reset, lambda name: Answer(f"{name} = 0", {"counter": name, "value": 0}))


async def _unlink(request: Request) -> Answer:
    counters = request.administration.instruments.counters
    return _changed(
        request, UNLINK, counters.unlink, lambda name: Answer(f"{name} unlinked", {"counter": name, "unlinked": True})
    )


def _changed(
    request: Request, command: Command, change: Callable[[str], object], said: Callable[[str], Answer]
) -> Answer:
    """What comes of *change* for the one counter that is named."""
    words = _words(request)
    if len(words) != 1:
        return failure(f"usage: {command.synopsis}")
    try:
        change(words[0])
    except CounterRefused as refused:
        return failure(str(refused))
    return said(words[0])


def _words(request: Request) -> Sequence[str]:
    """None where a quote stays open."""
    try:
        return split(request.rest)
    except ValueError:
        return ()


def _names(request: Request) -> Sequence[str]:
    return () if request.rest else [name for name, _ in request.administration.instruments.counters]


_KEPT = "Counters are in memory: a restart forgets them."

LIST = Command(("counter", "list"), "List the counters.", _list, help="Times in UTC.")
ADD = Command(
    ("counter", "add"),
    "Add to a counter.",
    _add,
    arguments="COUNTER NUMBER",
    help=f"A counter that does not exist is made. The number may be negative. {_KEPT}",
    candidates=_names,
)
HELP = help_of("counter", "List the commands about counters.")
INCREMENT = Command(
    ("counter", "increment"),
    "Add one to a counter.",
    _increment,
    arguments="COUNTER",
    help=f"A counter that does not exist is made. {_KEPT}",
    candidates=_names,
)
RESET = Command(("counter", "reset"), "Let a counter count from zero.", _reset, arguments="COUNTER", candidates=_names)
UNLINK = Command(("counter", "unlink"), "Delete a counter.", _unlink, arguments="COUNTER", candidates=_names)
