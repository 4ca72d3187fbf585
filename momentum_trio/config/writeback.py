"""Changes made at run time, as edits of the files (spec: config-language, section 11).

A value that is replaced is replaced where it was said last; what is new goes to the end of the first body of its scope
that may be written to. Otherwise both go to Local_Changes_File, or without that to the end of the main file. Nothing
else changes, to the octet. Files included more than once or by readonly_include are not written to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from momentum_trio.config.difference import OptionDiffers, ScopeCame, ScopeGone, canonical, differences
from momentum_trio.config.dump import scope_text
from momentum_trio.config.error import ConfigError, ConfigErrors, in_order
from momentum_trio.config.include import local_changes_path
from momentum_trio.config.instance import instance_key, pattern_of
from momentum_trio.config.local_changes_options import LocalChangesOptions
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.secrecy import Secrets
from momentum_trio.config.show import scope_head, setting_text, value_lines
from momentum_trio.config.source import Source
from momentum_trio.config.syntax import Block, Document, Edit, Leaf, Node
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position, Setting

_ALWAYS = 1 << 62  # read behind everything: the end of a Local_Changes_File that is not there yet


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement: the file it stands in, and its turn in reading them all."""

    file: str
    node: Leaf | Block
    turn: int


@dataclass(frozen=True, slots=True)
class _Body:
    """Where statements of a scope may stand: a block of *file*, or all of it. opened, closed: turns of reading."""

    file: str
    block: Block | None
    opened: int
    closed: int


@dataclass(slots=True)
class _Readings:
    """What the files of *tree* say of each scope, in the order in which they are read. wanted: options looked for."""

    tree: ConfigTree
    wanted: frozenset[tuple[ScopePath, str]]
    leaves: dict[tuple[ScopePath, str], list[_Said]] = field(default_factory=dict)
    blocks: dict[ScopePath, list[_Said]] = field(default_factory=dict)
    bodies: dict[ScopePath, list[_Body]] = field(default_factory=dict)
    _turn: int = 0

    def read(self) -> None:
        for path in (self.tree.main, self.tree.local_changes):
            if path in self.tree.files:
                self._file(path, ())

    def _file(self, file: str, at: ScopePath) -> None:
        self._body(file, None, self.tree.files[file].document.body, at)

    def _body(self, file: str, block: Block | None, nodes: tuple[Node, ...], at: ScopePath) -> None:
        opened = self._next()
        for node in nodes:
            if isinstance(node, Leaf):
                if (place := (at, node.name.lower())) in self.wanted:
                    self.leaves.setdefault(place, []).append(_Said(file, node, self._next()))
            elif isinstance(node, Block):
                inner = (*at, self._member(node))
                self.blocks.setdefault(inner, []).append(_Said(file, node, self._next()))
                self._body(file, node, node.body, inner)
            else:
                for target in self.tree.targets.get((file, node.start), ()):
                    self._file(target, at)
        self.bodies.setdefault(at, []).append(_Body(file, block, opened, self._next()))

    def _member(self, block: Block) -> tuple[str, str]:
        entry = self.tree.schema.scopes.get(block.name.lower())
        kind = block.name.lower() if entry is None else entry.key
        return kind, "" if block.instance is None else instance_key(kind, block.instance.text)

    def _next(self) -> int:
        self._turn += 1
        return self._turn


def edits(read: ConfigTree, running: ConfigTree, *, main_alone: bool = False) -> dict[str, list[Edit]]:
    """What has to be changed, by file, so that the files say what *running* does; a new Local_Changes_File as well.

    read: the tree that the files say now. main_alone: no other file is written to, whatever Local_Changes_Only says.
    Raises ConfigErrors with every change that cannot be said in files which may be written to.
    """
    return _WriteBack(read, running, main_alone).run()


def edited(read: ConfigTree, file: str, edits: list[Edit]) -> bytes:
    """What *file*, of the files of *read* or a new one, becomes by *edits*."""
    document = _document(read, file)
    source = document.source
    return Source(source.name, document.edited(edits), has_mark=source.has_mark).octets


