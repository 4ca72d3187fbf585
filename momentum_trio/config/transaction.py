"""Changes to a tree by scope path, as the console makes them (spec: console, section 6; config-language, section 11).

A transaction belongs to one console session: its changes are made on a tree of its own, and ``commit`` replays them
on the tree that runs by then, unless that one has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.kind import quoted
from momentum_trio.config.merged import ScopePath
from momentum_trio.config.tree import CONSOLE, ConfigTree
from momentum_trio.config.value import Position

__all__ = ["Change", "ConfigConflict", "ScopePath", "Transaction", "parse_path"]

CHANGES_MAX = 10_000


def parse_path(tokens: Sequence[str], tree: ConfigTree) -> tuple[ScopePath, tuple[str, ...]]:
    """The scope that *tokens* begin with, and the tokens behind it.

    An anonymous scope takes one token, a named one two: ``esmtp_listener listen :25 enable false`` is the scope
    (("esmtp_listener", ""), ("listen", ":25")) and the rest ("enable", "false").
    A Listen may be named by its port alone.
    Raises ConfigErrors when a named scope lacks its instance.
    """
    path: ScopePath = ()
    rest = list(tokens)
    kind = "global"
    while rest:
        entry = tree.schema.scopes.get(rest[0].lower())
        if entry is None or kind not in entry.containers:
            break
        kind, instance = entry.key, ""
        del rest[0]
        if _takes_instance(tree, path, kind, rest):
            if not rest:
                raise ConfigErrors([ConfigError(Position(CONSOLE, 1, 1), entry.name, "the scope needs an instance")])
            instance = rest.pop(0)
            if kind == "listen":
                instance = _listen_meant(tree, path, instance)
        path = (*path, (kind, instance))
    return path, tuple(rest)


def _listen_meant(tree: ConfigTree, container: ScopePath, instance: str) -> str:
    """The Listen that *instance* means: ``:2525``, when there is no ``*:2525``, is the only one on that port."""
    scope = tree.scope(container)
    if not instance.startswith(":") or scope is None or scope.child("listen", instance) is not None:
        return instance
    listens = (listen.instance for listen in scope.all("listen"))
    on_that_port = [name for name in listens if name.endswith(instance) and not name.startswith("/")]
    return on_that_port[0] if len(on_that_port) == 1 else instance


def _takes_instance(tree: ConfigTree, path: ScopePath, kind: str, rest: list[str]) -> bool:
    """Whether the next token is the instance: for the modules of the original, only the tree can tell."""
    entry = tree.schema.scopes[kind]
    if not entry.is_opaque:
        return entry.is_named
    container = tree.scope(path)
    return bool(rest) and container is not None and container.child(kind, rest[0]) is not None


@dataclass(frozen=True, slots=True)
class Change:
    """One set or unset. value_text: None for an unset. option: None to unset the whole scope."""

    path: ScopePath
    option: str | None
    value_text: str | None

    def on(self, tree: ConfigTree) -> ConfigTree:
        """*tree* with the change. Raises ConfigErrors."""
        if self.value_text is None:
            return tree.unset(self.path, self.option)
        assert self.option is not None
        return tree.set(self.path, self.option, self.value_text)

    def command(self, tree: ConfigTree) -> str:
        """The console's command that makes it: what ``config replay`` prints. A secret is not printed."""
        words = ["set" if self.value_text is not None else "unset"]
        for kind, instance in self.path:
            words += [tree.schema.scope_name(kind), *([quoted(instance)] if instance else [])]
        if self.option is not None:
            entry = tree.entry(self.path, self.option)
            words.append(entry.name)
            if self.value_text is not None:
                words.append("***" if entry.is_secret else self.value_text)
        return " ".join(words)


class ConfigConflict(Exception):
    """Another transaction, or a reload, was first: this one was made against a tree that no longer runs."""


@dataclass(slots=True)
class Transaction:
    """Changes not yet made. base: the tree against which it began; tree: what it would become."""

    base: ConfigTree
    tree: ConfigTree = field(init=False)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tree = self.base

    def add(self, change: Change) -> None:
        """Make *change* here. Raises ConfigErrors, and then nothing has changed."""
        if len(self.changes) >= CHANGES_MAX:
            problem = f"a transaction holds at most {CHANGES_MAX} changes"
            raise ConfigErrors([ConfigError(Position(CONSOLE, 1, 1), "", problem)])
        self.tree = change.on(self.tree)
        self.changes.append(change)

    def replay(self) -> str:
        """The commands so far, one a line."""
        return "\n".join(change.command(self.tree) for change in self.changes)

    def committed(self, running: ConfigTree) -> ConfigTree:
        """The tree that is to run. Raises ConfigConflict when *running* is not the one it began with."""
        if running is not self.base:
            raise ConfigConflict("the configuration has changed since the transaction began")
        return self.tree
