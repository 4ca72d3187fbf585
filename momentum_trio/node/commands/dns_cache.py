"""``dns_cache``: the answers of DNS that are remembered."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination
from momentum_trio.node.dns_desk import TYPES


async def _stats(request: Request) -> Answer:
    return await request.administration.ask_mail("dns_cache stats")


async def _refcnts(request: Request) -> Answer:
    return await request.administration.ask_mail("dns_cache refcnts")


async def _submit(request: Request) -> Answer:
    return await _about_record(request, "submit")


async def _lookup(request: Request) -> Answer:
    return await _about_record(request, "lookup")


async def _about_record(request: Request, word: str) -> Answer:
    words = request.words
    if len(words) != 2 or words[1].upper() not in TYPES:
        return failure(f"usage: dns_cache {word} NAME {'|'.join(TYPES)}")
    return await request.administration.ask_mail(f"dns_cache {word}", (destination(words[0]), words[1].upper()))


_ARGUMENTS = "NAME TYPE"
_TYPES = f"TYPE is one of {', '.join(TYPES)}. PTR, X and X_AAAA take an address."

STATS = Command(("dns_cache", "stats"), "Show how much is asked and remembered.", _stats)
REFCNTS = Command(
    ("dns_cache", "refcnts"),
    "Show what is remembered, for how long, and how many domains use it.",
    _refcnts,
)
SUBMIT = Command(
    ("dns_cache", "submit"),
    "Ask DNS, unless the answer is remembered.",
    _submit,
    arguments=_ARGUMENTS,
    help=f"It answers before DNS does. {_TYPES}",
)
LOOKUP = Command(
    ("dns_cache", "lookup"),
    "Show an answer that is remembered.",
    _lookup,
    arguments=_ARGUMENTS,
    help=_TYPES,
)
