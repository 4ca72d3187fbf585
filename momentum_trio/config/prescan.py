"""Where statements begin and end, at every depth, before any of them is parsed.

Layout has no meaning in this language: a statement ends where the next one begins. So the rule is: a name; then ``=``
and one value, or a list, or an instance and ``{``. Comments and quotes are known here; what stands inside ``( )`` and
``[ ]`` is only seen to be closed. Errors are gathered, and the scan goes on behind them as well as it can. Only guesses
about errors look at indentation and line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from momentum_trio.config.error import ERRORS_MAX, ConfigError
from momentum_trio.config.lexis import (
    ARRAY,
    BARE_OPTIONS,
    BLANKS,
    DICTIONARY,
    DIRECTIVES,
    FOREIGN,
    INSTANCE_PATH,
    ITEM_WORD,
    LITERAL,
    NAME,
    STRING,
    WORD,
)
from momentum_trio.config.misplaced import Wrong, lonely_name, no_word, quote_in_word, shown, two_equals
from momentum_trio.config.source import Source

DEPTH_MAX = 64


class Shape(Enum):
    """What a span is: a leaf statement, a scope's head up to its ``{``, a ``}``, or a head that is not understood."""

    LEAF = 0
    OPEN = 1
    CLOSE = 2
    BROKEN = 3


Span = tuple[Shape, int, int]

_blanks = re.compile(BLANKS).match
_word = re.compile(WORD).match
_item_word = re.compile(ITEM_WORD).match
_name = re.compile(NAME + rf"(?!{WORD})").match
_instance_path = re.compile(INSTANCE_PATH).match
_string = re.compile(f"{STRING}|{LITERAL}", re.DOTALL).match
_array = re.compile(ARRAY, re.DOTALL).match
_dictionary = re.compile(DICTIONARY, re.DOTALL).match
# The commonest leaf, whole: what follows it begins another statement or ends the scope.
_plain_leaf = re.compile(
    rf"(?!(?i:(?:readonly_)?include)[ \t]*+=){NAME}[ \t]*+=[ \t]*+"
    rf"(?:(?!/\*)[^{FOREIGN}\x00-\x20\"'={{}}\[\]()\#;\x7f]++|\"[^\"\\]*+\")(?=[ \t\r\n]++[A-Za-z_}}])"
).match


def spans(source: Source, errors: list[ConfigError]) -> Iterator[Span]:
    """The statements of *source* in order. What is wrong is appended to *errors*, at most ERRORS_MAX of them."""
    yield from _Scan(source, errors).spans()


