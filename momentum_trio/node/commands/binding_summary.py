"""``binding summary``: what each binding did since the start."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure


async def _summary(request: Request) -> Answer:
    words = request.words
    if len(words) > 1:
        return failure(f"usage: {BINDING_SUMMARY.synopsis}")
    return await request.administration.ask_mail("binding summary", words or ("",))


BINDING_SUMMARY = Command(
    ("binding", "summary"),
    "Show statistics of each binding, of one, or of a binding group.",
    _summary,
    arguments="[BINDING|SLOT|group:GROUP]",
    help="A slot is the place of a binding in the list of all, from 0. Resident: the envelope is in memory.",
)
