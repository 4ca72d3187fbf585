"""``showqueue``: the messages that wait for a domain."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.destination import destination
from momentum_trio.node.commands.counts import is_count
from momentum_trio.node.queue_desk import SHOWN_MAX

WINDOW = "100,0"
OFFSET_MAX = 100_000


async def _showqueue(request: Request) -> Answer:
    words, binding = request.words, "default/default"
    if len(words) > 2 and words[0].lower() == "binding":
        binding, words = words[1], words[2:]
    if not 1 <= len(words) <= 2:
        return failure(f"usage: {SHOWQUEUE.synopsis}")
    count, comma, offset = (words[1:] or (WINDOW,))[0].partition(",")
    window = (count, offset if comma else "0")
    if not all(map(is_count, window)) or int(window[1]) > OFFSET_MAX:
        return failure(f"usage: {SHOWQUEUE.synopsis}")
    return await request.administration.ask_mail("showqueue", (binding, destination(words[0]), *window))


SHOWQUEUE = Command(
    ("showqueue",),
    "Show the messages that wait for a domain.",
    _showqueue,
    arguments="[binding BINDING|all] DOMAIN [MAXIMUM,OFFSET]",
    help=f"Those that are being delivered are not shown. At most {SHOWN_MAX} at once; {WINDOW} without a window.",
    candidates=lambda request: () if request.rest else ("binding",),
)
