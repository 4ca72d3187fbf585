"""The values of options as plain data: what the JSON forms hold."""

from __future__ import annotations

from typing import Any

from momentum_trio.config.schema import OptionEntry
from momentum_trio.config.show import SECRET
from momentum_trio.config.value import Value, unquoted

Plain = None | bool | int | float | str | list[str] | dict[str, str]


def plain(value: Value, entry: OptionEntry | None) -> Plain:
    """*value* as its option's type has it; as the text has it where that is unknown. A secret is not shown."""
    if entry is not None and entry.is_secret:
        return SECRET
    if entry is not None:
        try:
            return plain_typed(entry.kind.parse(value), entry)
        except ValueError:
            pass  # a default of the table that is described rather than written
    return unquoted(value)


def plain_typed(typed: Any, entry: OptionEntry) -> Plain:
    """A parsed value of the option *entry*."""
    match typed:
        case int() if entry.kind.name == "octal-mode":
            return str(entry.kind.show(typed))
        case float() if entry.kind.name == "time-seconds":
            return int(typed)
        case None | bool() | int() | float() | str():
            return typed
        case tuple() if entry.kind.name == "dictionary":
            return dict(typed)
        case tuple() if all(isinstance(item, str) for item in typed):
            return list(typed)
        case _ if isinstance(items := getattr(typed, "items", None), tuple):
            return [str(item) for item in items]
        case _:
            return str(entry.kind.show(typed))
