"""Whether a tree says only what can be said: names known, in their place, values right (spec: config-language,
section 4).

Everything wrong is said at once. Names that belong to parts of the original outside this host load with a warning.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from momentum_trio.config import floating
from momentum_trio.config.binding import bindings_of
from momentum_trio.config.error import ERRORS_MAX, ConfigError
from momentum_trio.config.kind import BOOLEAN
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.schema import OptionEntry, Schema
from momentum_trio.config.syntax import Leaf
from momentum_trio.config.value import Array, Dictionary, Position, Setting, Word
from momentum_trio.net.endpoint import Family

if TYPE_CHECKING:
    from momentum_trio.config.tree import ConfigTree

HINTS_MAX = 50  # looking for the nearest name is slow; behind these it is not done

_SURELY_MEANT = 0.9  # Enable for Enabled, but not Idle_Timeout for Idle_Time

# In the scope itself or in the one around it.
_NEEDED = {"dkim_domain": ("key", "selector"), "milter": ("address",), "policy": ("module",)}

LISTENER_KINDS = (
    "control_listener",
    "eccluster_listener",
    "ecstream_listener",
    "esmtp_listener",
    "http_listener",
    "msgcserver_listener",
)


def check(tree: ConfigTree) -> list[ConfigError]:
    """What is wrong with *tree*, and warnings."""
    return list(_Check(tree).run())


def check_setting(tree: ConfigTree, path: ScopePath, setting: Setting) -> list[ConfigError]:
    """What is wrong with *tree* because of *setting*, just made at *path*, and with the scopes made for it. No
    warnings.
    """
    return [error for error in _Check(tree).of_setting(path, setting) if not error.warning]


class _Check:
    """One check of one tree."""

    def __init__(self, tree: ConfigTree) -> None:
        self._tree, self._schema = tree, tree.schema
        self._pathways = tree.pathways()
        self._errors = self._hints = 0

    def run(self) -> Iterator[ConfigError]:
        for error in self._all():
            self._errors += not error.warning
            yield error
            if self._errors > ERRORS_MAX:
                return

    def of_setting(self, path: ScopePath, setting: Setting) -> Iterator[ConfigError]:
        kinds: tuple[str, ...] = ("global",)
        for depth, (kind, _) in enumerate(path):
            scope = self._tree.scope(path[: depth + 1])
            assert scope is not None
            yield from self._head(scope, kinds)
            kinds = (*kinds, kind)
        yield from self._setting(setting, setting.name.lower(), kinds)
        yield from self._local_changes()
        yield from self._same_socket()
        yield from self._same_pathway()
        yield from floating.problems(self._tree)

    def _all(self) -> Iterator[ConfigError]:
        yield from self._scope(self._tree.root, ("global",))
        for inner in self._tree.root.members.values():
            yield from self._missing(inner, self._tree.root)
        yield from self._local_changes()
        yield from self._same_socket()
        yield from self._same_pathway()
        yield from floating.problems(self._tree)

    def _scope(self, scope: Scope, kinds: tuple[str, ...]) -> Iterator[ConfigError]:
        for setting in self._tree.overridden.get(id(scope), ()):
            yield from self._setting(setting, setting.name.lower(), kinds)
        for key, setting in scope.settings.items():
            yield from self._setting(setting, key, kinds)
        for member in scope.members.values():
            yield from self._member(member, kinds)

    # scopes

    def _member(self, scope: Scope, kinds: tuple[str, ...]) -> Iterator[ConfigError]:
        yield from self._head(scope, kinds)
        entry = self._schema.scopes.get(scope.kind)
        if entry is not None and kinds[-1] in entry.containers and not entry.is_opaque and not entry.is_out_of_scope:
            yield from self._scope(scope, (*kinds, scope.kind))
            for inner in scope.members.values():
                yield from self._missing(inner, scope)

    def _missing(self, scope: Scope, around: Scope) -> Iterator[ConfigError]:
        """What *scope* cannot be without."""
        for key in _NEEDED.get(scope.kind, ()):
            if key not in scope.settings and key not in around.settings:
                problem = f"there is no {key}, here or in {self._schema.scope_name(around.kind)}"
                yield ConfigError(scope.at, scope.name, problem, f"write {key} = VALUE")

    def _head(self, scope: Scope, kinds: tuple[str, ...]) -> Iterator[ConfigError]:
        """Whether the scope may stand here, with the instance it has."""
        entry = self._schema.scopes.get(scope.kind)
        container = self._schema.scope_name(kinds[-1])
        if entry is None:
            if self._schema.is_opaque(kinds[-1]):
                return
            yield self._unknown(scope.at, scope.name, kinds, "scope")
            return
        if kinds[-1] not in entry.containers:
            places = self._schema.places(entry.containers)
            problem = f"scope {entry.name} does not stand in {container}"
            yield ConfigError(scope.at, entry.name, problem, f"it stands in {places}")
            return
        if entry.is_opaque or entry.is_out_of_scope:
            problem = "not a part of this host: kept, without effect"
            yield ConfigError(scope.at, entry.name, problem, warning=True)
            return
        if entry.is_named and not scope.key and not self._is_module(scope.kind):
            yield ConfigError(scope.at, entry.name, "the scope needs an instance", f'expected {entry.name} "..." {{')
        elif not entry.is_named and scope.key:
            problem = f"the scope takes no instance, not '{scope.instance}'"
            yield ConfigError(scope.at, entry.name, problem, f"expected {entry.name} {{")

    def _is_module(self, kind: str) -> bool:
        return (kind, "enabled") in self._schema.options

    # options

    def _setting(self, setting: Setting, key: str, kinds: tuple[str, ...]) -> Iterator[ConfigError]:
        entry = self._schema.option(kinds, key)
        if entry is None:
            if not self._schema.is_opaque(kinds[-1]):
                yield self._unknown(setting.at, setting.name, kinds, "option")
            return
        if entry.is_out_of_scope:
            problem = "not a part of this host: kept, without effect"
            yield ConfigError(setting.at, entry.name, problem, warning=True)
            return
        try:
            entry.kind.parse(setting.value)
        except ValueError as wrong:
            yield ConfigError(self._value_at(setting.at), entry.name, str(wrong), is_secret=entry.is_secret)
            return
        yield from self._particular(setting, entry)

    def _particular(self, setting: Setting, entry: OptionEntry) -> Iterator[ConfigError]:
        """What no type says."""
        key, value = entry.key, setting.value
        if key == "pathway" and isinstance(value, Word) and value.text not in ("", *self._pathways):
            near = difflib.get_close_matches(value.text, self._pathways, 1)
            hint = f"did you mean '{near[0]}'?" if near else f'write Pathway "{value.text}" {{ ... }}'
            yield ConfigError(self._value_at(setting.at), entry.name, f"there is no Pathway '{value.text}'", hint)
        elif key == "outbound_binding" and isinstance(value, Word) and value.text:
            try:
                bindings_of(self._tree.root, value.text)
            except ValueError as wrong:
                yield ConfigError(self._value_at(setting.at), entry.name, str(wrong))
        elif key == "match_cache_size" and isinstance(value, Word) and int(value.text) <= 0:
            yield ConfigError(self._value_at(setting.at), entry.name, "expected a number above 0")
        elif key == "relay_for_sending_domains" and isinstance(value, Array) and not value.items:
            problem, hint = (
                "an empty list permits nothing",
                "Open_Relay = true opens relaying to every client of the scope",
            )
            yield ConfigError(setting.at, entry.name, problem, hint, warning=True)
        elif key == "peers" and isinstance(value, Dictionary):
            for name in (name for name, _ in value.pairs if name != name.lower()):
                problem = f"'{name}' is not in lower case: msgc would not start"
                yield ConfigError(self._value_at(setting.at), entry.name, problem, f"write {name.lower()}")
        elif entry.kind.name == "octal-mode" and isinstance(value, Word) and not value.text.startswith("0"):
            problem = f"taken as octal: 0{value.text}"
            yield ConfigError(self._value_at(setting.at), entry.name, problem, "write the leading 0", warning=True)

    def _unknown(self, at: Position, name: str, kinds: tuple[str, ...], what: str) -> ConfigError:
        """A name that is not valid here: known elsewhere, or nowhere."""
        schema, key = self._schema, name.lower()
        container = schema.scope_name(kinds[-1])
        near = self._near(kinds, key)
        if what == "option" and key in schema.by_option:
            return _misplaced(schema, kinds, at, name, near)
        if what == "option" and key in schema.scopes:
            return ConfigError(at, name, "a scope, not an option", f"expected {schema.scopes[key].name} {{ ... }}")
        if what == "scope" and key in schema.by_option:
            option = schema.by_option[key][0].name
            return ConfigError(at, name, "an option, not a scope", f"expected {option} = VALUE")
        if not near and self._hints <= HINTS_MAX:
            near = schema.nearest_anywhere(key)
        hint = f"did you mean {near}?" if near else ""
        return ConfigError(at, name, f"no such {what} in {container}", hint)

    def _near(self, kinds: tuple[str, ...], key: str) -> str:
        self._hints += 1
        return self._schema.nearest(kinds, key) if self._hints <= HINTS_MAX else ""

    def _value_at(self, at: Position) -> Position:
        """Where the value of the statement at *at* begins."""
        file = self._tree.files.get(at.file)
        if file is None:
            return at
        source = file.document.source
        node = file.document.node_at(source.offset(at))
        return source.at(node.value_start) if isinstance(node, Leaf) else at

    # across scopes

    def _local_changes(self) -> Iterator[ConfigError]:
        settings = self._tree.root.settings
        only = settings.get("local_changes_only")
        file = settings.get("local_changes_file")
        if only is not None and (file is None or file.value in (Word(""), Word("", quoted=True))):
            try:
                is_only = BOOLEAN.parse(only.value)
            except ValueError:
                return
            if is_only:
                yield ConfigError(only.at, "Local_Changes_Only", "Local_Changes_File is not set", "set it as well")

    def _same_socket(self) -> Iterator[ConfigError]:
        """Two listeners on one socket would each get some of the connections."""
        taken: dict[str, Scope] = {}
        listens = [(kind, listen) for kind in LISTENER_KINDS for listen in self._tree.listens(kind)]
        for kind, listen in sorted(listens, key=lambda found: (found[1].at.file, found[1].at.line, found[1].at.column)):
            if not self._is_enabled(kind, listen) or _is_any_port(listen):
                continue
            other = taken.setdefault(listen.key, listen)
            if other is not listen:
                problem = f"{listen.key} is already listened on at {other.at}"
                yield ConfigError(listen.at, "Listen", problem, "each socket belongs to one listener")

    def _same_pathway(self) -> Iterator[ConfigError]:
        """A pathway has one name, wherever it stands: two of them would both answer (listeners.md, section 8)."""
        root, taken = self._tree.root, dict[str, Scope]()
        for container in (root, *root.all("pathway_group")):
            for pathway in container.all("pathway"):
                other = taken.setdefault(pathway.key, pathway)
                if other is not pathway:
                    problem = f"there is a Pathway '{pathway.key}' already, at {other.at}"
                    yield ConfigError(
                        pathway.at, "Pathway", problem, "each pathway stands once, in one group or in none"
                    )

    def _is_enabled(self, listener: str, listen: Scope) -> bool:
        setting = self._tree.chain_path(((listener, ""), ("listen", listen.key))).find(
            "enable", frozenset(("listen", listener))
        )
        try:
            return setting is None or BOOLEAN.parse(setting.value)
        except ValueError:
            return True


def _is_any_port(listen: Scope) -> bool:
    """Whether the kernel chooses the port, so that each Listen has one of its own.

    A wrong instance is said elsewhere.
    """
    try:
        return listen.endpoint.family is not Family.UNIX and listen.endpoint.port == 0
    except ValueError:
        return True


def unknown_option(schema: Schema, kinds: tuple[str, ...], at: Position, name: str) -> ConfigError:
    """What is to be said of *name*, which is no option in the innermost of *kinds*."""
    near = schema.nearest(kinds, name.lower())
    if name.lower() in schema.by_option:
        return _misplaced(schema, kinds, at, name, near)
    problem = f"no such option in {schema.scope_name(kinds[-1])}"
    return ConfigError(at, name, problem, f"did you mean {near}?" if near else "")


def _misplaced(schema: Schema, kinds: tuple[str, ...], at: Position, name: str, near: str) -> ConfigError:
    """An option of other scopes; *near* is the name nearest to it that is valid here."""
    known = schema.by_option[name.lower()]
    names = schema.places(frozenset().union(*(entry.scopes for entry in known)))
    close = near and difflib.SequenceMatcher(None, near.lower(), name.lower()).ratio() >= _SURELY_MEANT
    here = schema.scope_name(kinds[-1])
    if any(kinds[-1] in entry.scopes for entry in known):  # a Listen or Peer, of a listener that does not take it
        here += f" of {schema.scope_name(kinds[1])}"
    problem = f"not valid in {here}; it is valid in {names}"
    return ConfigError(at, name, problem, f"did you mean {near}?" if close else "")
