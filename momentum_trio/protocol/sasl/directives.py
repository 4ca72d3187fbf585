"""Directives of DIGEST-MD5: ``realm="x",nonce="y",qop=auth`` (RFC 2831 section 7.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

DIRECTIVES_MAX = 32
_SPACE = r"[ \t\r\n]*+"
_TOKEN = r"[!#-'*+\-.0-9A-Z^_`a-z|~]++"
_DIRECTIVE = re.compile(
    rf'{_SPACE}({_TOKEN}){_SPACE}={_SPACE}(?:"((?:[^"\\]|\\.)*)"|({_TOKEN})){_SPACE}(?:,[ \t\r\n,]*+|\Z)', re.DOTALL
)
_EMPTY = re.compile(r"[ \t\r\n,]*+")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def parse(octets: bytes) -> dict[str, str]:
    """The directives by lower-case name. Raises ValueError where *octets* are none, or name one twice."""
    text = octets.decode()
    found: dict[str, str] = {}
    at = _EMPTY.match(text).end()  # type: ignore[union-attr]
    while at < len(text):
        directive = _DIRECTIVE.match(text, at)
        if directive is None or directive[1].lower() in found or len(found) == DIRECTIVES_MAX:
            raise ValueError(f"no directive at character {at}, one said twice, or too many")
        quoted, token = directive[2], directive[3]
        found[directive[1].lower()] = _QUOTED_PAIR.sub(r"\1", quoted) if token is None else token
        at = directive.end()
    return found


def write(pairs: Iterable[tuple[str, str]], tokens: frozenset[str]) -> bytes:
    """*pairs* as directives, in their order; the values of those named in *tokens* without quotes."""
    return ",".join(f"{name}={value if name in tokens else _quoted(value)}" for name, value in pairs).encode()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
