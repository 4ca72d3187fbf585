"""The grammar of leaf statements (spec: config-language, section 3).

The prescan has found where a leaf begins and ends; what it is, is said here. Leaves are few and fat: a list is one
regular expression for the whole and one for its items, because a node of the parse tree costs more than the octets it
covers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from parsimonious.exceptions import ParseError
from parsimonious.grammar import Grammar
from parsimonious.nodes import Node

from momentum_trio.config.lexis import (
    ARRAY,
    BLANKS,
    DICTIONARY,
    INSTANCE_PATH,
    LIST_WORD,
    LITERAL,
    NAME,
    PAIR_WORD,
    STRING,
    WORD,
)
from momentum_trio.config.value import Array, Dictionary, Value, Word


def _regex(pattern: str) -> str:
    """*pattern* as a terminal of the grammar."""
    return f"~{pattern!r}s"


LEAF = Grammar(
    rf"""
    leaf        = directive / option / collected / bare
    directive   = keyword blanks file
    keyword     = {_regex("(?i:(?:readonly_)?include)(?![A-Za-z0-9_.-])")}
    file        = string / literal / word
    option      = name equals value
    equals      = {_regex(BLANKS + "=" + BLANKS)}
    collected   = name blanks collection
    collection  = array / dictionary
    value       = word / string / array / dictionary / literal
    bare        = name
    name        = {_regex(NAME)}
    blanks      = {_regex(BLANKS)}
    word        = {_regex(WORD)}
    string      = {_regex(STRING)}
    literal     = {_regex(LITERAL)}
    array       = {_regex(ARRAY)}
    dictionary  = {_regex(DICTIONARY)}
    """
)

HEAD = Grammar(
    rf"""
    head        = name blanks (assigned / path / instance / nothing)
    assigned    = {_regex("=" + BLANKS)} (instance / nothing)
    path        = {_regex(INSTANCE_PATH)} blanks
    instance    = (string / literal / word) blanks
    nothing     = ""
    name        = {_regex(NAME)}
    blanks      = {_regex(BLANKS)}
    word        = {_regex(WORD)}
    string      = {_regex(STRING)}
    literal     = {_regex(LITERAL)}
    """
)

_ITEM = re.compile(rf"{BLANKS},?+{BLANKS}(?:({LIST_WORD})|({STRING})|({LITERAL}))", re.DOTALL)
_PAIR = re.compile(
    rf"{BLANKS}([,;]?+){BLANKS}({PAIR_WORD}|{STRING}|{LITERAL}){BLANKS}={BLANKS}({PAIR_WORD}|{STRING}|{LITERAL})",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\([nrt\\\"])")
_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}


class ParsedLeaf(NamedTuple):
    """A leaf statement. value_start: where its value begins in the text; at its end when it has none.

    has_semicolon: whether a dictionary separates its pairs with ``;``, which is worth a warning.
    """

    name: str
    value: Value
    value_start: int
    has_semicolon: bool = False


class NotALeaf(Exception):
    """The text at *offset* does not follow the grammar. expected: in words."""

    def __init__(self, offset: int, expected: str) -> None:
        super().__init__(expected)
        self.offset, self.expected = offset, expected


def leaf(text: str, start: int, end: int) -> ParsedLeaf:
    """The leaf statement that is ``text[start:end]``. A directive is a leaf whose name is its keyword. Raises
    NotALeaf.
    """
    try:
        node = LEAF.parse(text[start:end]).children[0]
    except ParseError as error:
        raise NotALeaf(start + int(error.pos), _expected(error)) from None
    if node.expr_name in ("option", "collected"):
        name, _, held = node.children
        value, has_semicolon = _value(held.children[0])
        return ParsedLeaf(name.text, value, start + int(held.start), has_semicolon)
    if node.expr_name == "directive":
        keyword, _, held = node.children
        value, _ = _value(held.children[0])
        return ParsedLeaf(keyword.text, value, start + int(held.start))
    return ParsedLeaf(node.text, Array(()), end)


def head(text: str, start: int, brace: int) -> tuple[str, Word | None, int]:
    """The head of the scope whose ``{`` is at *brace*: its name, its instance, where the instance begins. Raises
    NotALeaf.
    """
    try:
        name, _, chosen = HEAD.parse(text[start:brace]).children
    except ParseError as error:
        raise NotALeaf(start + int(error.pos), _expected(error)) from None
    alternative = chosen.children[0]
    if alternative.expr_name == "assigned":
        alternative = alternative.children[1].children[0]
    if alternative.expr_name == "nothing":
        return name.text, None, brace
    if alternative.expr_name == "path":
        return name.text, Word(alternative.children[0].text), start + int(alternative.start)
    word, _ = _value(alternative.children[0].children[0])
    assert isinstance(word, Word)
    return name.text, word, start + int(alternative.start)


def unescaped(text: str) -> str:
    """The inside of a double-quoted string: ``\\n \\r \\t \\\\ \\"`` mean something, any other backslash stays."""
    return _ESCAPE.sub(lambda match: _UNESCAPED[match.group(1)], text) if "\\" in text else text


def _value(node: Node) -> tuple[Value, bool]:
    kind, text = node.expr_name, node.text
    if kind == "word":
        return Word(text), False
    if kind in ("string", "literal"):
        return _word(text), False
    if kind == "array":
        return Array(tuple(map(_item, _each(_ITEM, text)))), False
    pairs: dict[str, Word] = {}
    has_semicolon = False
    for match in _each(_PAIR, text):
        separator, key, held = match.groups()
        has_semicolon = has_semicolon or separator == ";"
        pairs[_word(key).text] = _word(held)  # of equal keys the last one counts
    return Dictionary(tuple(pairs.items())), has_semicolon


def _each(part: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The parts of a list or dictionary, one behind the other: what looks like one in a comment is none."""
    at = 1
    while (match := part.match(text, at)) is not None:
        yield match
        at = match.end()


def _item(match: re.Match[str]) -> Word:
    word, string, literal = match.groups()
    if word is not None:
        return Word(word)
    return Word(unescaped(string[1:-1]) if string is not None else literal[1:-1], quoted=True)


def _word(text: str) -> Word:
    if text.startswith('"'):
        return Word(unescaped(text[1:-1]), quoted=True)
    return Word(text[1:-1], quoted=True) if text.startswith("'") else Word(text)


_IN_WORDS = {
    "name": "a name",
    "value": "a value",
    "equals": "'='",
    "file": "the name of a file",
    "word": "a word",
    "string": "a string",
    "literal": "a string",
    "array": "a list",
    "dictionary": "a dictionary",
    "path": "an instance",
    "instance": "an instance",
}


def _expected(error: ParseError) -> str:
    rule = getattr(error.expr, "name", "") or ""
    return f"expected {_IN_WORDS.get(rule, 'NAME = VALUE')}"
