"""Templates of content: text with ``{{expressions}}`` and ``{{if}} ... {{elseif}} ... {{else}} ... {{end}}`` in it.

``{{{expression}}}`` is the same as ``{{expression}}`` without the escaping of HTML. What is parsed once is rendered for
many recipients; rendering never raises for what the data are, and ends at its bound.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from momentum_trio.protocol.injection.expression import (
    DEPTH_MAX,
    Data,
    Expression,
    Reader,
    TemplateError,
    is_true,
    value_of,
)

TAGS_MAX: Final = 10_000
"""Of one template."""

RENDERED_CHARACTERS_MAX: Final = 4 * 1024 * 1024
"""Of one template for one recipient."""

_OPEN = re.compile(r"\{\{\{?")


class TooLong(Exception):
    """What a template came to is longer than RENDERED_CHARACTERS_MAX."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A value. is_raw: it is put in as it is, even into HTML."""

    expression: Expression
    is_raw: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """*nodes* where *condition* holds; None always does."""

    condition: Expression | None
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The first of *branches* that holds, or nothing."""

    branches: tuple[Branch, ...]


Node = str | Insert | Choice


@dataclass(frozen=True, slots=True)
class Template:
    """A text that depends on data."""

    nodes: tuple[Node, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Raises TemplateError."""
        return cls(_Parser(text).whole())

    @property
    def is_constant(self) -> bool:
        """Whether it comes to the same whatever the data are."""
        return all(isinstance(node, str) for node in self.nodes)

    def render(self, scopes: Sequence[Mapping[str, Data]], *, escaping: bool) -> str:
        """The text for *scopes*, the narrowest first. escaping: it is HTML. Raises TooLong."""
        rendering = _Rendering(scopes, escaping)
        rendering.add_all(self.nodes)
        return "".join(rendering.parts)


class _Rendering:
    """The parts of a text so far, and how much more it may come to."""

    __slots__ = ("_escaping", "_left", "_scopes", "parts")

    def __init__(self, scopes: Sequence[Mapping[str, Data]], escaping: bool) -> None:
        self._scopes, self._escaping, self._left = scopes, escaping, RENDERED_CHARACTERS_MAX
        self.parts: list[str] = []

    def add_all(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            match node:
                case str():
                    self._add(node)
                case Insert(expression, is_raw):
                    text = text_of(value_of(expression, self._scopes))
                    self._add(html.escape(text) if self._escaping and not is_raw else text)
                case Choice(branches):
                    self.add_all(self._chosen(branches))

    def _chosen(self, branches: Sequence[Branch]) -> Sequence[Node]:
        for branch in branches:
            if branch.condition is None or is_true(value_of(branch.condition, self._scopes)):
                return branch.nodes
        return ()

    def _add(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise TooLong
        self.parts.append(text)


def text_of(value: Data) -> str:
    """*value* as it is put in: nothing for what is absent, a text as it is, all else as JSON has it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _Parser:
    """One template, read from its beginning to its end."""

    __slots__ = ("_at", "_tags", "_text")

    def __init__(self, text: str) -> None:
        self._text, self._at, self._tags = text, 0, 0

    def whole(self) -> tuple[Node, ...]:
        nodes, ended_by, tag_at = self._nodes(0)
        if ended_by:
            raise TemplateError(tag_at, f"'{ended_by}' without 'if'")
        return nodes

    def _nodes(self, depth: int) -> tuple[tuple[Node, ...], str, int]:
        """Nodes up to the word that ends them, that word, and where it stands; it is taken, what follows it is not."""
        nodes: list[Node] = []
        while (opening := _OPEN.search(self._text, self._at)) is not None:
            if opening.start() > self._at:
                nodes.append(self._text[self._at : opening.start()])
            reader = self._tag(opening)
            is_raw = len(opening[0]) > 2
            word = "" if is_raw else reader.word("if", "elseif", "else", "end")
            self._at = reader.at
            if word == "if":
                nodes.append(self._choice(reader, opening.start(), depth + 1))
            elif word:
                return tuple(nodes), word, opening.start()
            else:
                nodes.append(Insert(reader.expression(), is_raw))
                self._close(reader, "}" * len(opening[0]))
        if self._at < len(self._text):
            nodes.append(self._text[self._at :])
            self._at = len(self._text)
        return tuple(nodes), "", self._at

    def _tag(self, opening: re.Match[str]) -> Reader:
        self._tags += 1
        if self._tags > TAGS_MAX:
            raise TemplateError(opening.start(), f"more than {TAGS_MAX} braces")
        return Reader(self._text, opening.end())

    def _choice(self, reader: Reader, at: int, depth: int) -> Choice:
        if depth > DEPTH_MAX:
            raise TemplateError(at, f"blocks are more than {DEPTH_MAX} deep")
        branches: list[Branch] = []
        condition: Expression | None = self._condition(reader)
        while True:
            nodes, word, tag_at = self._nodes(depth)
            branches.append(Branch(condition, nodes))
            if not word:
                raise TemplateError(at, "'if' without 'end'")
            reader = Reader(self._text, self._at)
            if word == "end":
                self._close(reader)
                return Choice(tuple(branches))
            if condition is None:
                raise TemplateError(tag_at, f"'{word}' after 'else'")
            condition = self._condition(reader) if word == "elseif" else None
            if condition is None:
                self._close(reader)

    def _condition(self, reader: Reader) -> Expression:
        condition = reader.expression()
        reader.word("then")
        self._close(reader)
        return condition

    def _close(self, reader: Reader, marks: str = "}}") -> None:
        reader.close(marks)
        self._at = reader.at
