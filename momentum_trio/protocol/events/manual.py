"""docs/event-types.md: what every event says, written from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Meta

from momentum_trio.protocol.events.event import EVENTS, Event, word_of
from momentum_trio.protocol.events.filter import Filter

HEAD = """# Types of events

<!-- Made by `make reference`: do not edit. -->

What an event says, by its `type`; how to get them is in [events.md](events.md). Every event has a `type`, a `cursor`
and a `time`. Fields may be added; none is renamed, and none changes its meaning.
"""
_WORDS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def event_types_md() -> str:
    """The text of docs/event-types.md."""
    return "\n".join([HEAD, *(_of_type(kind) for kind in EVENTS), _of_filter()])


def _of_type(kind: type[Event]) -> str:
    assert kind.__doc__ is not None
    return f"## {word_of(kind)}\n\n{kind.__doc__.strip()}\n\n{_table(kind)}"


def _of_filter() -> str:
    return (
        "## Filters\n\nCriteria, in the query of a request or in the `filter` of a subscription: lists of strings.\n\n"
        f"{_table(Filter)}"
    )


def _table(kind: type[Any]) -> str:
    rows = "".join(f"| `{name}` | {word} | {meaning} |\n" for name, word, meaning in _fields(kind))
    return f"| Field | Is | Means |\n|---|---|---|\n{rows}"


def _fields(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of each field."""
    hints = get_type_hints(kind, include_extras=True)
    for name in kind.__struct_fields__:
        hint = hints[name]
        meanings = [each.description for each in get_args(hint)[1:] if isinstance(each, Meta) and each.description]
        assert get_origin(hint) is Annotated, f"{kind.__name__}.{name} says nothing"
        assert meanings, f"{kind.__name__}.{name} says nothing"
        yield name, _word(get_args(hint)[0]), meanings[-1]


def _word(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    parts = [part for part in get_args(kind) if part is not type(None)]
    if type(None) in get_args(kind):
        return f"{_word(parts[0])} or null"
    return "object" if len(parts) == 2 and parts[1] is str else "list of strings"
