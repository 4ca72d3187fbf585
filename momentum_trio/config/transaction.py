"""Changes to a tree by scope path, as the console makes them (spec: console, section 6; config-language, section 11).

A transaction belongs to one console session: its changes are made on a tree of its own. The first commit wins. One that
comes later is made on the tree that runs by then, if nothing that it changes has been changed since it began; such
changes give the same tree in either order. Otherwise it is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from momentum_trio.config.difference import Difference, OptionDiffers, ScopeCame, ScopeGone, canonical, differences
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

    def on(self, tree: ConfigTree, number: int = 1) -> ConfigTree:
        """*tree* with the change. number: of the change, the line of its place in errors. Raises ConfigErrors."""
        if self.value_text is None:
            return tree.unset(self.path, self.option)
        assert self.option is not None
        return tree.set(self.path, self.option, self.value_text, number)

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
    """Another change was first. conflicts: what both were about, a sentence each."""

    def __init__(self, conflicts: Sequence[str]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("\n".join(self.conflicts))


@dataclass(slots=True)
class Transaction:
    """Changes not yet made. base: the tree that ran when it began; tree: what it would become.

    from_scratch: it began with an empty configuration, so that whatever else changes meanwhile is in conflict with it.
    """

    base: ConfigTree
    from_scratch: bool = False
    tree: ConfigTree = field(init=False)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tree = self.base.emptied() if self.from_scratch else self.base

    def add(self, change: Change) -> None:
        """Make *change* here. Raises ConfigErrors, and then nothing has changed."""
        if len(self.changes) >= CHANGES_MAX:
            problem = f"a transaction holds at most {CHANGES_MAX} changes"
            raise ConfigErrors([ConfigError(Position(CONSOLE, 1, 1), "", problem)])
        self.tree = change.on(self.tree, len(self.changes) + 1)
        self.changes.append(change)

    def replay(self) -> tuple[str, ...]:
        """The commands so far."""
        return tuple(change.command(self.tree) for change in self.changes)

    def committed(self, running: ConfigTree) -> ConfigTree:
        """The tree that is to run. Raises ConfigConflict; ConfigErrors, when the changes no longer fit *running*."""
        if running is self.base:
            return self.tree
        if conflicts := list(self._conflicts(running)):
            raise ConfigConflict(conflicts)
        tree = running.emptied() if self.from_scratch else running
        for number, change in enumerate(self.changes, 1):
            tree = change.on(tree, number)
        return tree

    def _conflicts(self, running: ConfigTree) -> Iterator[str]:
        """What was changed since the transaction began and is changed by it too."""
        options = {(canonical(change.path), change.option.lower()) for change in self.changes if change.option}
        whole = {canonical(change.path) for change in self.changes if not change.option}
        places = _prefixes(whole | {path for path, _ in options})
        for other in differences(self.base.root, running.root):
            for each in _each(other):
                path = canonical(each.path)
                inside = any(path[:depth] in whole for depth in range(1, len(path) + 1))
                match each:
                    case OptionDiffers():
                        is_touched = inside or (path, each.option) in options
                    case ScopeGone():
                        is_touched = inside or path in places
                    case ScopeCame():
                        is_touched = inside
                if is_touched or self.from_scratch:
                    yield _told(running, each)


def _prefixes(paths: set[ScopePath]) -> set[ScopePath]:
    return {path[:depth] for path in paths for depth in range(len(path) + 1)}


def _each(difference: Difference) -> Iterator[Difference]:
    """*difference*; of a scope that came, the options and scopes in it as well."""
    yield difference
    if isinstance(difference, ScopeCame):
        for key, setting in difference.scope.settings.items():
            yield OptionDiffers(difference.path, key, None, setting)
        for scope in difference.scope.members.values():
            yield from _each(ScopeCame((*difference.path, (scope.kind, scope.instance)), scope))


def _told(running: ConfigTree, difference: Difference) -> str:
    """``ESMTP_Listener Listen :25 Enable is false now``."""
    path = running.path_text(difference.path)
    match difference:
        case ScopeGone():
            return f"{path} has been removed"
        case ScopeCame():
            return f"{path} has been made"
        case OptionDiffers():
            name = running.schema.option_name(
                difference.path[-1][0] if difference.path else "global", difference.option
            )
            return f"{path} {name}".lstrip() + (" has been set" if difference.after else " has been unset")
