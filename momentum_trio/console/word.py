"""A command line as words, in the quoting of the configuration language (spec: config-language, section 2).

White space separates. ``"..."`` may hold anything and knows the escapes ``\\n \\r \\t \\\\ \\"``; ``'...'`` is literal.
Elsewhere every character stands for itself: brackets and ``=`` are for the command that takes them to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(r"\s*+(?:(?:\"((?:[^\"\\]++|\\.)*)\"|'([^']*+)')(?!\S)|([^\s\"']\S*+))", re.DOTALL)
_ESCAPE = re.compile(r"\\([nrt\\\"])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True)
class Word:
    """One word. text: without quotes, escapes undone. start, end: where it stands in the line, quotes included."""

    text: str
    quoted: bool
    start: int
    end: int


def words(line: str) -> Iterator[Word]:
    """The words of *line*, one by one. Raises ValueError where a quote stays open, or ends within a word."""
    at, end = 0, len(line.rstrip())
    while at < end:
        if (found := _WORD.match(line, at)) is None:
            raise ValueError("a quote stays open, or ends within a word")
        double, single, bare = found.groups()
        quoted, start = bare is None, found.start() + len(found[0]) - len(found[0].lstrip())
        text = bare if bare is not None else single if single is not None else _unescaped(double)
        yield Word(text, quoted, start, found.end())
        at = found.end()


def split(line: str) -> tuple[str, ...]:
    """The words' texts. Raises ValueError where a quote stays open, or ends within a word."""
    return tuple(word.text for word in words(line))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], text)
