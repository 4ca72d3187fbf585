"""From a command line to an answer: find the command, run it, say what is wrong where it went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import msgspec

from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.secrecy import Secrets
from momentum_trio.config.tree import CONSOLE
from momentum_trio.console.command import Answer, Command, Operator, Request, failure
from momentum_trio.console.facade import Administration, ApplyError
from momentum_trio.console.word import Word, words
from momentum_trio.console.workspace import Workspace
from momentum_trio.protocol.console.frame import Form

JSON_PREFIX = "json"
"""``json summary`` on any connection is ``summary`` in the other form (the original has ``xml`` in this place)."""
MASK = "***"


@dataclass(frozen=True, slots=True)
class Call:
    """A line as understood.

    command: None when no such command exists. masked: the line without secrets, as it may be kept.
    """

    line: str
    masked: str
    form: Form
    command: Command | None
    request: Request

    @property
    def confidential(self) -> bool:
        """Whether the line holds a secret."""
        return self.masked != self.line


@dataclass(frozen=True, slots=True)
class Output:
    """An answer in the form that was asked for: whole lines of text, or one JSON document and an LF."""

    text: str
    failed: bool


class Dispatch:
    """The commands there are, and the node they act on."""

    def __init__(self, commands: tuple[Command, ...], administration: Administration) -> None:
        self.commands, self.administration = commands, administration
        self._secrets = Secrets(administration.tree.schema)

    def call(self, operator: Operator, line: str, form: Form = "text", workspace: Workspace | None = None) -> Call:
        """Understand *line*: the longest run of words that is a command; the rest is the command's own.

        workspace: of the session that asks; without one the line stands alone.
        """
        workspace = Workspace() if workspace is None else workspace
        line = line.strip()
        if _first(line) == JSON_PREFIX:
            line, form = line[len(JSON_PREFIX) :].lstrip(), "json"
        said, masked = line, masked_line(self._secrets, line)
        module, line = self._module(said)
        for command in sorted(self.commands, key=lambda command: -len(command.words)):
            if module and not command.is_for(module):
                continue
            if (rest := _after(line, command.words)) is not None:
                return Call(said, masked, form, command, self._request(operator, rest, workspace, module))
        return Call(said, masked, form, None, self._request(operator, line, workspace, module))

    async def perform(self, call: Call) -> Output:
        """Run what was called. Faults of ours are not caught here: they end the session."""
        return written(await self.answer(call), call.form)

    def completions(
        self, operator: Operator, line: str, workspace: Workspace | None = None, *, arguments: bool = True
    ) -> tuple[int, tuple[str, ...]]:
        """What the word at the end of *line* could become, and the character at which it begins.

        arguments: whether what is not the word of a command is told as well: it shows the configuration.
        """
        try:
            known = tuple(words(line))
        except ValueError:
            return len(line), ()
        begun = known[-1] if known and known[-1].end == len(line) else Word("", False, len(line), len(line))
        before = line[: begun.start]
        candidates = {*self._next_words(before), *(self._arguments(operator, before, workspace) if arguments else ())}
        fitting = sorted(word for word in candidates if word.lower().startswith(begun.text.lower()))
        return begun.start, tuple(fitting)

    async def answer(self, call: Call) -> Answer:
        """As ``perform``, in both forms."""
        if call.command is None:
            return failure(self._unknown(call.masked, call.request.module))
        if call.request.rest and not call.command.arguments:
            return failure(f"{call.command.name} takes no arguments")
        try:
            return await call.command.run(call.request)
        except ConfigErrors as errors:
            short = call.confidential or _typed_here(errors)
            return failure("\n".join(map(_sentence, errors.errors)) if short else errors.render())
        except ApplyError as error:
            return failure("\n".join(error.problems))

    def _module(self, line: str) -> tuple[str, str]:
        """The instance that *line* is for, and the line for it: ``ec_logger:NAME reopen logs``."""
        word = line.split(maxsplit=1)[0] if line else ""
        scope, _, instance = word.partition(":")
        if instance and self.administration.tree.root.child(scope, instance) is not None:
            return f"{scope.lower()}:{instance}", line[len(word) :].lstrip()
        return "", line

    def _request(self, operator: Operator, rest: str, workspace: Workspace, module: str) -> Request:
        return Request(operator, rest, self.administration, self.commands, workspace, module)

    def _unknown(self, line: str, module: str) -> str:
        if not line:
            return "No command given. Try 'help'."
        if module:
            return f"Unknown command '{line}'. Try '{module} help'."
        names = {command.name: command for command in self.commands}
        asked = tuple(line.lower().split())
        if begun := sorted(name for name, command in names.items() if command.words[: len(asked)] == asked):
            return f"'{line}' begins {'several commands' if begun[1:] else 'a command'}: {', '.join(begun)}"
        longest = max(len(command.words) for command in self.commands)
        for count in range(min(len(asked), longest), 0, -1):
            if near := get_close_matches(" ".join(asked[:count]), names, n=1, cutoff=0.7):
                return f"Unknown command '{line}'. Did you mean '{near[0]}'?"
        return f"Unknown command '{line}'. Try 'help'."

    def _next_words(self, before: str) -> Sequence[str]:
        known = tuple(before.lower().split())
        known = known[1:] if known[:1] == (JSON_PREFIX,) else known
        fitting = [command.words for command in self.commands if command.words[: len(known)] == known]
        return [names[len(known)] for names in fitting if len(names) > len(known)]

    def _arguments(self, operator: Operator, before: str, workspace: Workspace | None) -> Sequence[str]:
        call = self.call(operator, before, workspace=workspace)
        return call.command.candidates(call.request) if call.command is not None else ()


def masked_line(secrets: Secrets, line: str) -> str:
    """*line* without what follows the name of a secret option, whatever the command is; also mistyped ones."""
    end = secrets.named_in(line)
    return f"{line[:end]} {MASK}" if end is not None and line[end:].strip(" \t=\"'") else line


def written(answer: Answer, form: Form) -> Output:
    """*answer* in *form*."""
    if form == "json":
        return Output(msgspec.json.format(msgspec.json.encode(answer.data), indent=2).decode() + "\n", answer.failed)
    text = answer.text if not answer.text or answer.text.endswith("\n") else answer.text + "\n"
    return Output(text, answer.failed)


def _typed_here(errors: ConfigErrors) -> bool:
    """Whether all are about the command itself, and no text needs to be pointed at."""
    return not errors.texts and all(error.at.file == CONSOLE for error in errors.errors)


def _sentence(error: ConfigError) -> str:
    return (f"{error.option}: " if error.option else "") + error.problem + (f" ({error.hint})" if error.hint else "")


def _first(line: str) -> str:
    return line.split(maxsplit=1)[0].lower() if line else ""


def _after(line: str, names: tuple[str, ...]) -> str | None:
    """What follows *names* in *line*; None when it does not begin with them."""
    for name in names:
        if _first(line) != name:
            return None
        line = line[len(name) :].lstrip()
    return line
