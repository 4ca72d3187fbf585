"""``active``, ``delayed``, ``domain`` and their forms for one binding: how much mail there is, and for whom."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination

COUNT_DIGITS_MAX = 9
ROWS = "C: connections, A: active messages, D: delayed messages, S: messages sent since there has been mail."
TOTALS = f"{ROWS}\nThe last row counts all domains, not only those above."


def is_count(word: str) -> bool:
    """Whether *word* is a number that may be asked for."""
    return word.isascii() and word.isdigit() and len(word) <= COUNT_DIGITS_MAX


async def _threshold(request: Request, command: str, usage: str, *, of_binding: bool) -> Answer:
    words = request.words
    if len(words) != 1 + of_binding or not is_count(words[-1]):
        return failure(usage)
    return await request.administration.ask_mail(command, words if of_binding else ("all", *words))


async def _active(request: Request) -> Answer:
    return await _threshold(request, "active", "usage: active THRESHOLD", of_binding=False)


async def _delayed(request: Request) -> Answer:
    return await _threshold(request, "delayed", "usage: delayed THRESHOLD", of_binding=False)


async def _binding_active(request: Request) -> Answer:
    return await _threshold(request, "active", "usage: binding active BINDING THRESHOLD", of_binding=True)


async def _binding_delayed(request: Request) -> Answer:
    return await _threshold(request, "delayed", "usage: binding delayed BINDING THRESHOLD", of_binding=True)


async def _domain(request: Request) -> Answer:
    if len(request.words) != 1:
        return failure("usage: domain DOMAIN|all")
    domain = destination(request.words[0])
    answer = await request.administration.ask_mail("domain", (domain,))
    tree = request.administration.tree
    if answer.failed or tree.root.child("domain", domain) is None:
        return answer
    return Answer(f"{tree.show((('domain', domain),), recurse=True)}\n{answer.text}", answer.data)


async def _domain_all(request: Request) -> Answer:
    return await request.administration.ask_mail("domain all")


ACTIVE = Command(
    ("active",),
    "Show the domains with more active messages than a number.",
    _active,
    arguments="THRESHOLD",
    help=TOTALS,
)
DELAYED = Command(
    ("delayed",),
    "Show the domains with more delayed messages than a number.",
    _delayed,
    arguments="THRESHOLD",
    help=TOTALS,
)
BINDING_ACTIVE = Command(
    ("binding", "active"),
    "Show the domains of a binding with more active messages than a number.",
    _binding_active,
    arguments="BINDING THRESHOLD",
    help=TOTALS,
)
BINDING_DELAYED = Command(
    ("binding", "delayed"),
    "Show the domains of a binding with more delayed messages than a number.",
    _binding_delayed,
    arguments="BINDING THRESHOLD",
    help=TOTALS,
)
DOMAIN = Command(
    ("domain",),
    "Show a domain: its own options, its hosts, its mail.",
    _domain,
    arguments="DOMAIN|all",
    help="'=>' stands before the address that would be next, '*' before one that failed.",
)
DOMAIN_ALL = Command(("domain", "all"), "Show the counts of each domain.", _domain_all, help=ROWS)
DOMAINS = Command(("domains",), "Show the counts of each domain, as 'domain all' does.", _domain_all, help=ROWS)
