"""A console command: its declaration, what it is asked, what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.facade import Administration
from momentum_trio.console.word import split
from momentum_trio.console.workspace import Workspace

Data = None | bool | int | float | str | Sequence["Data"] | Mapping[str, "Data"]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, and from where.

    user: who the operating system says or a mechanism proved, empty when nobody in particular. endpoint: the Listen as
    configured. peer: ``127.0.0.1:4711``, empty for a Unix peer (spec/logs.md section 6). roles: those of the user by
    AuthorizationParameters, as they are for this command.
    """

    user: str
    endpoint: str
    peer: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers, in both forms.

    text: for people and scripts, lines as spec/console.md has them; the LF of the last line may be left out.
    data: the same as values, for ``--json``. failed: the command did not do what it says.
    """

    text: str
    data: Data = None
    failed: bool = False


def failure(problem: str) -> Answer:
    """The answer of a command that could not do what it says."""
    return Answer(problem, {"error": problem}, failed=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One command asked for. rest: the line after the command's own words; commands: the table it was found in.

    workspace: what the session has under way. module: the instance it is said to, ``ec_logger:NAME``; empty: the host.
    """

    operator: Operator
    rest: str
    administration: Administration
    commands: tuple[Command, ...]
    workspace: Workspace = field(default_factory=Workspace)
    module: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The words of ``rest`` without their quotes; as they stand where a quote stays open."""
        try:
            return split(self.rest)
        except ValueError:
            return tuple(self.rest.split())

    @property
    def tree(self) -> ConfigTree:
        """The configuration the session sees: that of its transaction, else the one that holds."""
        transaction = self.workspace.transaction
        return self.administration.tree if transaction is None else transaction.tree


ANY_MODULE = "*"
"""``Command.module`` of what instances of every scope take."""


def _nothing(request: Request) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """The declaration of a command: one row of the table, and all that help and completion know.

    words: what calls it, lower case. arguments: what may follow, as the synopsis shows it; empty: nothing may.
    meaning: one line. help: what more there is to say. run: does it; raises nothing but what dispatch.py names.
    module: the scope whose instances take it too, behind their name: ``ec_logger:NAME reopen logs``.
    candidates: what the next word could be, where ``request.rest`` holds the whole words before it.
    """

    words: tuple[str, ...]
    meaning: str
    run: Callable[[Request], Awaitable[Answer]]
    arguments: str = ""
    help: str = ""
    module: str = ""
    candidates: Callable[[Request], Sequence[str]] = field(default=_nothing)

    @property
    def name(self) -> str:
        """``config set``."""
        return " ".join(self.words)

    def is_for(self, module: str) -> bool:
        """Whether an instance takes it, ``ec_logger:NAME``."""
        return self.module in (module.partition(":")[0], ANY_MODULE)

    @property
    def synopsis(self) -> str:
        """``config set [SCOPE [INSTANCE]] ... OPTION [=] VALUE``."""
        return f"{self.name} {self.arguments}".rstrip()
