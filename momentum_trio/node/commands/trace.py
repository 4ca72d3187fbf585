"""``trace smtp``: what outbound conversations say, in files (spec/console.md section 7)."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination
from momentum_trio.console.word import split
from momentum_trio.delivery.tracing import TRACERS_MAX
from momentum_trio.node.commands.counts import is_count


async def _add(request: Request) -> Answer:
    try:
        words = split(request.rest)
    except ValueError as error:
        return failure(str(error))
    if len(words) != 3:
        return failure(f"usage: {ADD.synopsis}")
    binding, domain, path = words
    return await request.administration.ask_mail("trace smtp add", (binding, destination(domain), path))


async def _list(request: Request) -> Answer:
    return await request.administration.ask_mail("trace smtp list")


async def _remove(request: Request) -> Answer:
    if not is_count(request.rest):
        return failure(f"usage: {REMOVE.synopsis}")
    return await request.administration.ask_mail("trace smtp remove", (request.rest,))


ADD = Command(
    ("trace", "smtp", "add"),
    "Write what outbound conversations say to a new file.",
    _add,
    arguments="BINDING|* DOMAIN|* FILE",
    help=f"Those that begin from now on, of a binding and a domain, or of all. Passwords are masked. FILE is a name\n"
    f"in Trace_SMTP_Directory, and must not be there yet. There are at most {TRACERS_MAX} tracers.",
    candidates=lambda request: ("*",) if len(request.rest.split()) < 2 else (),
)
LIST = Command(("trace", "smtp", "list"), "List what is traced, and where to.", _list)
REMOVE = Command(("trace", "smtp", "remove"), "End a tracer.", _remove, arguments="NUMBER")
