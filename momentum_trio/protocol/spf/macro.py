"""Macro strings (RFC 7208 section 7): parsed once, expanded with the values of one check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from momentum_trio.net.dns_records import NAME_OCTETS_MAX

ONLY_IN_EXPLANATIONS = frozenset("crt")
_UNRESERVED = "-._~"
_PIECE = re.compile(
    r"%\{(?P<letter>[A-Za-z])(?P<count>[0-9]{0,4})(?P<reverse>[rR]?)(?P<delimiters>[.+,/_=-]*)\}"
    r"|(?P<escape>%%|%_|%-)"
    r"|(?P<literal>[!-$&-~]+)"
)
_PIECE_OR_BLANKS = re.compile(_PIECE.pattern + "|(?P<blanks> +)")
_ESCAPED = {"%%": "%", "%_": " ", "%-": "%20"}
_LETTERS = frozenset("slodiphcrtv")
_LAST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Macro:
    """``%{d2r}``. letter: in lower case. count: parts kept from the right; 0: all. escapes: it was in upper case."""

    letter: str
    count: int = 0
    reverses: bool = False
    delimiters: str = "."
    escapes: bool = False

    def expanded(self, value: str) -> str:
        """*value* split, turned, cut and joined (section 7.3)."""
        parts = re.split(f"[{re.escape(self.delimiters)}]", value)
        if self.reverses:
            parts.reverse()
        text = ".".join(parts[-self.count :] if self.count else parts)
        return quote(text, safe=_UNRESERVED, errors="replace") if self.escapes else text


@dataclass(frozen=True, slots=True)
class Template:
    """A macro string: literal text and macros in turn."""

    parts: tuple[str | Macro, ...]

    @classmethod
    def parse(cls, text: str, *, explains: bool = False) -> Template:
        """explains: it is the text of an explanation, which may hold blanks and more letters. Raises ValueError."""
        parts: list[str | Macro] = []
        piece, at = _PIECE_OR_BLANKS if explains else _PIECE, 0
        while at < len(text):
            match = piece.match(text, at)
            if match is None:
                raise ValueError(f"'{text[at : at + 20]}' is no part of a macro string")
            parts.append(_macro(match, explains=explains) if match["letter"] else _plain(match))
            at = match.end()
        return cls(tuple(parts))

    @classmethod
    def parse_domain(cls, text: str) -> Template:
        """A domain-spec: it ends in a macro, or in a label that is no number. Raises ValueError."""
        template = cls.parse(text)
        if not template.parts or not (isinstance(template.parts[-1], Macro) or _ends_in_label(text)):
            raise ValueError(f"'{text[:40]}' is no domain")
        return template

    @property
    def letters(self) -> frozenset[str]:
        """Those of its macros."""
        return frozenset(part.letter for part in self.parts if isinstance(part, Macro))

    def expand(self, values: Mapping[str, str]) -> str:
        """The text. values: by letter."""
        return "".join(part if isinstance(part, str) else part.expanded(values[part.letter]) for part in self.parts)

    def expand_domain(self, values: Mapping[str, str]) -> str:
        """The name, without its last dot; labels of its left are dropped where it is too long (section 7.3)."""
        name = self.expand(values).removesuffix(".")
        while len(name) > NAME_OCTETS_MAX and "." in name:
            name = name.partition(".")[2]
        return name


def _ends_in_label(text: str) -> bool:
    _, dot, label = text.removesuffix(".").rpartition(".")
    return bool(dot) and _LAST_LABEL.fullmatch(label) is not None and not label.isdigit()


def _plain(match: re.Match[str]) -> str:
    return _ESCAPED[match["escape"]] if match["escape"] else match[0]


def _macro(match: re.Match[str], *, explains: bool) -> Macro:
    letter = match["letter"].lower()
    if letter not in _LETTERS or (letter in ONLY_IN_EXPLANATIONS and not explains):
        raise ValueError(f"there is no macro '{match[0]}' here")
    count = int(match["count"] or 0)
    if match["count"] and not count:
        raise ValueError(f"'{match[0]}' keeps no part")
    return Macro(letter, count, bool(match["reverse"]), match["delimiters"] or ".", match["letter"].isupper())
