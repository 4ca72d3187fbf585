"""``flush domain``: delayed mail is tried at once."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination


async def _flush(request: Request) -> Answer:
    words = request.words
    if len(words) != 1:
        return failure(f"usage: {FLUSH.synopsis}")
    return await request.administration.ask_mail("flush domain", ("all", destination(words[0])))


async def _binding_flush(request: Request) -> Answer:
    words = request.words
    if len(words) != 2:
        return failure(f"usage: {BINDING_FLUSH.synopsis}")
    return await request.administration.ask_mail("flush domain", (words[0], destination(words[1])))


FLUSH = Command(
    ("flush", "domain"),
    "Try the delayed messages of a domain, or of all, at once.",
    _flush,
    arguments="DOMAIN|all",
    candidates=lambda request: () if request.rest else ("all",),
)
BINDING_FLUSH = Command(
    ("binding", "flush", "domain"),
    "Try the delayed messages of a domain, or of all, in one binding at once.",
    _binding_flush,
    arguments="BINDING DOMAIN|all",
)
