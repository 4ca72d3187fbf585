"""``cache list``, ``cache stat`` and ``cache stats``: the memories of answers there are (spec/console.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.node.cache_pages import ALL, ATTRIBUTES, SUMMARY, VALID

NAMES = ("dns", "hosts", "keys", "tls")


async def _list(request: Request) -> Answer:
    attributes = [word.lower() for word in request.words]
    if any(each not in (*ATTRIBUTES, SUMMARY, ALL) for each in attributes):
        return failure(VALID)
    return await request.administration.ask_mail("cache list", attributes)


async def _stat(request: Request) -> Answer:
    words = request.words
    if len(words) != 1:
        return failure(f"usage: {STAT.synopsis}")
    return await request.administration.ask_mail("cache stat", words)


async def _stats(request: Request) -> Answer:
    return await request.administration.ask_mail("cache stats", request.words)


def _names(request: Request) -> Sequence[str]:
    return NAMES


LIST = Command(
    ("cache", "list"),
    "List the caches, with attributes of them.",
    _list,
    arguments="[ATTRIBUTE ...]",
    help=f"{VALID}; also all, and summary. Rates are those since the start.\n"
    "dns: answers of DNS, once it was asked; hosts: those of domains; keys: that sign; tls: TLS contexts.",
    candidates=lambda request: (*ATTRIBUTES, ALL, SUMMARY),
)
STAT = Command(
    ("cache", "stat"),
    "Show all about one cache.",
    _stat,
    arguments="CACHE",
    candidates=lambda request: () if request.rest else NAMES,
)
STATS = Command(("cache", "stats"), "Show a row for each cache.", _stats, arguments="[CACHE ...]", candidates=_names)
