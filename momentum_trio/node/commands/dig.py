"""``dig`` and ``refresh domain``: what is known of the hosts of domains is looked up, or forgotten."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination


async def _dig(request: Request) -> Answer:
    words = tuple(map(destination, request.words))
    return await request.administration.ask_mail("dig", words) if len(words) == 1 else failure("usage: dig DOMAIN")


async def _refresh(request: Request) -> Answer:
    words = tuple(map(destination, request.words))
    if len(words) != 1:
        return failure("usage: refresh domain DOMAIN|all")
    return await request.administration.ask_mail("refresh domain", words)


DIG = Command(
    ("dig",),
    "Look up the hosts of a domain.",
    _dig,
    arguments="DOMAIN",
    help="It answers before they are found; 'domain DOMAIN' shows them. What is known is not looked up again: see"
    " 'refresh domain'.",
)
REFRESH_DOMAIN = Command(
    ("refresh", "domain"),
    "Forget what is known of the hosts of a domain, or of all.",
    _refresh,
    arguments="DOMAIN|all",
    help="When mail for the domain is next due DNS is asked anew and its MTA-STS policy fetched anew; addresses that"
    " failed are tried again.",
    candidates=lambda request: () if request.rest else ("all",),
)
