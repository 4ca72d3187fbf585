"""``spool import`` and ``spool import_poll``: the mail of another spool is taken over."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.word import words
from momentum_trio.node.commands.counts import is_count

SUPPRESS = "suppress_trace_headers"


async def _import(request: Request) -> Answer:
    given = _words(request)
    fitting = 1 <= len(given) <= 3 and all(map(is_count, given[1:2])) and given[2:] in ([], [SUPPRESS])
    if not fitting or not given[0].startswith("/"):
        return failure(f"usage: {IMPORT.synopsis}")
    return await request.administration.ask_mail("spool import", given[:1])


async def _poll(request: Request) -> Answer:
    given = _words(request)
    if len(given) != 1:
        return failure(f"usage: {IMPORT_POLL.synopsis}")
    return await request.administration.ask_mail("spool import_poll", given)


def _words(request: Request) -> list[str]:
    """None where a quote stays open."""
    try:
        return [word.text.rstrip("/") or "/" for word in words(request.rest)]
    except ValueError:
        return []


IMPORT = Command(
    ("spool", "import"),
    "Take over the messages of another spool.",
    _import,
    arguments="DIRECTORY [CONCURRENCY] [suppress_trace_headers]",
    help="It goes on after this has answered; 'spool import_poll' and the importlog tell of it. Messages that were\n"
    "taken over are gone from DIRECTORY, which has to lie in one of those that Spool_Import_Directories named when\n"
    "the host was started, and not behind symbolic links. The other words are taken and change nothing: batches are\n"
    "written many at a time, and no trace fields are added.",
)
IMPORT_POLL = Command(
    ("spool", "import_poll"),
    "Show how far an import is.",
    _poll,
    arguments="DIRECTORY",
)
