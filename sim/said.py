"""What a scenario file says, asked option by option; what is wrong with it is gathered, with its place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Any, TypeVar

from momentum_trio.config.chain import Chain
from momentum_trio.config.error import ConfigError
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option
from momentum_trio.config.syntax import Block, Include, Leaf, Node
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position, Setting

T = TypeVar("T")


class Said:
    """One scenario file with all it includes. errors: what was found wrong so far."""

    def __init__(self, tree: ConfigTree) -> None:
        self.tree = tree
        self.errors: list[ConfigError] = []
        self._ranks = {file: rank for rank, file in enumerate(tree.files)}
        self._blocks: dict[str, dict[int, Block]] = {}  # by file and where they begin

    def value(self, scope: Scope, option: Option[T]) -> T:
        """What *scope* says of *option*; the default where it says nothing, or nothing that can be understood."""
        try:
            return option.resolve(Chain((scope,)))
        except ValueError:  # said by the check of the tree
            return option.default

    def is_empty(self, scope: Scope, option: Option[tuple[Any, ...]]) -> bool:
        """Whether *scope* gives *option* an empty list."""
        try:
            return self.is_set(scope, option) and not option.resolve(Chain((scope,)))
        except ValueError:
            return False

    def is_set(self, scope: Scope, option: Option[Any]) -> bool:
        """Whether *scope* says anything of *option*."""
        return option.key in scope.settings

    def required(self, scope: Scope, option: Option[T], hint: str) -> T:
        """The same as ``value``; it is wrong not to say it."""
        if not self.is_set(scope, option):
            self.wrong(scope.at, option.name, f"{shown(scope)} needs it", hint)
        return self.value(scope, option)

    # what is wrong

    def wrong(self, at: Position, name: str, problem: str, hint: str = "") -> None:
        """*name* is wrong at *at*."""
        self.errors.append(ConfigError(at, name, problem, hint))

    def wrong_value(self, scope: Scope, option: Option[Any], problem: str, hint: str = "", word: str = "") -> None:
        """The value of *option* in *scope* is wrong: of a list, *word* in it."""
        setting = scope.settings.get(option.key)
        at = scope.at if setting is None else self.value_at(setting, word)
        self.wrong(at, option.name, problem, hint)

    def unknown(self, scope: Scope, option: Option[Any], word: str, what: str, known: Collection[str]) -> None:
        """*word* is none of *known*."""
        self.wrong_value(scope, option, f"there is no {what} '{word}'", nearest(word, known), word)

    # places

    def value_at(self, setting: Setting, word: str = "") -> Position:
        """Where the value of *setting* begins; of a list, where *word* stands in it."""
        return value_at(self.tree, setting, word)

    def instance_at(self, scope: Scope) -> Position:
        """Where the instance of *scope* stands."""
        return instance_at(self.tree, scope)

    # scopes

    def each(self, scope: Scope) -> Iterator[Scope]:
        """*scope* as often as it was opened, each time with what was said there alone, in the order of the text."""
        for at in scope.openings:
            source = self.tree.files[at.file].document.source
            block = self._block_at(at.file, source.offset(at))
            settings: dict[str, Setting] = {}
            for node in block.body:
                if isinstance(node, Leaf):
                    if (key := node.name.lower()) in settings:
                        self.wrong(source.at(node.start), node.name, f"said twice: at {settings[key].at} too")
                    settings[key] = Setting(node.name, node.value, source.at(node.start))
                elif isinstance(node, Include):
                    self.wrong(source.at(node.start), "include", f"{scope.name} is written in one piece")
            yield Scope(scope.kind, scope.name, scope.instance, scope.key, settings, {}, (at,))

    def _block_at(self, file: str, start: int) -> Block:
        if file not in self._blocks:
            nodes = self.tree.files[file].document.nodes()
            self._blocks[file] = {node.start: node for node in nodes if isinstance(node, Block)}
        return self._blocks[file][start]

    def order(self, at: Position) -> tuple[int, int, int]:
        """Sorts places: the main file's from its top, then those of each included one."""
        return self._ranks[at.file], at.line, at.column


def node_at(tree: ConfigTree, at: Position) -> Node | None:
    """The statement that begins at *at*."""
    document = tree.files[at.file].document
    return document.node_at(document.source.offset(at))


def value_at(tree: ConfigTree, setting: Setting, word: str = "") -> Position:
    """Where the value of *setting* begins in its file; of a list, where *word* stands in it."""
    source, node = tree.files[setting.at.file].document.source, node_at(tree, setting.at)
    if not isinstance(node, Leaf):
        return setting.at
    found = source.text.find(word, node.value_start, node.end) if word else -1
    return source.at(node.value_start if found < 0 else found)


def instance_at(tree: ConfigTree, scope: Scope) -> Position:
    """Where the instance of *scope* stands, as it was first opened."""
    node = node_at(tree, scope.at)
    return tree.files[scope.at.file].document.source.at(node.instance_start) if isinstance(node, Block) else scope.at


def shown(scope: Scope) -> str:
    """``Host "mx"``."""
    return f'{scope.name} "{scope.instance}"' if scope.instance else scope.name


def nearest(word: str, known: Collection[str]) -> str:
    """What to write instead of *word*."""
    near = difflib.get_close_matches(word.lower(), [*known], 1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}" if known else ""
