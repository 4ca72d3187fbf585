"""Values as the text has them, before an option gives them a type (spec: config-language, sections 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a configuration text. line and column count from 1, a column in characters; line 0: the whole file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word or a quoted string; escapes already undone. quoted: whether it stood in quotes."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Array:
    """``( a b c )``. Empty is a value of its own: it overrides an inherited list."""

    items: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """``[ key = value ... ]``; of equal keys the last one counts."""

    pairs: tuple[tuple[str, Word], ...]


Value = Word | Array | Dictionary


def same_meaning(one: Value, other: Value) -> bool:
    """Whether two values differ in their quotes at most."""
    return unquoted(one) == unquoted(other)


def unquoted(value: Value) -> str | list[str] | dict[str, str]:
    """*value* as the text has it, whatever its option's type."""
    match value:
        case Word():
            return value.text
        case Array():
            return [word.text for word in value.items]
        case Dictionary():
            return {key: word.text for key, word in value.pairs}


@dataclass(frozen=True, slots=True)
class Setting:
    """One option as set in one scope: the value, and where the statement begins."""

    name: str
    value: Value
    at: Position
