"""``mailq``: the queues by binding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination
from momentum_trio.node.commands.counts import is_count

LIMIT = "20"
KINDS = {"-d": "d:", "--domain": "d:", "-b": "b:", "--binding": "b:", "-l": "l:", "--limit": "l:"}


async def _mailq(request: Request) -> Answer:
    try:
        options = list(_options(request.words))
    except ValueError:
        return failure(f"usage: {MAILQ.synopsis}")
    limits = [each[2:] for each in options if each.startswith("l:")] or [LIMIT]
    if not is_count(limits[-1]):
        return failure(f"usage: {MAILQ.synopsis}")
    filters = [each for each in options if not each.startswith("l:")]
    return await request.administration.ask_mail("mailq", (limits[-1], *filters))


def _options(words: Sequence[str]) -> Iterator[str]:
    """Each value, its kind before it. Raises ValueError where a value has no option, or an option no value."""
    kind, wanting = "", False
    for word in words:
        if word in KINDS:
            if wanting:
                raise ValueError(word)
            kind, wanting = KINDS[word], True
        elif not kind:
            raise ValueError(word)
        else:
            wanting = False
            yield kind + (destination(word) if kind == "d:" else word)
    if wanting:
        raise ValueError(kind)


MAILQ = Command(
    ("mailq",),
    "Show how many messages are active and delayed, by binding and domain.",
    _mailq,
    arguments="[-d DOMAIN ...] [-b BINDING ...] [-l NUMBER]",
    help=f"Also --domain, --binding and --limit. Without a limit {LIMIT} queues are shown.",
    candidates=lambda request: ("-d", "-b", "-l"),
)
