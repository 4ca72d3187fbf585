"""The Authentication-Results field (RFC 8601): ours written, those of others read as far as whose they say they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAME = "authentication-results"
VALUE_CHARACTERS_MAX = 255
METHODS_MAX = 20

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@-]+")
_SPECIAL = re.compile(r'(["\\])')
_NOT_PLAIN = re.compile(r"[^ -~]")
_IDENTIFIER = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s;()"]+)', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_OF_COMMENT = re.compile(r"[^\\()]+|\\.|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Method:
    """What one method has found: ``spf``, ``pass``, why, and of what: pairs like ``smtp.mailfrom``, ``b.example``."""

    name: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        reason = f" reason={quoted(self.reason)}" if self.reason else ""
        pairs = "".join(f"\r\n\t {name}={value_of(value)}" for name, value in self.properties if value)
        return f"{self.name}={self.result}{reason}{pairs}"


def results_field(authserv_id: str, methods: Sequence[Method]) -> str:
    """The whole field, lines ended by CRLF. Without methods it says so (section 2.2)."""
    said = "".join(f";\r\n\t{method}" for method in methods[:METHODS_MAX]) or "; none"
    return f"Authentication-Results: {value_of(authserv_id)}{said}\r\n"


def value_of(text: str) -> str:
    """*text* as a value (RFC 2045 section 5.1): a token where it is one, else quoted."""
    text = text[:VALUE_CHARACTERS_MAX]
    return text if _TOKEN.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """*text* as a quoted string of one line of printable ASCII."""
    escaped = _SPECIAL.sub(r"\\\1", _NOT_PLAIN.sub("?", text[:VALUE_CHARACTERS_MAX]))
    return f'"{escaped}"'


def claims(field: bytes, authserv_id: str) -> bool:
    """Whether the whole *field* says that it was made by *authserv_id*, or cannot be read."""
    said = identifier_in(field.partition(b":")[2].decode("latin-1"))
    return not said or said.partition("/")[0].rstrip(".").lower() == authserv_id.rstrip(".").lower()


def identifier_in(value: str) -> str:
    """The authserv-id in the *value* of a field; empty where there is none."""
    at = _after_comments(value)
    match = _IDENTIFIER.match(value, at)
    if match is None:
        return ""
    return match[2] if match[1] is None else _QUOTED_PAIR.sub(r"\1", match[1])


def _after_comments(value: str) -> int:
    """Where blanks and comments, which may nest, end at the beginning of *value*."""
    depth, at = 0, 0
    while at < len(value):
        if not depth and value[at].isspace():
            at += 1
            continue
        if not depth and value[at] != "(":
            break
        match = _OF_COMMENT.match(value, at)
        assert match is not None
        depth += (match[0] == "(") - (match[0] == ")")
        at = match.end()
    return at
