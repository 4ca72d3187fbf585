"""What an option is, and who says so: its value along a chain, with the file, the line and the scope of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from momentum_trio.config.assignment import CONSOLE
from momentum_trio.config.chain import AnsweringScope, Chain
from momentum_trio.config.manual import ACTS, state
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option
from momentum_trio.config.plain import Plain, plain, plain_typed
from momentum_trio.config.schema import OptionEntry, Schema
from momentum_trio.config.show import default_lines, scope_head, value_lines
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position, Setting

GLOBAL = "Global"
DEFAULT = "default"
ON_CONSOLE = "set on the console"
SAYINGS_MAX = 100  # scopes of one chain in which one option is told of


@dataclass(frozen=True, slots=True)
class Saying:
    """What one scope says of an option. at: ``file:line:column``; scope, scope_at: whose words they are."""

    value: Plain
    text: str
    at: str
    scope: str
    scope_at: str


@dataclass(frozen=True, slots=True)
class Effective:
    """An option as it holds.

    text: the value in file syntax, on one line. said: by which scopes it is set, most specific first: the first one
    holds. Nobody sets it: the default does. acts: something reads it.
    """

    option: str
    value: Plain
    text: str
    said: tuple[Saying, ...]
    acts: bool

    @property
    def is_default(self) -> bool:
        """Whether no scope sets it."""
        return not self.said

    @property
    def at(self) -> str:
        """The place that sets it; empty for the default."""
        return self.said[0].at if self.said else ""

    @property
    def scope(self) -> str:
        """The scope that sets it; ``default`` where none does."""
        return self.said[0].scope if self.said else DEFAULT


@dataclass(frozen=True, slots=True)
class Asking:
    """A scope that is asked. at: where it was first opened."""

    scope: str
    at: str


def asking(tree: ConfigTree, chain: Chain) -> tuple[Asking, ...]:
    """The scopes of *chain*, in the order in which they are asked."""
    return tuple(Asking(scope_words(tree, scope), scope_at(scope)) for scope in chain.scopes)


def effective(tree: ConfigTree, chain: Chain, option: Option[Any]) -> Effective:
    """*option* along *chain*, whose scopes are of *tree*."""
    entry = entry_of(tree.schema, option)
    said = tuple(_said(tree, chain, option.key, option.scopes, entry))
    if said:
        return Effective(entry.name, said[0].value, said[0].text, said, state(entry, tree.schema) == ACTS)
    lines = default_lines(option.default, entry)
    value = None if option.default is None else plain_typed(option.default, entry)
    return Effective(entry.name, value, _on_one_line(lines) or "none", (), state(entry, tree.schema) == ACTS)


def effective_all(tree: ConfigTree, chain: Chain, options: Iterable[Option[Any]]) -> tuple[Effective, ...]:
    """Those of *options* that act, each once, by name."""
    unique = sorted(dict.fromkeys(options), key=lambda option: option.key)
    return tuple(found for option in unique if (found := effective(tree, chain, option)).acts)


def without_effect(tree: ConfigTree, chain: Chain, options: Iterable[Option[Any]]) -> tuple[Effective, ...]:
    """What the scopes of *chain*, the file level apart, set although it is none of *options*, or does not act."""
    keys = {(scope.kind, key) for scope in chain.scopes if scope.kind != "global" for key in scope.settings}
    entries = {entry.key: entry for place in keys if (entry := tree.schema.options.get(place)) is not None}
    acting, found = {option.key for option in options}, []
    for key, entry in sorted(entries.items()):
        if key not in acting or state(entry, tree.schema) != ACTS:
            said = tuple(_said(tree, chain, key, entry.scopes, entry))
            found.append(Effective(entry.name, said[0].value, said[0].text, said, False))
    return tuple(found)


def entry_of(schema: Schema, option: Option[Any]) -> OptionEntry:
    """What the schema knows of a declared *option*."""
    return next(entry for entry in schema.by_option[option.key] if entry.option is option)


def _said(tree: ConfigTree, chain: Chain, key: str, scopes: frozenset[str], entry: OptionEntry) -> Iterator[Saying]:
    for scope in chain.scopes[:SAYINGS_MAX]:
        if key in scope.settings and scope.kind in scopes:
            setting = scope.settings[key]
            text = _on_one_line(value_lines(setting.value, entry))
            yield Saying(plain(setting.value, entry), text, place(setting), scope_words(tree, scope), scope_at(scope))


def scope_words(tree: ConfigTree, scope: AnsweringScope) -> str:
    """*scope* from itself outwards, ``Peer "10.0.0.0/8" in Listen ":25"``; the listener around a Listen goes unsaid."""
    lineage, within = [], tree.root
    path = tree.path_of(scope)
    for member in zip(path[::2], path[1::2], strict=False):  # the file level's own path is one word
        within = within.members[member]
        lineage.append(within)
    if len(lineage) > 1 and lineage[1].kind == "listen":
        del lineage[0]
    return " in ".join(map(scope_head, reversed(lineage))) or GLOBAL


def scope_at(scope: AnsweringScope) -> str:
    """Where *scope* was first opened; the file level is everywhere."""
    return position(scope.at) if isinstance(scope, Scope) and scope.kind != "global" else ""


def place(setting: Setting) -> str:
    """Where *setting* was written."""
    return position(setting.at)


def position(at: Position) -> str:
    """``file:line:column``, or that there is no file."""
    return ON_CONSOLE if at.file == CONSOLE else str(at)


def _on_one_line(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
