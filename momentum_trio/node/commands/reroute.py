"""``reroute queue`` and ``rebind``: mail goes another way."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination


async def _reroute(request: Request) -> Answer:
    words = tuple(map(destination, request.words))
    if len(words) != 2 or words[0] == words[1]:
        return failure(f"usage: {REROUTE.synopsis}")
    return await request.administration.ask_mail("reroute queue", words)


async def _rebind(request: Request) -> Answer:
    words = request.words
    if not 1 <= len(words) <= 2:
        return failure(f"usage: {REBIND.synopsis}")
    return await request.administration.ask_mail("rebind", (words[0], destination(words[1]) if words[1:] else ""))


REROUTE = Command(
    ("reroute", "queue"),
    "Have the messages of one domain go to the hosts of another.",
    _reroute,
    arguments="DOMAIN OTHER",
    help="It outlives a restart. Messages that come later go where they went.",
)
REBIND = Command(
    ("rebind",),
    "Give the messages of a binding the binding that Outbound_Binding says now.",
    _rebind,
    arguments="BINDING|all [DOMAIN]",
    help="It outlives a restart. It is refused where Outbound_Binding is not the same for all listeners, since which\n"
    "of them took a message is not kept. Messages in one of its bindings stay there.",
    candidates=lambda request: () if request.rest else ("all",),
)