class _WriteBack:
    """One writing back. Edits are gathered first; statements that go to one place stay together."""

    def __init__(self, read: ConfigTree, running: ConfigTree, main_alone: bool) -> None:
        self._read, self._main_alone = read, main_alone
        self._differences = list(differences(read.root, running.root))
        wanted = {(canonical(d.path), d.option) for d in self._differences if isinstance(d, OptionDiffers)}
        self._readings = _Readings(read, frozenset(wanted))
        self._edits: dict[str, list[Edit]] = {}
        self._added: dict[tuple[str, int], tuple[_Body, list[str]]] = {}
        self._errors: list[ConfigError] = []
        options = LocalChangesOptions.resolve(running.chain_global())
        self._local = "" if main_alone else local_changes_path(options.file, read.main)
        self._local_only = bool(self._local) and options.only

    def run(self) -> dict[str, list[Edit]]:
        self._readings.read()
        for difference in self._differences:
            path = canonical(difference.path)
            match difference:
                case OptionDiffers(_, option, _, None):
                    self._remove(self._readings.leaves.get((path, option), []), option)
                case OptionDiffers(_, option, _, after):
                    assert after is not None
                    self._set(path, difference.path, option, after)
                case ScopeGone():
                    self._remove(self._readings.blocks.get(path, []), difference.scope.name)
                case ScopeCame():
                    self._add_scope(path, difference.path, difference.scope)
        for body, lines in self._added.values():
            self._edits.setdefault(body.file, []).append(_document(self._read, body.file).insertion(body.block, lines))
        if self._errors:
            Secrets(self._read.schema).veil(
                self._errors, {f: _document(self._read, f).source for f in self._read.files}
            )
            raise ConfigErrors(in_order(self._errors, self._read.files), self._read.sources())
        return self._edits

    def _set(self, path: ScopePath, shown: ScopePath, option: str, setting: Setting) -> None:
        said = self._readings.leaves.get((path, option), [])
        lines = value_lines(setting.value, None)
        if said and self._may_edit(said[-1].file):
            leaf = said[-1].node
            assert isinstance(leaf, Leaf)
            edit = _document(self._read, said[-1].file).replacement(leaf, lines)
            self._edits.setdefault(said[-1].file, []).append(edit)
            return
        behind = said[-1].turn if said else 0
        name = self._read.schema.option_name(path[-1][0] if path else "global", option)
        self._add(path, shown, setting_text(name, lines).split("\n"), behind, option == "local_changes_file")

    def _add_scope(self, path: ScopePath, shown: ScopePath, scope: Scope) -> None:
        behind = 0
        if _is_pattern(path):  # regex scopes are tried in order, and it was made last
            others = [at for at in self._readings.blocks if at[:-1] == path[:-1] and at != path and _is_pattern(at)]
            behind = max((self._readings.blocks[at][0].turn for at in others), default=0)
        self._add(path[:-1], shown[:-1], scope_text(scope, self._read.schema), behind)

    def _add(self, path: ScopePath, shown: ScopePath, lines: list[str], behind: int, in_main: bool = False) -> None:
        """Say *lines* in the scope at *path*, read after turn *behind*. in_main: not in Local_Changes_File."""
        bodies = sorted(self._readings.bodies.get(path, ()), key=lambda body: body.opened)
        for body in bodies:
            if self._may_edit(body.file) and body.closed > behind and not (in_main and body.file == self._local):
                self._say(body, lines)
                return
        last = self._last_resort(in_main)
        if last.closed <= behind or (not self._may_edit(last.file) and not in_main):
            where = self._read.path_text(shown) or "the file level"
            problem = f"{lines[0].partition(' = ')[0]} of {where} cannot be said behind what is read later"
            self._errors.append(ConfigError(Position(last.file, 0, 0), "", problem))
            return
        for kind, instance in reversed(shown):
            scope = Scope(kind, self._read.schema.scope_name(kind), instance, "", {}, {}, ())
            lines = [f"{scope_head(scope)} {{", *(f"  {line}" for line in lines), "}"]
        self._say(last, lines)

    def _last_resort(self, in_main: bool) -> _Body:
        """The end of Local_Changes_File, else that of the main file."""
        file = self._read.main if in_main or not self._local else self._local
        known = (body for body in self._readings.bodies[()] if body.file == file and body.block is None)
        return next(known, _Body(file, None, _ALWAYS, _ALWAYS))

    def _say(self, body: _Body, lines: list[str]) -> None:
        place = (body.file, -1 if body.block is None else body.block.start)
        self._added.setdefault(place, (body, []))[1].extend(lines)

    def _remove(self, said: list[_Said], name: str) -> None:
        """Every statement of *said* is to go; where one stands in a file that is not written to, none can."""
        for each in said:
            document = _document(self._read, each.file)
            if self._may_edit(each.file):
                self._edits.setdefault(each.file, []).append(document.removal(each.node))
            else:
                problem = "it was unset, but this file is not written to"
                self._errors.append(ConfigError(document.source.at(each.node.start), name, problem))

    def _may_edit(self, file: str) -> bool:
        if self._main_alone:
            return file == self._read.main
        if self._local_only:
            return file == self._local
        return file not in self._read.files or self._read.files[file].is_writable


def _document(read: ConfigTree, file: str) -> Document:
    known = read.files.get(file)
    return Document(Source(file, ""), ()) if known is None else known.document


def _is_pattern(path: ScopePath) -> bool:
    kind, key = path[-1]
    return kind in ("domain", "host") and pattern_of(key) is not None
