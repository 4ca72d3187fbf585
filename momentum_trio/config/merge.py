"""Documents become one tree of scopes (spec: config-language, section 5).

The main file from its top, includes at their place, Local_Changes_File last. The same scope twice: bodies merge. The
same option twice in one scope: the later reading holds whole; lists are never joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from momentum_trio.config.error import ConfigError
from momentum_trio.config.instance import instance_key
from momentum_trio.config.merged import Scope
from momentum_trio.config.prescan import DEPTH_MAX
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.syntax import Block, Document, Include, Leaf, Node
from momentum_trio.config.value import Position, Setting

INCLUDES_DEEP_MAX = 32
EXPANSIONS_MAX = 10_000  # includes followed, each as often as it is met
NODES_MAX = 4_000_000  # statements merged, counted as often as they are included

_NOWHERE = "\0"  # begins the key of a scope whose instance names nothing; no text holds it

Targets = Mapping[tuple[str, int], Sequence[str]]  # (file, offset of the include) -> the files it stands for


class _Growing:
    """A scope while its bodies merge."""

    __slots__ = ("instance", "key", "kind", "leaves", "members", "name", "openings", "overridden")

    def __init__(self, kind: str, name: str, instance: str, key: str) -> None:
        self.kind, self.name, self.instance, self.key = kind, name, instance, key
        self.openings: list[Position] = []
        self.leaves: dict[str, tuple[Leaf, Source]] = {}
        self.overridden: dict[int, tuple[Leaf, Source]] = {}  # once each, by id, however often a file is included
        self.members: dict[tuple[str, str], _Growing] = {}

    def grown(self, overridden: dict[int, tuple[Setting, ...]]) -> Scope:
        """The scope; what later readings took the place of goes into *overridden*, by the id of its scope."""
        settings = {key: _setting(leaf, source) for key, (leaf, source) in self.leaves.items()}
        members = {key: member.grown(overridden) for key, member in self.members.items()}
        scope = Scope(self.kind, self.name, self.instance, self.key, settings, members, tuple(self.openings))
        if self.overridden:
            overridden[id(scope)] = tuple(_setting(leaf, source) for leaf, source in self.overridden.values())
        return scope


def _setting(leaf: Leaf, source: Source) -> Setting:
    return Setting(leaf.name, leaf.value, source.at(leaf.start))


class Merge:
    """One merging. What is wrong is appended to *errors*. reading: the files in the order in which they were met."""

    def __init__(
        self, documents: Mapping[str, Document], targets: Targets, schema: Schema, errors: list[ConfigError]
    ) -> None:
        self._documents, self._targets, self._schema, self._errors = documents, targets, schema, errors
        self._root = _Growing("global", "Global", "", "")
        self._including: list[str] = []
        self._expansions = self._nodes = 0
        self._is_full = False
        self.too_deep: ConfigError | None = None
        self.reading: dict[str, int] = {}

    def read(self, path: str) -> None:
        """The file *path*, known, at the file level."""
        document = self._documents[path]
        self._root.openings.append(document.source.at(0))
        self._file(path, self._root, 0)

    def root(self) -> tuple[Scope, dict[int, tuple[Setting, ...]]]:
        """All that was read; and, by the id of its scope, what a later reading of the same option took the place of."""
        overridden: dict[int, tuple[Setting, ...]] = {}
        return self._root.grown(overridden), overridden

    def _file(self, path: str, into: _Growing, depth: int) -> None:
        document = self._documents[path]
        self.reading[path] = self.reading.get(path, 0) + 1
        self._including.append(path)
        self._body(document.body, document.source, into, depth)
        self._including.pop()

    def _body(self, body: tuple[Node, ...], source: Source, into: _Growing, depth: int) -> None:
        self._nodes += len(body)
        if self._nodes > NODES_MAX:
            if not self._is_full:
                self._error(source, 0, "", f"more than {NODES_MAX} statements, counted as often as they are included")
            self._is_full = True
            return
        leaves = into.leaves
        for node in body:
            if type(node) is Leaf:
                key = node.name.lower()
                if (before := leaves.get(key)) is not None and before[0] is not node:
                    into.overridden[id(before[0])] = before
                leaves[key] = (node, source)
            elif isinstance(node, Block):
                self._block(node, source, into, depth + 1)
            elif isinstance(node, Include):
                self._include(node, source, into, depth)

    def _block(self, block: Block, source: Source, into: _Growing, depth: int) -> None:
        if block.is_broken:
            return
        if depth > DEPTH_MAX:
            self._error(source, block.start, block.name, f"scopes are nested more than {DEPTH_MAX} deep")
            return
        kind = block.name.lower()
        instance = "" if block.instance is None else block.instance.text
        entry = self._schema.scopes.get(kind)
        name = block.name if entry is None else entry.name
        kind = kind if entry is None else entry.key
        key = ""
        if block.instance is not None:
            try:
                key = instance_key(kind, instance)
            except ValueError as wrong:
                self._error(source, block.instance_start, name, str(wrong))
                key = f"{_NOWHERE}{instance}"  # nobody asks for it: what stands in it is still to be checked
        scope = into.members.get((kind, key))
        if scope is None:
            scope = into.members[kind, key] = _Growing(kind, name, instance, key)
        scope.openings.append(source.at(block.start))
        self._body(block.body, source, scope, depth)

    def _include(self, include: Include, source: Source, into: _Growing, depth: int) -> None:
        if len(self._including) > INCLUDES_DEEP_MAX:
            if self.too_deep is None:
                problem = f"more than {INCLUDES_DEEP_MAX} files deep"
                hint = "does a file include itself under another name?"
                self.too_deep = ConfigError(source.at(include.start), "include", problem, hint)
            return
        for path in self._targets.get((source.name, include.start), ()):
            if self.too_deep is not None:
                return
            self._expansions += 1
            if self._expansions > EXPANSIONS_MAX:
                if self._expansions == EXPANSIONS_MAX + 1:
                    self._error(source, include.start, "include", f"more than {EXPANSIONS_MAX} files are included")
                return
            if path in self._including:
                circle = " -> ".join((*self._including[self._including.index(path) :], path))
                self._error(source, include.start, "include", "the file includes itself", circle)
                continue
            self._file(path, into, depth)

    def _error(self, source: Source, offset: int, name: str, problem: str, hint: str = "") -> None:
        self._errors.append(ConfigError(source.at(offset), name, problem, hint))
