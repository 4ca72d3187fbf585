"""``config explain``: why a peer's session, or mail to a domain, goes as it goes."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.console.command import Answer, Command, Request, failure
from momentum_trio.console.word import split
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.explanation.inbound import OF_SESSIONS, SMTP
from momentum_trio.node.explanation.place import listens
from momentum_trio.node.explanation.question import CONSOLE, INBOUND, OUTBOUND, completions


async def _explain(request: Request) -> Answer:
    node = request.administration
    try:
        return answer(node.tree, split(request.rest), node.hostname)
    except ValueError as error:
        return failure(str(error))


def _next_words(request: Request) -> Sequence[str]:
    """Keywords; behind ``to`` the Listens there are, behind ``option`` those a session of ESMTP reads."""
    known = split(request.rest)
    match known[-1].lower() if known else "":
        case "to":
            return [str(listen.endpoint) for listen in listens(request.administration.tree)]
        case "option":
            return [option.name for group in OF_SESSIONS[SMTP] for option in group.declared]
        case _:
            return completions(known)


EXPLAIN = Command(
    ("config", "explain"),
    "Tell why a peer's session, or mail to a domain, goes as it goes.",
    _explain,
    arguments=f"{INBOUND} | {CONSOLE} | {OUTBOUND}",
    help="Who answers for the peer, what he is told to each command and by which rule, and every option with the file,"
    " the line and the scope that set it. The code of a session decides, and nothing is sent or changed.\n"
    "'to' is an endpoint as a Listen has it, ':25' or the address he reaches; 'unix', or a path, is a Unix peer.\n"
    "Without 'from' it is the null reverse-path, without 'helo' the EHLO of a client of that address. Keywords may be\n"
    "cut short. 'option' shows that one alone, with every scope that sets it. 'control' is a console: who is let in as"
    " whom,\nand whether a user of these roles may say 'command'. 'ec_explain' does the same to a file.",
    candidates=_next_words,
)
