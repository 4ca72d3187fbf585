"""Where a secret may stand, so that no error shows it (SECURITY.md, Secrets).

A secret is known by the name of its option. What stands on its line, and on the line below, is not shown, also where
the option is out of place, the name nearly right, or the grammar broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from momentum_trio.config.error import ConfigError
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.value import Position

NEARLY = 0.85  # how like a secret's name a mistyped one is
NAMES_TRIED_MAX = 16  # of one text: what stands further on is no name of an option
NAME_CHARACTERS_MAX = 64
UNSHOWN = "the text is wrong here; it is not shown, because the value of a secret option may stand in it"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*+")


class Secrets:
    """The names of secret options."""

    __slots__ = ("_names", "_pattern")

    def __init__(self, schema: Schema) -> None:
        self._names = sorted({key for key, meanings in schema.by_option.items() if any(e.is_secret for e in meanings)})
        names = "|".join(map(re.escape, self._names)) or "(?!)"
        self._pattern = re.compile(rf"(?<![A-Za-z0-9_])(?:{names})(?![A-Za-z0-9_])", re.IGNORECASE)

    def named_in(self, text: str) -> int | None:
        """Where the first name of a secret in *text* ends, one nearly right included; None when there is none."""
        if found := self._pattern.search(text):
            return found.end()
        for tried, word in enumerate(_NAME.finditer(text)):
            if tried == NAMES_TRIED_MAX:
                break
            if self.is_nearly(word.group()):
                return word.end()
        return None

    def is_nearly(self, name: str) -> bool:
        """Whether *name* is that of a secret, or a slip of the finger away."""
        return len(name) <= NAME_CHARACTERS_MAX and bool(get_close_matches(name.lower(), self._names, 1, NEARLY))

    def veil(self, errors: Iterable[ConfigError], sources: Mapping[str, Source]) -> None:
        """Mark those of *errors* whose line is not to be shown, and take the words of the text out of them."""
        for error in errors:
            source = sources.get(error.at.file)
            if source is None or error.at.line < 1 or self.named_in(_about(source, error.at)) is None:
                continue
            error.is_secret = True
            if not error.option:  # of the grammar, which quotes what it found
                error.problem, error.hint = UNSHOWN, ""


def _about(source: Source, at: Position) -> str:
    """The line of *at* and the one before it."""
    start = source.offset(Position(at.file, max(1, at.line - 1), 1))
    return source.text[start : source.line_end(source.offset(Position(at.file, at.line, 1)))]
