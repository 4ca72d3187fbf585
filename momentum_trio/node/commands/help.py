"""``help``: made from the declarations of the commands there are."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.console.command import ANY_MODULE, Answer, Command, Data, Request, failure
from momentum_trio.node.commands.module_list import MODULES


async def _help(request: Request) -> Answer:
    if request.module:
        return _of_module(request.module, request.commands)
    asked = tuple(request.rest.lower().split())
    found = sorted((c for c in request.commands if c.words[: len(asked)] == asked), key=lambda command: command.words)
    if not found:
        return failure(f"There is no command '{request.rest}'. 'help' lists those there are.")
    exact = [command for command in found if command.words == asked]
    if exact:
        return Answer(_page(exact[0]), _fields(exact[0]))
    return Answer(_list(found), [_fields(command) for command in found])


def _of_module(module: str, commands: Sequence[Command]) -> Answer:
    """The commands that the instance *module* takes."""
    if module.partition(":")[0] not in MODULES:
        return failure(f"'{module}' is no module: 'module list' lists those there are")
    return _described([command for command in commands if command.is_for(module)])


def help_of(word: str, meaning: str) -> Command:
    """``WORD help``: lists the commands that begin with *word*."""

    async def run(request: Request) -> Answer:
        return _described([command for command in request.commands if command.words[0] == word])

    return Command((word, "help"), meaning, run)


def _described(commands: Sequence[Command]) -> Answer:
    """Each of *commands*, and behind it on a line of its own what it does."""
    text = "\n".join(f"{command.synopsis}\n\t{command.meaning}" for command in commands)
    return Answer(text, [_fields(command) for command in commands])


def _list(commands: Sequence[Command]) -> str:
    width = max(len(command.name) for command in commands)
    return "\n".join(f"{command.name:<{width}}  {command.meaning}" for command in commands)


def _page(command: Command) -> str:
    return f"{command.synopsis}\n\t{command.meaning}" + (f"\n\n{command.help}" if command.help else "")


def _fields(command: Command) -> Data:
    return {
        "command": command.name,
        "synopsis": command.synopsis,
        "meaning": command.meaning,
        "help": command.help,
    }


def _candidates(request: Request) -> Sequence[str]:
    known = tuple(request.rest.lower().split())
    commands = [command.words for command in request.commands if command.words[: len(known)] == known]
    return [words[len(known)] for words in commands if len(words) > len(known)]


HELP = Command(
    ("help",),
    "List the commands, or tell more of one.",
    _help,
    arguments="[COMMAND]",
    help="'help config' lists the commands that begin so; 'help config set' tells all about that one.\n"
    "Before any command 'json' asks for the reply as JSON: 'json summary'.\n"
    "'ec_logger:NAME help' lists what that instance of a module takes.",
    module=ANY_MODULE,
    candidates=_candidates,
)
