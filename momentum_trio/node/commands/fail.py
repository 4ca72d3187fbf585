"""``fail domain``: mail is given up, and its senders are told unless it is to be quiet."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination

QUIET = "quiet"


async def _fail(request: Request) -> Answer:
    words = request.words
    quiet = QUIET if words and words[0].lower() == QUIET else ""
    if len(words) != 1 + bool(quiet):
        return failure(f"usage: {FAIL.synopsis}")
    return await request.administration.ask_mail("fail domain", ("all", quiet, destination(words[-1]), ""))


async def _binding_fail(request: Request) -> Answer:
    words = request.words
    skipped = int(len(words) > 2 and words[0].lower() == QUIET)
    if len(words) < skipped + 2:
        return failure(f"usage: {BINDING_FAIL.synopsis}")
    binding, domain = words[skipped], destination(words[skipped + 1])
    message = request.rest.split(maxsplit=skipped + 2)[skipped + 2 :] or [""]
    return await request.administration.ask_mail("fail domain", (binding, QUIET * skipped, domain, *message))


FAIL = Command(
    ("fail", "domain"),
    "Give up all messages of a domain, or of all domains.",
    _fail,
    arguments="[quiet] DOMAIN|all",
    help="Their senders are told, unless it is quiet. Messages that are being delivered are left alone.",
    candidates=lambda request: () if request.rest.strip().lower() not in ("", QUIET) else ("all", QUIET),
)
BINDING_FAIL = Command(
    ("binding", "fail", "domain"),
    "Give up all messages of a domain, or of all domains, in one binding.",
    _binding_fail,
    arguments="[quiet] BINDING DOMAIN|all [MESSAGE]",
    help="MESSAGE is the reason in the log and in what senders are told; 554 is put before it if it has no such code.",
    candidates=lambda request: () if request.rest else (QUIET,),
)
