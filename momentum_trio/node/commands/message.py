"""``message``: one message is shown, given up or tried at once; ``spool_in``."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure

PARTS = ("full", "body")
QUIET = "quiet"


async def _details(request: Request) -> Answer:
    return await _about_one(request, DETAILS, PARTS)


async def _fail(request: Request) -> Answer:
    return await _about_one(request, FAIL_ONE, (QUIET,))


async def _about_one(request: Request, command: Command, modes: tuple[str, ...]) -> Answer:
    words = request.words
    mode = words[0].lower() if len(words) == 2 else ""
    if not words or len(words) > 2 or (len(words) == 2 and mode not in modes):
        return failure(f"usage: {command.synopsis}")
    return await request.administration.ask_mail(command.name, (mode, words[-1]))


async def _retry(request: Request) -> Answer:
    return await _alone(request, RETRY)


async def _spool_in(request: Request) -> Answer:
    return await _alone(request, SPOOL_IN)


async def _alone(request: Request, command: Command) -> Answer:
    words = request.words
    if len(words) != 1:
        return failure(f"usage: {command.synopsis}")
    return await request.administration.ask_mail(command.name, words)


DETAILS = Command(
    ("message", "details"),
    "Show a message that waits: its metadata, its content, or both.",
    _details,
    arguments="[full|body] ID",
    help="Times are UTC. Of the content the first megabyte is shown.",
    candidates=lambda request: () if request.rest else PARTS,
)
FAIL_ONE = Command(
    ("message", "fail"),
    "Give a message up.",
    _fail,
    arguments="[quiet] ID",
    help="Its sender is told, unless it is quiet.",
    candidates=lambda request: () if request.rest else (QUIET,),
)
RETRY = Command(("message", "retry"), "Try a delayed message at once.", _retry, arguments="ID")
SPOOL_IN = Command(
    ("spool_in",),
    "Load a message of the spool into the queue, if it is not there.",
    _spool_in,
    arguments="ID",
)
