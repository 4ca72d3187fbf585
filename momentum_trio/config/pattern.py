"""Patterns from people: regex domain instances and options that hold patterns, on RE2 (SECURITY.md, Patterns).

RE2 matches in linear time whatever the pattern. What it lacks of PCRE (lookaround, back references, atomic groups,
possessive repeats, repeats over 1,000) is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

PATTERN_OCTETS_MAX = 4096

_LACKING = {
    "(?=": "lookahead",
    "(?!": "negative lookahead",
    "(?<=": "lookbehind",
    "(?<!": "negative lookbehind",
    "(?<": "lookbehind",
    "(?>": "atomic group",
    "(?(": "conditional group",
    "(?#": "comment group",
    "(?|": "branch reset group",
}


_LACKING_ESCAPES = {
    "G": "anchor",
    "K": "reset of the match",
    "N": "class",
    "R": "class",
    "X": "class",
    "Z": "anchor",
    "g": "back reference",
    "h": "class",
    "H": "class",
    "k": "back reference",
    "V": "class",
}


def check_pattern(text: str) -> None:
    """Raises ValueError that names the construct when *text* is no pattern of RE2."""
    _compiled(text)


class Pattern:
    """One pattern that says what it found; case counts unless *any_case*. Raises ValueError as ``check_pattern``."""

    __slots__ = ("_pattern", "text")

    def __init__(self, text: str, *, any_case: bool = False) -> None:
        self.text = text
        self._pattern = _compiled(text, any_case=any_case)

    def found_in(self, text: str) -> tuple[str, ...] | None:
        """What of *text* the pattern matches first, then what its groups do; None when it is not found."""
        match = self._pattern.search(text)
        return None if match is None else (match[0], *(group or "" for group in match.groups()))


class PatternSet:
    """Patterns tried together against one text, any case, unanchored."""

    __slots__ = ("_set",)

    def __init__(self, patterns: Sequence[str]) -> None:
        """Every pattern is known to be good."""
        self._set = None
        if patterns:
            self._set = re2.Set.SearchSet(_options())
            for pattern in patterns:
                self._set.Add(pattern)
            self._set.Compile()

    def matching(self, text: str) -> list[int]:
        """The numbers of the patterns found in *text*, in the order in which they were given."""
        if not text.isascii():  # what is no text at all cannot reach RE2
            text = text.encode("utf-8", "replace").decode()
        return sorted(self._set.Match(text) or ()) if self._set is not None else []


def _options(*, any_case: bool = True) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = not any_case
    options.log_errors = False  # RE2 would print to stderr
    return options


def _compiled(text: str, *, any_case: bool = True) -> re2._Regexp:
    if len(text.encode("utf-8", "surrogatepass")) > PATTERN_OCTETS_MAX:
        raise ValueError(f"the pattern is longer than {PATTERN_OCTETS_MAX} octets")
    try:
        return re2.compile(text, _options(any_case=any_case))
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error.args[0])
        raise ValueError(_explained(said)) from None


def _explained(said: str) -> str:
    """RE2's words, and the construct's name where it is one that RE2 lacks."""
    kind, _, construct = said.partition(": ")
    if kind == "invalid perl operator":
        return f"RE2 has no {_LACKING.get(construct, 'such group')} {construct.removesuffix(')')}...)"
    if kind == "invalid escape sequence" and construct[1:].isdigit():
        return f"RE2 has no back reference {construct}"
    if kind == "invalid escape sequence" and construct[1:] in _LACKING_ESCAPES:
        return f"RE2 has no {_LACKING_ESCAPES[construct[1:]]} {construct}"
    if kind == "bad repetition operator" and construct.endswith("+"):
        return f"RE2 has no possessive repeat {construct}"
    if kind == "invalid repetition size":
        return f"RE2 repeats at most 1000 times, not {construct}"
    return f"the pattern is wrong: {said}"
