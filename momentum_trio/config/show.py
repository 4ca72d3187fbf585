"""Settings and scopes as the console prints them (spec: console, section 6).

Names in canonical capitals, strings in quotes, numbers and booleans as stored, arrays one element a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from momentum_trio.config.kind import quoted
from momentum_trio.config.lexis import WORD
from momentum_trio.config.merged import Scope
from momentum_trio.config.schema import OptionEntry, Schema
from momentum_trio.config.value import Array, Dictionary, Setting, Value, Word

SECRET = "***"
INDENT = "  "
IN_SCOPE = " " * 8  # before what is printed of a setting inside a scope

_plain = re.compile(rf"(?!.*[,;]){WORD}\Z").match


def value_lines(value: Value, entry: OptionEntry | None) -> list[str]:
    """*value* in file syntax: a line, or a list or dictionary over several with its bracket at the margin."""
    if entry is not None and entry.is_secret:
        return [SECRET]
    if isinstance(value, Array):
        return ["(", *(INDENT + _item(item) for item in value.items), ")"]
    if isinstance(value, Dictionary):
        return ["[", *(f"{INDENT}{_key(key)} = {_item(word)}" for key, word in value.pairs), "]"]
    if entry is None:
        return [_item(value)]
    return [quoted(value.text) if entry.is_stringlike or not _plain(value.text) else value.text]


def default_lines(default: Any, entry: OptionEntry) -> list[str]:
    """A default in file syntax; booleans as 0 and 1, which is how the original prints them."""
    if isinstance(default, bool) or (entry.kind.name.startswith("enum(") and default in ("false", "true")):
        return ["1" if default in (True, "true") else "0"]
    if entry.option is not None:
        return [] if default is None else str(entry.kind.show(default)).split("\n")
    return value_lines(value_of_json(default), entry)


def value_of_json(default: Any) -> Value:
    """A default of options.json as a value."""
    if isinstance(default, list):
        return Array(tuple(Word(str(item), quoted=True) for item in default))
    if isinstance(default, dict):
        return Dictionary(tuple((key, Word(str(item), quoted=True)) for key, item in default.items()))
    return Word(json.dumps(default) if isinstance(default, bool) else str(default))


def setting_text(name: str, lines: list[str], indent: str = "") -> str:
    """``Name = value``, every line behind *indent*."""
    first, *rest = lines
    return "\n".join((f"{indent}{name} = {first}", *(indent + line for line in rest)))


def echo_text(name: str, value: Value, entry: OptionEntry | None, indent: str = "") -> str:
    """What ``config set`` answers: the spelling given; the bracket that closes a list stands two blanks in."""
    if entry is not None and entry.is_secret:
        return setting_text(name, [SECRET], indent)
    lines = [_item(value)] if isinstance(value, Word) else value_lines(value, entry)
    if len(lines) > 1:
        lines[-1] = INDENT + lines[-1]
    return setting_text(name, lines, indent)


def scope_lines(scope: Scope, schema: Schema, *, recurse: bool) -> Iterator[str]:
    """What stands in *scope*: its options, then the scopes in it, whole or as ``Name { ... }``."""
    for key, setting in scope.settings.items():
        entry = schema.printed(scope.kind, key)
        name = schema.option_name(scope.kind, key) if entry is not None else setting.name
        yield from setting_text(name, value_lines(setting.value, entry)).split("\n")
    for member in scope.members.values():
        head = scope_head(member)
        if recurse:
            yield f"{head} {{"
            yield from (INDENT + line for line in scope_lines(member, schema, recurse=True))
            yield "}"
        else:
            yield f"{head} {{ ... }}"


def scope_head(scope: Scope) -> str:
    """``Listen ":25"``: name and instance."""
    return f"{scope.name} {quoted(scope.instance)}" if scope.instance else scope.name


def setting_name(setting: Setting, kind: str, schema: Schema) -> str:
    """The name as it is printed: canonical where the option is known in scope *kind*."""
    entry = schema.options.get((kind, setting.name.lower()))
    return setting.name if entry is None else entry.name


def _item(word: Word) -> str:
    return quoted(word.text) if word.quoted or not _plain(word.text) else word.text


def _key(key: str) -> str:
    return key if _plain(key) else quoted(key)
