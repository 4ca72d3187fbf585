"""What is wrong with an operator's text, with its place and what would be right.

All errors of all files are gathered and said together: ``ConfigErrors.render`` prints each as

    ecelerity.conf:4:3: Enabled: no such option in ESMTP_Listener
          Enabled = false
          ^
      did you mean Enable?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import TypedDict

from momentum_trio.config.value import Position

ERRORS_MAX = 200  # more than these nobody reads; the rest is counted
LINE_SHOWN_MAX = 120
WORDS_SHOWN_MAX = 1000  # of a name, a problem or a hint: they may quote the text
CUT = "..."


class ErrorFields(TypedDict):
    """An error for machines (``validate_config --format json``)."""

    file: str
    line: int
    column: int
    severity: str
    option: str
    problem: str
    hint: str


class ConfigError(Exception):
    """One thing wrong with the text.

    option: the name it is about, or empty. hint: what would be right, or empty. warning: the text loads all the same.
    is_structural: where scopes begin and end is in doubt, so what else seems wrong with the file may not be.
    is_secret: the line it stands in is not to be shown.
    """

    def __init__(
        self,
        at: Position,
        option: str,
        problem: str,
        hint: str = "",
        *,
        warning: bool = False,
        is_structural: bool = False,
        is_secret: bool = False,
    ) -> None:
        super().__init__()
        self.at, self.option, self.problem, self.hint = at, _cut(option), _cut(problem), _cut(hint)
        self.warning = warning
        self.is_structural, self.is_secret = is_structural, is_secret

    def __str__(self) -> str:
        option, hint = f"{self.option}: " if self.option else "", f" ({self.hint})" if self.hint else ""
        return f"{self.at}: {option}{self.problem}{hint}"

    def fields(self) -> ErrorFields:
        """The error as plain values."""
        return {
            "file": self.at.file,
            "line": self.at.line,
            "column": self.at.column,
            "severity": "warning" if self.warning else "error",
            "option": self.option,
            "problem": self.problem,
            "hint": self.hint,
        }

    def render(self, line: str | None) -> str:
        """The error with *line*, the text it stands in, and a caret below the place."""
        head = f"{self.at}: " + ("warning: " if self.warning else "") + (f"{self.option}: " if self.option else "")
        parts = [head + self.problem]
        if line is not None and not self.is_secret:
            shown, caret = _window(line, self.at.column)
            parts += [f"    {shown}".rstrip(), f"    {caret}"]
        if self.hint:
            parts.append(f"  {self.hint}")
        return "\n".join(parts)


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration; the running one stays. Never empty."""

    def __init__(self, errors: Iterable[ConfigError], lines: Mapping[str, str] | None = None) -> None:
        """lines: the texts the errors stand in, by file; ``render`` shows the lines from them."""
        self.errors = tuple(errors)
        self.texts = dict(lines or {})
        assert self.errors
        super().__init__("\n".join(str(error) for error in self.errors[:ERRORS_MAX]))

    def render(self, sources: Mapping[str, str | bytes] | None = None) -> str:
        """All of them, one below the other. sources: texts by file; those it was raised with otherwise."""
        return render(self.errors, self.texts if sources is None else sources)


def render(errors: Iterable[ConfigError], sources: Mapping[str, str | bytes]) -> str:
    """*errors* as text for people, each with its line out of *sources*."""
    split: dict[str, list[str]] = {}
    parts = []
    errors = tuple(errors)
    for error in errors[:ERRORS_MAX]:
        if error.at.file not in split:
            split[error.at.file] = _lines(sources[error.at.file]) if error.at.file in sources else []
        lines = split[error.at.file]
        parts.append(error.render(lines[error.at.line - 1] if 0 < error.at.line <= len(lines) else None))
    if len(errors) > ERRORS_MAX:
        parts.append(f"and {len(errors) - ERRORS_MAX} more")
    return "\n".join(parts)


def in_order(errors: Iterable[ConfigError], files: Iterable[str] = ()) -> list[ConfigError]:
    """*errors* in the order of *files*, each file from its top."""
    rank = {file: index for index, file in enumerate(files)}
    return sorted(errors, key=lambda e: (rank.get(e.at.file, len(rank)), e.at.file, e.at.line, e.at.column))


def _cut(words: str) -> str:
    return words if len(words) <= WORDS_SHOWN_MAX else words[: WORDS_SHOWN_MAX - len(CUT)] + CUT


def _lines(source: str | bytes) -> list[str]:
    text = source.decode("utf-8-sig", "replace") if isinstance(source, bytes) else source
    return text.removeprefix("\ufeff").split("\n")


def _window(line: str, column: int) -> tuple[str, str]:
    """The part of *line* about *column*, and a line with a caret below that place."""
    line = line.rstrip("\r")
    first = 0 if column <= LINE_SHOWN_MAX - 20 else column - LINE_SHOWN_MAX // 2
    shown = "".join(
        c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[first:][:LINE_SHOWN_MAX]
    )
    before = shown[: column - 1 - first]
    if first + LINE_SHOWN_MAX < len(line):
        shown += CUT
    if first:
        shown, before = CUT + shown, " " * len(CUT) + before
        first -= len(CUT)
    return shown, "".join(map(_blank, before)) + " " * (column - 1 - first - len(before)) + "^"


def _blank(c: str) -> str:
    """What takes as much room on a terminal as *c* does."""
    if c == "\t":
        return c
    if unicodedata.combining(c):
        return ""
    return "  " if unicodedata.east_asian_width(c) in "WF" else " "
