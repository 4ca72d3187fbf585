"""The target of a request, in origin-form alone (RFC 9112 section 3.2): its path decoded once, its query in pairs."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from momentum_trio.protocol.http.refusal import RemoteProtocolError, refusal
from momentum_trio.protocol.http.response import Response

PAIRS_MAX = 100
"""Pairs of one query."""
ASTERISK = "*"
"""The target of an OPTIONS for the server as a whole (section 3.2.4)."""

_PLAIN = re.compile(r"/[A-Za-z0-9\-_~/]*+")
_ORIGIN_FORM = re.compile(
    r"(/(?:[A-Za-z0-9\-._~!$&'(*+,;=:@/)]++|%[0-9A-Fa-f]{2})*)(?:\?((?:[A-Za-z0-9\-._~!$&'(*+,;=:@/?)]++|%[0-9A-Fa-f]{2})*))?"
)
_AMBIGUOUS = re.compile(r"%(?:2[fF]|5[cC])")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")


class Target(NamedTuple):
    """path: decoded; ``*`` of the asterisk-form."""

    path: str
    query: tuple[tuple[str, str], ...] = ()


def parse(text: str, method: str) -> Target:
    """What *text* asks for. Raises RemoteProtocolError where it can be understood in more ways than one, or in none.

    Absolute-form and authority-form are for proxies, which this is not.
    """
    if _PLAIN.fullmatch(text):
        return Target(text)
    if text == ASTERISK and method == "OPTIONS":
        return Target(ASTERISK)
    found = _ORIGIN_FORM.fullmatch(text)
    if found is None:
        raise RemoteProtocolError(_refusal("it is no path, with or without a query"))
    return Target(_path(found[1]), _query(found[2] or ""))


def _path(text: str) -> str:
    path = text
    if "%" in text:
        if _AMBIGUOUS.search(text):
            raise RemoteProtocolError(_refusal("a slash in it is encoded"))
        path = _decoded(text)
        if _CONTROL.search(path):
            raise RemoteProtocolError(_refusal("there is a control character in its path"))
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise RemoteProtocolError(_refusal("its path climbs: a segment is . or .."))
    return path


def _query(text: str) -> tuple[tuple[str, str], ...]:
    if not text:
        return ()
    pairs = [pair for pair in text.replace("+", "%20").split("&") if pair]
    if len(pairs) > PAIRS_MAX:
        raise RemoteProtocolError(_refusal(f"its query has more than {PAIRS_MAX} pairs"))
    halves = [pair.partition("=") for pair in pairs]
    return tuple([(_decoded(name), _decoded(value)) for name, _, value in halves])


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError(_refusal("what it encodes is no UTF-8")) from None


def _refusal(why: str) -> Response:
    return refusal(400, "Bad request target", f"The target of the request is refused: {why}.", closes=True)