class _Scan:
    """One pass over one text."""

    def __init__(self, source: Source, errors: list[ConfigError]) -> None:
        self.source, self.text, self.errors = source, source.text, errors
        self.opened: list[tuple[int, int]] = []  # (start of the statement, its brace) of each open scope
        self.suspect: tuple[int, int, int] | None = (
            None  # an inner scope that indentation says was never closed, and where
        )

    def spans(self) -> Iterator[Span]:
        text, opened = self.text, self.opened
        end = len(text)
        pos = 0
        while len(self.errors) < ERRORS_MAX:
            blank = _blanks(text, pos)
            assert blank is not None
            pos = blank.end()
            if plain := _plain_leaf(text, pos):
                yield Shape.LEAF, pos, (pos := plain.end())
                continue
            if pos >= end:
                break
            try:
                if text[pos] == "}":
                    self._close(pos)
                    yield Shape.CLOSE, pos, (pos := pos + 1)
                    continue
                shape, last = self._statement(pos)
            except Wrong as wrong:
                is_structural = text.startswith("}", wrong.offset) or wrong.resume >= end
                self._report(wrong.offset, wrong.problem, wrong.hint, is_structural)
                skipped = self._resume(wrong.resume)
                if text[skipped : skipped + 1] == "{":
                    opened.append((pos, skipped))
                    yield Shape.BROKEN, pos, skipped
                    pos = skipped + 1
                else:
                    pos = max(skipped, pos + 1)
                continue
            if shape is Shape.OPEN:
                opened.append((pos, last))
                if len(opened) > DEPTH_MAX:
                    self._report(last, f"scopes are nested more than {DEPTH_MAX} deep")
                    return
                yield shape, pos, last
                pos = last + 1
            else:
                yield shape, pos, last
                pos = last
        self._left_open()

    def _report(self, offset: int, problem: str, hint: str = "", is_structural: bool = True) -> None:
        self.errors.append(ConfigError(self.source.at(offset), "", problem, hint, is_structural=is_structural))

    # statements

    def _statement(self, start: int) -> tuple[Shape, int]:
        """The statement at *start*: a leaf and its end, or a scope and its brace."""
        text = self.text
        named = _name(text, start)
        if named is None:
            raise self._no_name(start)
        name = named.group().lower()
        pos = self._blanks(named.end())
        c = text[pos : pos + 1]
        if name in DIRECTIVES:
            if c in ("=", "{", ""):
                hint = f'write {named.group()} "FILE"'
                raise Wrong(pos, f"{named.group()} takes the name of a file", hint, self.source.line_end(pos))
            return Shape.LEAF, self._word_or_string(pos)
        if c == "=":
            return self._after_equals(pos)
        if c == "{":
            return Shape.OPEN, pos
        if c and c in "([":
            return Shape.LEAF, self._bracket(pos)
        if c and c not in "}=)]" and name not in BARE_OPTIONS:
            last = path.end() if (path := _instance_path(text, pos)) else self._word_or_string(pos)
            brace = self._blanks(last)
            if text[brace : brace + 1] == "{":
                return Shape.OPEN, brace
        if name in BARE_OPTIONS:
            return Shape.LEAF, named.end()
        raise lonely_name(text, start, named.end(), pos)

    def _after_equals(self, equals: int) -> tuple[Shape, int]:
        text = self.text
        pos = self._blanks(equals + 1)
        c = text[pos : pos + 1]
        if c == "{":
            return Shape.OPEN, pos
        if c and c in "([":
            return Shape.LEAF, self._bracket(pos)
        if not c or c in "}=)]":
            raise Wrong(
                equals, "a value is missing after '='", 'expected a word, a "string", ( a list ) or [ a = dictionary ]'
            )
        last = self._word_or_string(pos)
        brace = self._blanks(last)
        if text[brace : brace + 1] == "{":
            return Shape.OPEN, brace
        if text[brace : brace + 1] == "=":
            raise two_equals(text, pos, last, brace)
        return Shape.LEAF, last

    # parts

    def _blanks(self, pos: int) -> int:
        match = _blanks(self.text, pos)
        assert match is not None
        pos = match.end()
        if self.text.startswith("/*", pos):
            raise Wrong(pos, "'/*' is never closed", "expected '*/'", len(self.text))
        return pos

    def _word_or_string(self, pos: int) -> int:
        """The end of the word or string at *pos*, known to stand apart from what follows."""
        text = self.text
        if text[pos] in "\"'":
            return self._string(pos)
        match = _word(text, pos)
        if match is None:
            raise no_word(text, pos)
        last = match.end()
        follows = text[last : last + 1]
        if follows and (follows in "\"'" or follows in FOREIGN):
            raise quote_in_word(text, pos, last)
        word = match.group()
        if word.startswith(";") or word.endswith(";"):
            raise Wrong(
                pos + word.index(";"), "';' does not end a statement", "remove it; line ends and ';' separate nothing"
            )
        return last

    def _string(self, pos: int) -> int:
        text = self.text
        match = _string(text, pos)
        if match is None:
            raise Wrong(pos, "the string is never closed", f"expected another {text[pos]}", len(text))
        last = match.end()
        follows = text[last : last + 1]
        if follows and follows not in " \t\r\n\f\v{}#=)]," and not text.startswith("/*", last):
            if "\n" in match.group():
                where = self.source.at(last)
                problem = f"the string opened here ends at {where.line}:{where.column - 1} in front of a word"
                raise Wrong(pos, problem, "is its closing quote missing?")
            raise Wrong(last, "no blank after the string", 'a quote inside a string is written \\"')
        return last

    def _bracket(self, pos: int) -> int:
        """The end of the list or dictionary at *pos*."""
        match = _array(self.text, pos) if self.text[pos] == "(" else _dictionary(self.text, pos)
        if match is None:
            raise self._bad_bracket(pos)
        return match.end()

    # what is wrong

    def _bad_bracket(self, bracket: int) -> Wrong:
        """Why the list or dictionary at *bracket* is none."""
        text = self.text
        is_list = text[bracket] == "("
        closing = ")" if is_list else "]"
        open_name = f"'{text[bracket]}'"
        pos = bracket + 1
        expected = "item" if is_list else "key"  # item | comma | key | = | value
        while True:
            try:
                pos = self._blanks(pos)
                c = text[pos : pos + 1]
                if not c:
                    return Wrong(bracket, f"{open_name} is never closed", f"expected '{closing}'", bracket)
                if c == closing:
                    if expected == "=":
                        return Wrong(pos, "a key without a value", "expected KEY = VALUE")
                    return Wrong(pos, f"unexpected '{c}'", "expected a value in front of it", pos)
                if c in "([":
                    return Wrong(
                        pos, "lists and dictionaries do not nest", "quote the word if it is meant literally", pos
                    )
                if c in "{})]" or (c == "=" and is_list):
                    inside = "list" if is_list else "dictionary"
                    hint = f"is its '{closing}' missing?"
                    line_start = text.rfind("\n", 0, pos)  # the statement that is not swallowed begins on its own line
                    return Wrong(bracket, f"'{c}' inside the {inside} that begins here", hint, max(bracket, line_start))
                if c == "=":
                    if expected != "=":
                        return Wrong(pos, "unexpected '='", "expected KEY = VALUE, quoted where they hold '='", pos)
                    expected, pos = "value", pos + 1
                    continue
                if c == "," or (c == ";" and not is_list):
                    if expected != "separator":
                        return Wrong(pos, f"unexpected '{c}'", f"'{c}' stands between two values", pos)
                    expected, pos = "item" if is_list else "key", pos + 1
                    if text[self._blanks(pos) : self._blanks(pos) + 1] == closing:
                        return Wrong(
                            pos - 1, f"unexpected '{c}' before '{closing}'", f"'{c}' stands between two values", pos
                        )
                    continue
                if expected == "=":
                    return Wrong(pos, "'=' is missing after the key", "expected KEY = VALUE", pos)
                pos = self._item(pos, is_list)
            except Wrong as wrong:
                wrong.resume = bracket if wrong.resume >= len(text) else wrong.resume
                return wrong
            expected = "separator" if is_list or expected == "value" else "="

    def _item(self, pos: int, is_list: bool) -> int:
        text = self.text
        if text[pos] in "\"'":
            return self._string(pos)
        match = _item_word(text, pos)
        if match is None:
            raise no_word(text, pos)
        last = match.end()
        if text[last : last + 1] in ('"', "'"):
            raise quote_in_word(text, pos, last)
        word = match.group()
        if is_list and (word.startswith(";") or word.endswith(";")):
            raise Wrong(
                pos + word.index(";"), "';' separates nothing in a list", "blanks are enough, or quote the word"
            )
        if not is_list and ";" in match.group():
            first = match.group().index(";")
            return pos + first if first else last
        return last

    def _no_name(self, pos: int) -> Wrong:
        text = self.text
        c = text[pos]
        if text.startswith("/*", pos):
            return Wrong(pos, "'/*' is never closed", "expected '*/'", len(text))
        if c in "\"'":
            last = self._string(pos)
            return Wrong(
                pos,
                f"the string {shown(text[pos:last])} stands alone",
                "expected the name of an option or scope",
                last,
            )
        if c in ")]":
            return Wrong(pos, f"'{c}' closes nothing", "expected the name of an option or scope")
        if c == "{":
            return Wrong(pos, "'{' without a name", "expected the name of a scope before it")
        if c == "=":
            return Wrong(
                pos, "'=' without a name", "expected the name of an option before it; quote a value that holds '='"
            )
        if (match := _word(text, pos)) is None:
            return no_word(text, pos)
        word = match.group()
        if word.startswith(";"):
            return Wrong(pos, "';' does not end a statement", "remove it; line ends and ';' separate nothing")
        if pos and text[:pos].rstrip(" \t")[-1:] not in ("\n", "{", "}", ""):
            return Wrong(
                pos,
                f"{shown(word)} after a value",
                "each option takes one value; a list is written ( a b ), words with blanks in quotes",
            )
        return Wrong(
            pos, f"{shown(word)} is no name", "a name begins with a letter and holds letters, digits, '_', '-' and '.'"
        )

    # braces

    def _close(self, brace: int) -> None:
        if not self.opened:
            raise Wrong(brace, "'}' closes nothing", "remove it, or look for a '{' missing above", brace + 1)
        start, _ = self.opened.pop()
        if self.suspect is None and self.opened and self.source.is_first_on_line(brace):
            source = self.source
            if source.is_first_on_line(start) and source.indentation(brace) < source.indentation(start):
                self.suspect = start, brace, len(self.opened)

    def _left_open(self) -> None:
        """At the end of the text: which of the open scopes is it that was not closed?"""
        if not self.opened or len(self.errors) >= ERRORS_MAX:
            return
        if self.suspect is not None:
            start, brace, depth = self.suspect
            if depth >= len(self.opened) > 0:
                line = self.source.at(brace).line
                self._report(
                    start,
                    "this scope is never closed",
                    f"by its indentation the '}}' of line {line} closes the scope around it",
                )
                return
        for start, brace in self.opened[-1:]:
            self._report(start, "this scope is never closed", f"expected '}}' for the '{{' of {self.source.at(brace)}")

    def _resume(self, pos: int) -> int:
        """Where scanning goes on behind an error: a brace on the rest of the line, or the next line."""
        text = self.text
        last = self.source.line_end(min(pos, len(text)))
        while pos < last:
            c = text[pos]
            if c in "{}":
                return pos
            if c == "#" or text.startswith("/*", pos):
                return last
            quoted = _string(text, pos, last) if c in "\"'" else None
            pos = quoted.end() if quoted else pos + 1
        return last
