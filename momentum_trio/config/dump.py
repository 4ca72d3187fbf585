"""A whole tree as text: what ``ec_dump_config`` prints. Includes are resolved, scopes merged, secrets not shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from momentum_trio.config.merged import Scope
from momentum_trio.config.schema import Schema
from momentum_trio.config.show import SECRET, scope_head, setting_name, setting_text, value_lines
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Array, Setting, Value, Word

Json = dict[str, Any]


def as_conf(tree: ConfigTree, *, origin: bool = False, secrets: bool = False) -> str:
    """*tree* in the configuration language; read again it gives the same tree (but for secrets).

    origin: behind every setting, and every scope, a comment says where it was written. secrets: they are shown, and
    every word is as it was written.
    """
    return "".join(f"{line}\n" for line in _scope_lines(tree.root, tree.schema, origin, secrets))


def scope_text(scope: Scope, schema: Schema) -> list[str]:
    """*scope* with its head and its braces, lines as they stand at the margin, secrets included."""
    return [f"{scope_head(scope)} {{", *(f"  {line}" for line in _scope_lines(scope, schema, False, True)), "}"]


def _scope_lines(scope: Scope, schema: Schema, origin: bool, secrets: bool) -> Iterator[str]:
    for key, setting in scope.settings.items():
        lines = value_lines(setting.value, None if secrets else schema.printed(scope.kind, key))
        first, *rest = setting_text(setting_name(setting, scope.kind, schema), lines).split("\n")
        yield f"{first}  # {setting.at}" if origin else first
        yield from rest
    for member in scope.members.values():
        places = ", ".join(str(place) for place in member.openings)
        yield f"{scope_head(member)} {{" + (f"  # {places}" if origin else "")
        yield from (f"  {line}" for line in _scope_lines(member, schema, origin, secrets))
        yield "}"


def as_json(tree: ConfigTree, *, origin: bool = False) -> Json:
    """*tree* as plain values: ``{"scope", "instance", "options": {name: value}, "scopes": [...]}``.

    Words are strings, lists lists, dictionaries objects. origin: every value becomes ``{"value", "at"}``, every scope
    has "at".
    """
    return _scope_value(tree.root, tree.schema, origin)


def _scope_value(scope: Scope, schema: Schema, origin: bool) -> Json:
    options = {
        setting_name(setting, scope.kind, schema): _setting_value(scope, setting, schema, origin)
        for setting in scope.settings.values()
    }
    members = [_scope_value(member, schema, origin) for member in scope.members.values()]
    shown: Json = {"scope": scope.name, "instance": scope.instance, "options": options, "scopes": members}
    return {**shown, "at": [str(place) for place in scope.openings]} if origin else shown


def _setting_value(scope: Scope, setting: Setting, schema: Schema, origin: bool) -> Any:
    entry = schema.printed(scope.kind, setting.name.lower())
    shown = SECRET if entry is not None and entry.is_secret else _plain(setting.value)
    return {"value": shown, "at": str(setting.at)} if origin else shown


def _plain(value: Value) -> Any:
    if isinstance(value, Word):
        return value.text
    if isinstance(value, Array):
        return [item.text for item in value.items]
    return {key: word.text for key, word in value.pairs}
