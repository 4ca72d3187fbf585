"""What is wrong with a statement, in words, with what would be right.

Each function judges one place of a text that has been found to be wrong; all offsets are in characters.
"""

from __future__ import annotations

from momentum_trio.config.lexis import FOREIGN

_TYPOGRAPHIC = "\u2018\u2019\u201c\u201d"
SHOWN_MAX = 40  # characters of what stands there


class Wrong(Exception):
    """What is wrong at *offset*; scanning goes on on the line after *resume*, at the end of the text not at all."""

    def __init__(self, offset: int, problem: str, hint: str = "", resume: int | None = None) -> None:
        super().__init__(problem)
        self.offset, self.problem, self.hint = offset, problem, hint
        self.resume = offset if resume is None else resume


def two_equals(text: str, pos: int, last: int, equals: int) -> Wrong:
    """A second '=', at *equals*, behind the value from *pos* to *last*."""
    if last == equals or ";" in text[pos:last]:
        return Wrong(equals, "'=' inside a bare word", "quote a value that holds '='; ';' does not end a statement")
    return Wrong(
        equals,
        f"'=' after the value {text[pos:last]}",
        "is a value missing before it? each option takes exactly one",
    )


def no_word(text: str, pos: int) -> Wrong:
    """A character with which no word begins."""
    c = text[pos]
    if c in _TYPOGRAPHIC:
        return Wrong(pos, f"a typographic quote {c}", "use straight quotes")
    if c in FOREIGN:
        return Wrong(
            pos, f"a mark of print (U+{ord(c):04X})", "not part of the language; leave it out, or quote the word"
        )
    if c in "(){}[]=,":
        return Wrong(pos, f"unexpected '{c}'", "expected a word or a string")
    return Wrong(pos, f"a control character (U+{ord(c):04X})", "leave it out, or put it in quotes")


def quote_in_word(text: str, pos: int, last: int) -> Wrong:
    """A quote at *last*, next to the word that begins at *pos*."""
    c = text[last]
    if c in FOREIGN:
        return no_word(text, last)
    return Wrong(
        last,
        f"a quote inside the word {shown(text[pos:last])}",
        "put a blank before it, or quote the whole word",
    )


def lonely_name(text: str, start: int, name_end: int, pos: int) -> Wrong:
    """A name with neither '=' nor '{' behind it."""
    name = text[start:name_end]
    c = text[pos : pos + 1]
    if not c:
        return Wrong(start, f"the end of the file after {shown(name)}", "expected '=' or '{'")
    return Wrong(
        start,
        f"expected '=' or '{{' after {shown(name)}",
        "an option is NAME = VALUE, a scope NAME [INSTANCE] { ... }",
        pos,
    )


def shown(text: str) -> str:
    """*text* as a problem quotes it: its beginning, within quotes."""
    beginning = text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."
    return beginning if beginning[:1] in ("'", '"') else f"'{beginning}'"
