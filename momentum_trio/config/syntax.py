"""One file as lossless nodes: each keeps its span, the text stays (spec: config-language, section 3).

Nothing is ever reprinted: an edit replaces spans of the text (``Document.edited``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from momentum_trio.config import grammar
from momentum_trio.config.error import ConfigError
from momentum_trio.config.lexis import BLANKS, DIRECTIVES, NAME
from momentum_trio.config.prescan import Shape, spans
from momentum_trio.config.source import Source
from momentum_trio.config.value import Value, Word


@dataclass(frozen=True, slots=True)
class Leaf:
    """An option as written: ``text[start:end]`` is the statement, ``text[value_start:end]`` its value."""

    name: str
    value: Value
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class Include:
    """``include FILE`` or ``readonly_include FILE``."""

    file: str
    is_readonly: bool
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """A scope as written: from its name to its ``}``. brace: where ``{`` stands; body: what is between the two.

    instance: the word behind the name, None when there is none. is_broken: its head was not understood.
    """

    name: str
    instance: Word | None
    start: int
    instance_start: int
    brace: int
    end: int
    body: tuple[Node, ...]
    is_broken: bool = False


Node = Leaf | Include | Block


@dataclass(frozen=True, slots=True)
class Edit:
    """``text[start:end]`` becomes *text*."""

    start: int
    end: int
    text: str


_assigned = re.compile(f"{NAME}{BLANKS}=").match


@dataclass(frozen=True, slots=True)
class Document:
    """One file, parsed. includes: the directives in it, at any depth."""

    source: Source
    body: tuple[Node, ...]
    includes: tuple[Include, ...] = ()

    def nodes(self) -> Iterator[Node]:
        """Every node, a scope before what it holds."""
        waiting = [iter(self.body)]
        while waiting:
            node = next(waiting[-1], None)
            if node is None:
                waiting.pop()
                continue
            yield node
            if isinstance(node, Block):
                waiting.append(iter(node.body))

    def node_at(self, start: int) -> Node | None:
        """The node that begins at offset *start*."""
        body = self.body
        while True:
            for node in body:
                if node.start == start:
                    return node
                if isinstance(node, Block) and node.start < start < node.end:
                    body = node.body
                    break
            else:
                return None

    def printed(self) -> str:
        """The text again, put together from the spans of the nodes and what is between them."""
        parts: list[str] = []
        text, at = self.source.text, 0
        waiting: list[tuple[Iterator[Node], int]] = [(iter(self.body), len(text))]
        while waiting:
            nodes, end = waiting[-1]
            node = next(nodes, None)
            if node is None:
                waiting.pop()
                parts.append(text[at:end])
                at = end
                continue
            assert at <= node.start <= node.end <= end
            parts.append(text[at : node.start])
            if isinstance(node, Block):
                parts.append(text[node.start : node.brace + 1])
                at = node.brace + 1
                waiting.append((iter(node.body), node.end))
            else:
                parts.append(text[node.start : node.end])
                at = node.end
        return "".join(parts)

    # edits: all else stays to the letter; line ends and indentation are those of the text

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text with *edits*, which do not overlap; of those at one place the first given comes first."""
        parts: list[str] = []
        at = 0
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            assert at <= edit.start
            parts += [self.source.text[at : edit.start], edit.text]
            at = edit.end
        return "".join((*parts, self.source.text[at:]))

    def replacement(self, leaf: Leaf, value: Sequence[str]) -> Edit:
        """Another value for *leaf*, lines as they stand at the margin; on one line where the old value was."""
        text = self.source.text
        equals = "" if _assigned(text, leaf.start) else " = "  # the bare form, or a list without '='
        apart = "" if text[leaf.end : leaf.end + 1] in " \t\r\n}#" else " "
        is_long = "\n" in text[leaf.value_start : leaf.end]
        between = f"{self._line_end}{self.source.indent(leaf.start)}" if is_long else " "
        words = value if is_long else (line.strip() for line in value)
        return Edit(leaf.value_start, leaf.end, f"{equals}{between.join(words)}{apart}")

    def insertion(self, block: Block | None, statements: Sequence[str]) -> Edit:
        """*statements*, lines as they stand at the margin, as the last of *block*, or of the file."""
        text, line_end = self.source.text, self._line_end
        if block is None:
            before = "" if not text or text.endswith("\n") else line_end
            return Edit(len(text), len(text), before + "".join(line + line_end for line in statements))
        close = block.end - 1
        outer = self.source.indent(block.start)
        indent = outer + ("\t" if outer.startswith("\t") else "  ")
        if block.body and self.source.is_first_on_line(block.body[-1].start):
            indent = self.source.indent(block.body[-1].start)
        lines = "".join(f"{indent}{line}{line_end}" for line in statements)
        line_start = text.rfind("\n", 0, close) + 1
        if line_start > block.brace and not text[line_start:close].strip(" \t"):
            return Edit(line_start, line_start, lines)
        return Edit(close, close, f"{line_end}{lines}{outer}")

    def removal(self, node: Node) -> Edit:
        """Without *node*, and without its line where nothing else stands on it."""
        text = self.source.text
        start, end = node.start, node.end
        line_end = self.source.line_end(end)
        if self.source.is_first_on_line(start) and not text[end:line_end].strip():
            start, end = text.rfind("\n", 0, start) + 1, min(line_end + 1, len(text))
        return Edit(start, end, "")

    @property
    def _line_end(self) -> str:
        return "\r\n" if "\r\n" in self.source.text else "\n"


class _Open:
    """A scope whose ``}`` has not come yet."""

    __slots__ = ("body", "brace", "instance", "instance_start", "is_broken", "name", "start")

    def __init__(
        self, name: str, instance: Word | None, start: int, instance_start: int, brace: int, is_broken: bool
    ) -> None:
        self.name, self.instance, self.start, self.instance_start = name, instance, start, instance_start
        self.brace, self.is_broken = brace, is_broken
        self.body: list[Node] = []

    def closed(self, end: int) -> Block:
        body = tuple(self.body)
        return Block(self.name, self.instance, self.start, self.instance_start, self.brace, end, body, self.is_broken)


def parse(source: Source, errors: list[ConfigError]) -> Document:
    """The document that *source* is. What is wrong is appended to *errors*, and the rest is a document all the same."""
    text = source.text
    body: list[Node] = []
    opened: list[_Open] = []
    into = body
    includes: list[Include] = []
    names: dict[str, str] = {}  # one str for all statements of one name
    for shape, start, end in spans(source, errors):
        try:
            if shape is Shape.LEAF:
                parsed = grammar.leaf(text, start, end)
                name = names.setdefault(parsed.name, parsed.name)
                if name.lower() in DIRECTIVES:
                    includes.append(_include(name, parsed.value, start, parsed.value_start, end))
                    into.append(includes[-1])
                else:
                    into.append(Leaf(name, parsed.value, start, parsed.value_start, end))
                if parsed.has_semicolon:
                    at, hint = source.at(parsed.value_start), "blanks are enough"
                    errors.append(ConfigError(at, name, "';' between pairs", hint, warning=True))
            elif shape is Shape.OPEN:
                name, instance, instance_start = grammar.head(text, start, end)
                opened.append(_Open(names.setdefault(name, name), instance, start, instance_start, end, False))
                into = opened[-1].body
            elif shape is Shape.BROKEN:
                opened.append(_Open("", None, start, end, end, True))
                into = opened[-1].body
            else:
                block = opened.pop().closed(end)
                into = opened[-1].body if opened else body
                into.append(block)
        except grammar.NotALeaf as wrong:
            errors.append(ConfigError(source.at(wrong.offset), "", wrong.expected))
            if shape is Shape.OPEN:
                opened.append(_Open("", None, start, end, end, True))
                into = opened[-1].body
    while opened:  # never closed: already said
        block = opened.pop().closed(len(text))
        into = opened[-1].body if opened else body
        into.append(block)
    return Document(source, tuple(body), tuple(includes))


def _include(keyword: str, value: Value, start: int, value_start: int, end: int) -> Include:
    assert isinstance(value, Word)
    return Include(value.text, keyword.lower() == "readonly_include", start, value_start, end)
